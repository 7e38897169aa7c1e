"""The four processes of docker-compose.yml on the loopback interface, without Docker.

PostgreSQL (embedded), redis-server, one web process without a worker, one worker. For tests, which kill and
restart parts while customers talk, and for a look at the many-process mode: `python -m tools.stack`.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psycopg

from helpdesk import embedded

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90
STOP_SECONDS = 20


class StackError(Exception):
    """A part of the stack did not come up; the text has the end of its log."""


class Stack:
    """Starts the parts on entry and ends them, and only them, on exit.

    `base_url`, `database_url` and `redis_url` say where things are; what a part prints is in
    `<home>/<part>.log`. Given a `database_url`, it starts no PostgreSQL.
    """

    parts: tuple[str, ...] = ("redis", "web", "worker")

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        database_url: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.port = port or _free_port()
        self.redis_port = _free_port()
        self.database_url = database_url or ""
        self.environment = environment or {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._exit = contextlib.ExitStack()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.home.mkdir(parents=True, exist_ok=True)
            if not self.database_url:
                stack.enter_context(embedded.used(self.home))
                self.database_url = embedded.url(self.home)
            stack.callback(self._end_all)
            for part in self.parts:
                self.start(part)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._exit.close()

    def start(self, *parts: str) -> None:
        """Starts parts at once and waits until all can be used."""
        for part in parts:
            self._spawn(part)
        for part in parts:
            self._wait(part)

    def _spawn(self, part: str) -> None:
        if part in self._processes:
            message = f"{part} runs already."
            raise StackError(message)
        self._started[part] = time.time()
        with self.log(part).open("ab") as log:
            self._processes[part] = subprocess.Popen(
                self._command(part),
                cwd=ROOT,
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, part: str) -> int:
        """Asks one part to end, waits for it and returns its exit code; kills it when it takes too long."""
        process = self._processes.pop(part)
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self, part: str) -> None:
        """Ends one part the hard way, as a crash would, together with what it started."""
        process = self._processes.pop(part)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, part: str) -> Path:
        return self.home / f"{part}.log"

    def died(self) -> str | None:
        """Returns the name of a part that ended by itself."""
        return next((part for part, process in self._processes.items() if process.poll() is not None), None)

    def _end_all(self) -> None:
        for part in reversed(self.parts):
            if part in self._processes:
                self.stop(part)

    def _variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "helpdesk.settings",
            "HELPDESK_HOME": str(self.home),
            "HELPDESK_DEMO": "1",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }

    def _command(self, part: str) -> list[str]:
        manage = [sys.executable, str(ROOT / "manage.py")]
        if part == "web":
            return [*manage, "serve", "--no-worker"]
        if part == "worker":
            return [*manage, "work"]
        server = shutil.which("redis-server")
        if server is None:
            message = "redis-server is missing; `python -m tools.system_parts` gets it or says how."
            raise StackError(message)
        options = {"bind": "127.0.0.1", "port": str(self.redis_port), "save": "", "appendonly": "no"}
        return [server, *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _wait(self, part: str) -> None:
        process = self._processes[part]
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready(part):
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill(part)
                text = self.log(part).read_text(encoding="utf-8", errors="replace")
                message = f"{part} did not come up:\n{text[-3000:]}"
                raise StackError(message)
            time.sleep(0.05)

    def _is_ready(self, part: str) -> bool:
        if part == "redis":
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.redis_port), 1) as probe,
            ):
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
            return False
        if part == "web":
            with contextlib.suppress(OSError, urllib.error.URLError):
                address = f"{self.base_url}/health/ready"
                with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 (our own address)
                    return bool(answer.status == 200)  # noqa: PLR2004
            return False
        return self._worker_reported()

    def _worker_reported(self) -> bool:
        """Asks the database, where a worker signs on and then gives a sign of life every few seconds."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat >= to_timestamp(%s)",
                [self._started["worker"]],
            ).fetchone()
            return row is not None and row[0] > 0
        return False


def _free_port() -> int:
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def _passing_home() -> Iterator[Path]:
    """A home that is gone afterwards, database included."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-stack-") as name:
        home = Path(name).resolve()
        # The system user that runs PostgreSQL under root has to get in.
        home.chmod(0o755)
        yield home
        embedded.destroy(home)


def main() -> int:
    """Runs the stack until Ctrl-C and prints where it is."""
    given = os.environ.get("HELPDESK_HOME")
    port = int(os.environ.get("PORT", "8000"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        home = Path(given) if given else stack.enter_context(_passing_home())
        try:
            running = stack.enter_context(Stack(home, port=port, database_url=os.environ.get("DATABASE_URL")))
            print(f"web      {running.base_url}/\ndesk     {running.base_url}/admin/")
            print(
                f"redis    {running.redis_url}\nlogs     {running.home}/*.log\nCtrl-C ends all of it.",
                flush=True,
            )
            while not (part := running.died()):
                time.sleep(0.5)
        except (StackError, embedded.ServerError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except KeyboardInterrupt:
            return 0
        sys.stderr.write(f"{part} ended; its log: {running.log(part)}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
