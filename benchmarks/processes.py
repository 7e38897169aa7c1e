"""The processes of a measurement: started here, ended here, watched through /proc (Linux)."""

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from helpdesk import embedded
from helpdesk.embedded import process
from helpdesk.embedded.state import data_of

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0
STOP_SECONDS = 20
# Nothing of the caller's own installation may leak into a measurement.
FOREIGN = (
    *("DATABASE_URL", "REDIS_URL", "DEBUG", "DATABASE_THREADS", "WORKER_CONCURRENCY", "HELPDESK_WORKER"),
    *("LLM_", "OPENAI_", "OPENROUTER_", "GEMINI_", "GROQ_", "ANTHROPIC_", "OLLAMA_"),
)


class Process:
    """A child in a session of its own; `name` and its log say what went wrong with it."""

    def __init__(
        self, name: str, command: list[str], *, log: Path, environment: dict[str, str], folder: Path = ROOT
    ) -> None:
        self.name, self.log = name, log
        with log.open("ab") as out:
            self.child = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def wait_until(self, is_ready: Callable[[], bool]) -> float:
        """Waits until it can be used; returns the seconds that took."""
        began = time.monotonic()
        while not is_ready():
            if self.child.poll() is not None or time.monotonic() - began > READY_SECONDS:
                said = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
                message = f"{self.name} did not come up:\n{said}"
                raise RuntimeError(message)
            time.sleep(0.02)
        return time.monotonic() - began

    def cpu_seconds(self) -> float:
        """Processor time so far, all threads, user and system."""
        return cpu_seconds(self.child.pid)

    def memory(self) -> tuple[float, float]:
        """Resident and proportional size in MiB."""
        text = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text(encoding="utf-8")
        sizes = {key: int(value.split()[0]) / 1024 for key, _, value in map(_split, text.splitlines()[1:])}
        return sizes["Rss"], sizes["Pss"]


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """Returns the processor time of a process so far, and of its `ended` children if asked for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # it has just ended, and its parent counts it
        return 0.0
    return sum(map(int, fields[11 : 15 if ended else 13])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in text.split()]


def _split(row: str) -> tuple[str, str, str]:
    return row.partition(":")


class Home:
    """A data directory with the embedded PostgreSQL (fsync on), gone afterwards.

    `cold`: PostgreSQL is left to the product, which starts and stops it.
    """

    def __init__(self, *, cold: bool = False) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="helpdesk-bench-"))
        self.cold = cold
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.stack.callback(shutil.rmtree, self.path, ignore_errors=True)
        self.stack.callback(embedded.destroy, self.path)
        if not self.cold:
            self.stack.enter_context(embedded.used(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    @property
    def database_url(self) -> str:
        return embedded.url(self.path)

    def database_cpu_seconds(self) -> float:
        """Processor time of PostgreSQL so far, with all that its ended processes took."""
        first = process.pid_of(data_of(self.path)) or 0
        return sum(cpu_seconds(pid, ended=pid == first) for pid in (first, *_children(first)))

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a process of the product."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **kept,
            "HELPDESK_HOME": str(self.path),
            "HELPDESK_DEMO": "0",
            "CHAT_MESSAGES_PER_MINUTE": "1000000",
            "CHAT_NEWCOMERS_PER_MINUTE": "1000000",
            "PYTHONUNBUFFERED": "1",
            **more,
        }

    def prepared(self, script: str, *arguments: str) -> str:
        """Runs a module of ours inside the product's settings and returns the last line it printed."""
        environment = self.environment(DJANGO_SETTINGS_MODULE="helpdesk.settings")
        command = [sys.executable, "-m", script, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=540
        )
        return done.stdout.strip().splitlines()[-1]

    @contextlib.contextmanager
    def server(self, *arguments: str, **variables: str) -> Iterator["Server"]:
        """Runs `manage.py serve`; yields it once it is ready."""
        port = free_port()
        command = [sys.executable, "manage.py", "serve", *arguments]
        environment = self.environment(PORT=str(port), **variables)
        with Server("the server", command, log=self.path / "serve.log", environment=environment) as server:
            server.port = port
            server.seconds = server.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health/ready"))
            yield server

    @contextlib.contextmanager
    def module(self, name: str, *arguments: str) -> Iterator["Server"]:
        """Runs a module that serves on `--port`; yields it once it accepts connections."""
        port = free_port()
        command = [sys.executable, "-m", name, *arguments, "--port", str(port)]
        log = self.path / f"{name}.log"
        with Server(name, command, log=log, environment=self.environment()) as server:
            server.port = port
            server.wait_until(lambda: listens(port))
            yield server

    @contextlib.contextmanager
    def redis(self) -> Iterator[str]:
        """Runs a Redis that keeps nothing and yields its address; "" where none is installed."""
        program, port = shutil.which("redis-server"), free_port()
        if program is None:
            yield ""
            return
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        with Process("Redis", command, log=self.path / "redis.log", environment=dict(os.environ)) as redis:
            redis.wait_until(lambda: listens(port))
            yield f"redis://127.0.0.1:{port}/0"

    @contextlib.contextmanager
    def worker(self) -> Iterator[Process]:
        """Runs `manage.py work`."""
        command = [sys.executable, "manage.py", "work"]
        log = self.path / "work.log"
        with Process("the worker", command, log=log, environment=self.environment()) as worker:
            yield worker


class Server(Process):
    """A process that listens."""

    port = 0
    seconds = 0.0

    @property
    def chat(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/chat/"

    @property
    def desk(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/desk/"


def leave_when_told() -> None:
    """Lets SIGTERM end this process like an exception, so that no process of its own outlives it."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def free_port() -> int:
    """Returns a port of the loopback interface that nobody listens on."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Returns whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _answers(address: str) -> bool:
    with (
        contextlib.suppress(OSError, urllib.error.URLError),
        urllib.request.urlopen(address, timeout=5) as answer,  # noqa: S310 (our own loopback address)
    ):
        return bool(answer.status == 200)
    return False
