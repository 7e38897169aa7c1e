"""Opening a ticket and listing tickets beside django-helpdesk, the fastest of the helpdesks measured here.

It runs as its documentation says, on a PostgreSQL that is set as ours, under gunicorn with as many processes
as the product. Whoever asks is signed in there, which costs two statements; here a key is sent, which costs
one.
"""

import contextlib
import itertools
import json
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.api import CONVERSATIONS, SECONDS, Side, Stage, filled, the_product
from benchmarks.api_routes import ROUTES, WORDS, Route
from benchmarks.processes import ROOT, Home, Server, free_port, listens
from benchmarks.report import Figure, reaches

Json = dict[str, Any]
PEER = ROOT / "benchmarks" / "peer"
# Beside `make run`'s own, since it has a package of the name of ours.
PEER_HOME = ROOT / ".venv" / ".peer"
PROCESSES, CLIENTS, ROUNDS = 2, 8, 5
BESIDE = "django-helpdesk"
# Each of its processes has as many threads as there are connections: they may all come to one.
OPEN, LIST = "create a ticket", "list 25 tickets"
WANTED = {OPEN: 3, LIST: 30}
_OURS = {route.name: route for route in ROUTES}


class NoPeer(Exception):
    """The peer could not be installed."""


async def peers(_home: Home, _known: Json) -> list[Figure]:
    """Opening a ticket and the newest 25 of 10,000, beside another helpdesk in as many processes."""
    python = _installed()
    with Home() as home, Home() as its_home:
        known = filled(home)
        with the_product(home, known, PROCESSES) as product, _peer(its_home, python) as (peer, routes):
            stage = Stage(known, CLIENTS)
            turns = ((product, {name: _OURS[name] for name in routes}), (peer, routes))
            for side, asked in turns:
                for route in asked.values():
                    await stage.play(side, route, SECONDS)  # warms up
                side.samples, side.cpu = {}, {}
            for name, _ in itertools.product(routes, range(ROUNDS)):
                for side, asked in turns:
                    await stage.play(side, asked[name], SECONDS)
    return [
        reaches(
            WANTED[name],
            f"{name}, {PROCESSES}×{CLIENTS}",
            product.samples[name].rate,
            "/s",
            ceiling=peer.samples[name].rate,
            beside=BESIDE,
        )
        for name in routes
    ]


def _installed() -> Path:
    """Returns the interpreter of the peer's environment, made once for each list of what it needs."""
    wanted = PEER / "requirements.txt"
    python, done = PEER_HOME / "bin" / "python", PEER_HOME / "requirements.txt"
    if not done.exists() or done.read_bytes() != wanted.read_bytes():
        venv.create(PEER_HOME, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(wanted)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if result.returncode:
            raise NoPeer(result.stderr[-500:])
        shutil.copyfile(wanted, done)
    return python


@contextlib.contextmanager
def _peer(home: Home, python: Path) -> Iterator[tuple[Side, dict[str, Route]]]:
    """Starts it over a database of its own; yields it and what to ask of it."""
    environment = {**home.environment(), "PEER_DATABASE_URL": home.database_url}
    command = [str(python), "site_of_peer.py", str(CONVERSATIONS)]
    prepared = subprocess.run(
        command, cwd=PEER, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    facts = json.loads(prepared.stdout.splitlines()[-1])
    port = free_port()
    serve = [
        "--chdir",
        str(PEER),
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        "4",
        "site_of_peer:application",
    ]
    command = [str(python.with_name("gunicorn")), "--workers", str(PROCESSES), *serve]
    with Server(BESIDE, command, log=home.path / "peer.log", environment=environment, folder=PEER) as server:
        server.port = port
        server.wait_until(lambda: listens(port))
        body = {"queue": facts["queue"], "title": "Late", "description": WORDS, "priority": 3}
        yield (
            Side([server], facts["headers"]),
            {
                OPEN: Route(OPEN, "POST", "/api/tickets/", body=body),
                LIST: Route(LIST, "GET", facts["list"]),
            },
        )
