"""The product as in production, two of each process, and whoever restarts what dies.

Web ×2, worker ×2, PostgreSQL, Redis, simulated providers and a fake model. The supervisor starts again
at once what has died, as systemd or a container platform does; providers and model are never killed, since
their ledgers judge.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.faults import clock
from benchmarks.faults.disk import SmallDisk
from benchmarks.faults.parts import Kills, Part, answers, children, end, signal_to
from benchmarks.faults.payloads import SECRETS
from benchmarks.processes import ROOT, Home, free_port
from helpdesk import embedded
from helpdesk.embedded import process
from helpdesk.embedded.state import data_of

PROVIDERS = ("whatsapp_cloud", "telegram", "email", "api")
MODULES = {"whatsapp_cloud": "whatsapp_cloud", "telegram": "telegram", "email": "mail", "api": "api_channel"}
KILLED = ("web1", "web2", "worker1", "worker2")
# Where a process may be told to die by itself: name, and among how many passes.
POINTS = {
    "web": (("door.stored", 40), ("receive.before_commit", 40)),
    "worker": (
        ("intake.taken_in", 60),
        ("receive.before_commit", 60),
        ("sending.claimed", 40),
        ("sending.called", 40),
        ("campaigns.written", 150),
    ),
}
WEIGHTS = {"worker": 4, "web": 4, "backend": 2, "postmaster": 2, "redis": 1}
READY_SECONDS = 60


class Cluster:
    """All processes; a context. `points`: whether processes are also told to die at named places."""

    providers: tuple[str, ...] = PROVIDERS
    workers: tuple[str, ...] = ("worker1", "worker2")

    def __init__(
        self,
        home: Home,
        seed: int,
        *,
        points: bool = True,
        model: tuple[str, ...] = ("--tokens", "8"),
        disk: SmallDisk | None = None,
        clocks: bool = False,
    ) -> None:
        self.home, self.random, self.points, self.model = home, random.Random(seed), points, model
        self.disk, self.clocks = disk, clocks
        self.kills = Kills()
        self.parts: dict[str, Part] = {}
        self.ports = {name: free_port() for name in ("web1", "web2", "redis", "model", *self.providers)}
        self.is_ending = threading.Event()
        self.keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    @property
    def webs(self) -> list[str]:
        """The addresses of the web processes."""
        return [f"http://127.0.0.1:{self.ports[name]}" for name in ("web1", "web2")]

    def provider(self, name: str) -> str:
        """The address of a simulator."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def ledger(self, name: str) -> Path:
        """What a simulator accepted, a JSON object a line."""
        return self.home.path / f"{name}.ledger"

    @contextlib.contextmanager
    def running(self) -> Iterator[dict[str, Any]]:
        """Runs everything; yields the keys of inboxes and API. What dies of the product is restarted."""
        try:
            self._start(self._outside())
            told = self._prepared()
            self._start(self._product())
            self._wait_for(*self.ports)
            self.keeper.start()
            yield told
        finally:
            self.is_ending.set()
            if self.keeper.is_alive():
                self.keeper.join()
            for part in reversed(list(self.parts.values())):
                end(part)

    def _start(self, parts: Iterator[Part]) -> None:
        for part in parts:
            self.parts[part.name] = part
            self._spawn(part)

    def _prepared(self) -> dict[str, Any]:
        """Fills the database with inboxes of the simulated providers, and tells these where to call."""
        self._wait_for(*self.providers)
        addresses = {name: self.provider(name) for name in self.providers}
        smtp = httpx.get(f"{self.provider('email')}/_ports").raise_for_status().json()["smtp"]
        os.environ["FAULT_PROVIDERS"] = json.dumps({**addresses, "smtp": smtp})
        told: dict[str, Any] = json.loads(self.home.prepared("benchmarks.faults.prepare"))
        for name in self.providers:
            hooks = ",".join(f"{web}/hooks/{told['inboxes'][name]}" for web in self.webs)
            httpx.post(f"{self.provider(name)}/_hook", json={"hook": hooks}).raise_for_status()
        return told

    def _outside(self) -> Iterator[Part]:
        """Providers, model and Redis."""
        python = [sys.executable, "-m"]
        for name in self.providers:
            options = {"port": self.ports[name], "secret": SECRETS[name], "ledger": self.ledger(name)}
            words = [f"--{option}={value}" for option, value in options.items()]
            yield Part(name, [*python, f"tests.fakes.{MODULES[name]}", *words], dict(os.environ))
        model = [*python, "tests.fakes.openai_server", "--port", str(self.ports["model"]), *self.model]
        yield Part("model", model, dict(os.environ))
        redis = shutil.which("redis-server") or "redis-server"
        options = {"bind": "127.0.0.1", "port": str(self.ports["redis"]), "save": "", "appendonly": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        yield Part("redis", [redis, *words], dict(os.environ))

    def _product(self) -> Iterator[Part]:
        """Web processes and workers."""
        manage = [sys.executable, "manage.py"]
        for name in ("web1", "web2"):
            command = [*manage, "serve", "--no-worker", "--port", str(self.ports[name])]
            own_clock = clock.variables(self.home.path / f"{name}.clock") if self.clocks else {}
            yield Part(name, command, self._variables(PORT=str(self.ports[name]), **own_clock))
        for name in self.workers:
            yield Part(name, [*manage, "work"], self._variables())

    def _variables(self, **more: str) -> dict[str, str]:
        return self.home.environment(
            DATABASE_URL=self.home.database_url,
            REDIS_URL=f"redis://127.0.0.1:{self.ports['redis']}/0",
            LLM_BASE_URL=f"http://127.0.0.1:{self.ports['model']}/v1",
            LLM_API_KEY="none",
            LLM_MODEL="fake",
            OUTBOUND_ALLOW="127.0.0.0/8",
            LOG_LEVEL="ERROR",
            **more,
        )

    def _spawn(self, part: Part, **more: str) -> None:
        with (self.home.path / f"{part.name}.log").open("ab") as log:
            part.child = subprocess.Popen(
                part.command,
                cwd=ROOT,
                env={**part.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        part.starts += 1

    # Dying and coming back.

    def kill(self) -> str:
        """Kills something, as the weights say; returns what."""
        kind = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind in {"web", "worker"}:
            self.kill_part(f"{kind}{self.random.randint(1, 2)}")
        elif kind == "redis":
            self.kill_part("redis")
        else:
            self.kill_database(all_of_it=kind == "postmaster")
        return kind

    def kill_part(self, name: str) -> None:
        """SIGKILL to one process, with what it started."""
        child = self.parts[name].child
        if child is not None and child.poll() is None:
            self.kills.note(name.rstrip("12"))
            self.parts[name].point = ""
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def stop_part(self, name: str) -> None:
        """SIGTERM to one process: it ends when it has done what it had begun."""
        child = self.parts[name].child
        if child is not None and child.poll() is None:
            self.kills.note(f"{name.rstrip('12')} told to end")
            self.parts[name].point = ""
            child.terminate()

    def freeze(self, seconds: float) -> None:
        """SIGSTOP to Redis, a web process or a backend of PostgreSQL, as when the network to it is gone."""
        kind = self.random.choice(("redis", "web", "backend"))
        if kind == "backend":
            first = process.pid_of(data_of(self.home.path))
            pids = children(first) if first else []
            pid = self.random.choice(pids) if pids else 0
        else:
            child = self.parts[kind if kind == "redis" else f"web{self.random.randint(1, 2)}"].child
            pid = child.pid if child is not None and child.poll() is None else 0
        if pid and signal_to(pid, signal.SIGSTOP):
            self.kills.note(f"{kind} frozen")
            threading.Timer(seconds, signal_to, (pid, signal.SIGCONT)).start()

    def fill_disk(self, seconds: float) -> None:
        """Leaves PostgreSQL no room for so long."""
        if self.disk is not None:
            self.kills.note("disk full")
            self.disk.fill()
            threading.Timer(seconds, self.disk.free).start()

    def turn_clock(self, offset: str) -> None:
        """Lets one web process believe in another time."""
        name = f"web{self.random.randint(1, 2)}"
        self.kills.note(f"clock at {offset}")
        clock.turn(self.home.path / f"{name}.clock", offset)

    def kill_everything(self) -> None:
        """The power fails: all processes of ours and PostgreSQL at once."""
        for name in (*KILLED, "redis"):
            self.kill_part(name)
        self.kill_database(all_of_it=True)

    def kill_database(self, *, all_of_it: bool) -> None:
        """SIGKILL to one backend of PostgreSQL, or to the postmaster."""
        first = process.pid_of(data_of(self.home.path))
        if first is None:
            return
        backends = children(first)
        if not backends:
            return
        self.kills.note("postmaster" if all_of_it else "backend")
        targets = [first] if all_of_it else [self.random.choice(backends)]
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _keep(self) -> None:
        """Starts again what has died, until the end."""
        while not self.is_ending.is_set():
            for part in self.parts.values():
                if part.child is not None and part.child.poll() is not None:
                    self._revive(part)
            if process.pid_of(data_of(self.home.path)) is None:
                with contextlib.suppress(Exception):
                    embedded.ensure(self.home.path)
            time.sleep(0.05)

    def _revive(self, part: Part) -> None:
        if part.point:
            # Nobody else killed it: it reached the place where it was told to die.
            self.kills.note(part.point)
        more, part.point = {}, ""
        points = POINTS.get(part.name.rstrip("12"))
        if self.points and points and self.random.random() < 0.5:
            name, passes = self.random.choice(points)
            more = {"HELPDESK_CRASH_AT": f"{name}:{self.random.randint(1, passes)}"}
            part.point = name
        self._spawn(part, **more)

    def _wait_for(self, *names: str) -> None:
        ends_at = time.monotonic() + READY_SECONDS
        while silent := [name for name in names if not answers(self.ports[name])]:
            if time.monotonic() > ends_at:
                said = (self.home.path / f"{silent[0]}.log").read_text(encoding="utf-8", errors="replace")
                message = f"{', '.join(silent)} did not come up:\n{said[-3000:]}"
                raise RuntimeError(message)
            time.sleep(0.1)
