"""`manage.py serve` as a process: from an empty directory, through a kill -9, to a clean end."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk import embedded

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A server in a home and on a port of its own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="helpdesk-serve-")).resolve()
        self.home.chmod(0o755)
        self.port = 20_000 + secrets.randbelow(12_000)
        self.process: subprocess.Popen[str] | None = None

    @classmethod
    def beside(cls, other: "Server") -> "Server":
        """Another server in the same home."""
        made = cls.__new__(cls)
        made.home, made.port, made.process = other.home, other.port + 1, None
        return made

    def spawn(self, *options: str, port: int | None = None) -> subprocess.Popen[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
        } | {"HELPDESK_HOME": str(self.home), "HELPDESK_DEMO": "0", "PORT": str(port or self.port)}
        return subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "serve", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, *options: str) -> str:
        """Returns what it printed until it was ready."""
        self.process = self.spawn(*options)
        assert self.process.stdout is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("Ctrl-C")):
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            lines.append(line)
        return "".join(lines)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Sends the signal to the whole group; returns exit code and what it still had to say."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        out, err = self.process.communicate()
        return self.process.returncode, out + err

    def get(self, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return int(answer.status)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGKILL)
    embedded.destroy(made.home)
    shutil.rmtree(made.home)


def test_empty_directory_becomes_a_server_that_survives_and_stops(server: Server) -> None:
    first = server.start()
    for expected in (
        "Preparing the database",
        f"http://127.0.0.1:{server.port}/admin/",
        "No model key",
        "No REDIS_URL",
    ):
        assert expected in first
    assert "ana" not in first
    assert server.get("/admin/login/") == 200

    taken = server.spawn()
    assert taken.communicate()[1].startswith(f"CommandError: Cannot listen on 127.0.0.1:{server.port}: ")
    assert taken.returncode == 1
    crowded = server.spawn(port=server.port + 1)
    assert "Another server already works in" in crowded.communicate()[1]
    assert crowded.returncode == 1

    server.end(signal.SIGKILL)
    assert embedded.running(server.home)

    second = server.start()
    assert "Preparing" not in second
    assert "Collecting" not in second
    assert server.get("/admin/login/") == 200
    status, told = server.end(signal.SIGINT)
    # What the killed one had in hand may be told of.
    assert (status, [line for line in told.splitlines() if "were put back" not in line]) == (0, [])
    assert not embedded.running(server.home)


def test_terminated_while_it_still_prepares_it_leaves_nothing_running(server: Server) -> None:
    process = server.spawn()
    while not embedded.running(server.home) and process.poll() is None:
        pass
    process.terminate()
    out, err = process.communicate()
    assert process.returncode in {0, 128 + signal.SIGTERM}
    assert "Traceback" not in out + err
    assert not embedded.running(server.home)


def test_web_processes_without_worker_share_a_home(server: Server) -> None:
    neighbour = Server.beside(server)
    server.start("--no-worker")
    neighbour.start("--no-worker")
    assert server.end(signal.SIGTERM)[0] == 0
    assert neighbour.get("/admin/login/") == 200
    assert neighbour.end(signal.SIGTERM)[0] == 0
    assert not embedded.running(server.home)
