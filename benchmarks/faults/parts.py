"""One process of a fault run, what was done to it, and how it is reached."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Part:
    """One process: how it is started, and what has become of it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    child: subprocess.Popen[bytes] | None = None
    starts: int = 0
    # Where this life is to end by itself.
    point: str = ""


@dataclass
class Kills:
    """What was killed, and when."""

    counts: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def note(self, kind: str) -> None:
        """Adds one."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.times.append(time.monotonic())

    @property
    def total(self) -> int:
        """All kinds together."""
        return len(self.times)


def signal_to(pid: int, number: signal.Signals) -> bool:
    """Sends a signal; says whether there was somebody to take it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def children(pid: int) -> list[int]:
    """Returns the processes that a process has started and that still run."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        return [int(child) for child in text.split()]
    return []


def answers(port: int) -> bool:
    """Says whether somebody listens on a port of the loopback interface."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def end(part: Part) -> None:
    """Lets a process end, and makes it when it takes too long."""
    if part.child is None or part.child.poll() is not None:
        return
    part.child.terminate()
    try:
        part.child.wait(15)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(part.child.pid, signal.SIGKILL)
        part.child.wait()
