"""What is known about the cluster of a home, and where its things are."""

import json
import os
import secrets
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

# One call for the whole file system took a third of the time of one for each of a thousand files.
SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
ROLE = DATABASE = "helpdesk"


class ServerError(Exception):
    """The embedded PostgreSQL cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class State:
    """What `<home>/postgres.json` keeps: how to reach the cluster, and what last wrote it."""

    port: int
    password: str
    program: str  # version of the wheel

    @classmethod
    def read(cls, home: Path) -> "State | None":
        try:
            return cls(**json.loads((home / "postgres.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, home: Path) -> None:
        new = home / "postgres.json.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        new.replace(home / "postgres.json")


def data_of(home: Path) -> Path:
    """Returns the cluster's directory without the link that leads to it: its owner may not reach the link."""
    return (home / "postgres").resolve() / "data"


def log_of(home: Path) -> Path:
    """Returns where the server writes what happens to it."""
    return home / "postgres.log"


def is_free(port: int) -> bool:
    """Says whether nothing listens on the port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Picks below the range from which systems take the near end of outgoing connections."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if is_free(port):
            return port
