"""The API's ten most used routes beside a bare twin, and its lists while the rows become a hundredfold."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.api_routes import KEY_HEADER, ROUTES, Route
from benchmarks.processes import Home, Server
from benchmarks.report import Figure, at_most, percentile, reaches

Json = dict[str, Any]
CONVERSATIONS = 10_000
PROCESSES, CLIENTS = (1, 2), (8, 32)
SECONDS, ROUNDS = 0.8, 2
BESIDE = "FastAPI + asyncpg"
MESSAGE = "write a message"


class Refused(Exception):
    """The server did not do what was asked."""


@dataclass
class Line:
    """One connection that stays open: the least an HTTP client can be."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    headers: str
    answer: bytes = b""

    @classmethod
    async def open(cls, port: int, headers: Json) -> "Line":
        """Connects."""
        lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return cls(*await asyncio.open_connection("127.0.0.1", port), head)

    async def ask(self, verb: str, path: str, body: bytes = b"") -> float:
        """Asks once; returns the seconds to the last byte of a good answer."""
        head = f"{verb} {path} HTTP/1.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        self.answer = await self.reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 20"):
            raise Refused(answer + self.answer)
        return time.perf_counter() - began


@dataclass
class Side:
    """Who answers: the product or what stands beside it, its processes, who asks, what each route took."""

    servers: list[Server]
    headers: Json
    samples: dict[str, load.Samples] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far."""
        return sum(server.cpu_seconds() for server in self.servers)

    def each(self, route: Route) -> float:
        """Milliseconds of processor time for one request."""
        return self.cpu[route.name] / len(self.samples[route.name].seconds) * 1000


class Stage:
    """Who asks what, through so many connections, shared fairly among the processes of a side."""

    def __init__(self, known: Json, clients: int) -> None:
        self.known, self.clients = known, clients
        self.marks = itertools.count(1)

    async def play(self, side: Side, route: Route, seconds: float) -> None:
        """Lets every connection ask for so long, the next when the last is answered."""
        ports = [server.port for server in side.servers]
        lines = [await Line.open(ports[number % len(ports)], side.headers) for number in range(self.clients)]
        before, began = side.cpu_seconds(), time.perf_counter()
        asking = (self._ask(line, route, number, began + seconds) for number, line in enumerate(lines))
        taken = [value for part in await asyncio.gather(*asking) for value in part]
        side.samples.setdefault(route.name, load.Samples()).add(taken, time.perf_counter() - began)
        side.cpu[route.name] = side.cpu.get(route.name, 0.0) + side.cpu_seconds() - before
        for line in lines:
            line.writer.close()

    async def _ask(self, line: Line, route: Route, number: int, until: float) -> list[float]:
        """No two connections change the same row: nobody waits for another's lock."""
        own = self.known[route.targets][number :: self.clients] if route.targets else [""]
        taken = []
        for target in itertools.cycle(own):
            body = route.content(str(next(self.marks)))
            taken.append(await line.ask(route.verb, route.address(target), body))
            if time.perf_counter() > until:
                break
        return taken


def filled(home: Home) -> Json:
    """Fills the database; returns who may ask, and for what."""
    known: Json = json.loads(home.prepared("benchmarks.api_data", "--conversations", str(CONVERSATIONS)))
    return known


@contextlib.contextmanager
def the_product(home: Home, known: Json, processes: int) -> Iterator[Side]:
    """Starts it in so many processes; more than one share a Redis."""
    with contextlib.ExitStack() as stack:
        variables = {"API_REQUESTS_PER_MINUTE": "1000000000"}
        if processes > 1 and (redis := stack.enter_context(home.redis())):
            variables["REDIS_URL"] = redis
        started = [stack.enter_context(home.server("--no-worker", **variables)) for _ in range(processes)]
        yield Side(started, {KEY_HEADER: known["callers"]["all"]})


@contextlib.contextmanager
def _twin(home: Home, known: Json, recorded: Path, processes: int) -> Iterator[Side]:
    options = ("--url", home.database_url, "--recorded", str(recorded))
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(home.module("benchmarks.api_twin", *options)) for _ in range(processes)
        ]
        yield Side(started, {KEY_HEADER: known["callers"]["all"]})


async def api(_home: Home, _known: Json) -> list[Figure]:
    """Ten routes with a key over 10,000 conversations, as many tickets and 100,000 messages."""
    found: list[Figure] = []
    with Home() as home:
        known_file, recorded = home.path / "known.json", home.path / "recorded.json"
        known = filled(home)
        known_file.write_text(json.dumps(known), encoding="utf-8")
        home.prepared("benchmarks.api_record", "--known", str(known_file), "--out", str(recorded))
        for processes in PROCESSES:
            with (
                the_product(home, known, processes) as product,
                _twin(home, known, recorded, processes) as twin,
            ):
                await _compared(known, product, twin)
                found += await _measured(known, product, twin, processes)
    return found


async def _compared(known: Json, product: Side, twin: Side) -> None:
    """Raises Refused where the twin does not answer what the product answers."""
    lines = [await Line.open(side.servers[0].port, side.headers) for side in (product, twin)]
    for route in ROUTES:
        target = known[route.targets][0] if route.targets else ""
        if not route.writes:
            for line in lines:
                await line.ask(route.verb, route.address(target))
            ours, theirs = ({**json.loads(line.answer), "next": None} for line in lines)
            if ours != theirs:
                raise Refused(route.name, ours, theirs)
    for line in lines:
        line.writer.close()


async def _measured(known: Json, product: Side, twin: Side, processes: int) -> list[Figure]:
    found = []
    for clients in CLIENTS:
        stage = Stage(known, clients)
        for side in (twin, product):
            for route in ROUTES:
                await stage.play(side, route, SECONDS / 4)  # warms up
            side.samples, side.cpu = {}, {}
        for route, _ in itertools.product(ROUTES, range(ROUNDS)):
            for side in (twin, product):
                await stage.play(side, route, SECONDS)
        for route in ROUTES:
            found += _figures(route, product, twin, f"{processes}×{clients}")
    return found


def _figures(route: Route, product: Side, twin: Side, where: str) -> list[Figure]:
    """`where` is the number of processes and of connections."""
    ours, theirs = product.samples[route.name], twin.samples[route.name]
    name, rate, ceiling = f"{route.name}, {where}", ours.rate, theirs.rate
    note = (
        f"p50 {_ms(ours):.1f}, p99 {_ms(ours, 0.99):.1f} ms, CPU {product.each(route):.2f} ms;"
        f" twin p50 {_ms(theirs):.1f}, p99 {_ms(theirs, 0.99):.1f} ms, CPU {twin.each(route):.2f} ms"
    )
    found = [Figure(name, rate, "/s", ceiling, BESIDE, note=note)]
    if route.name == MESSAGE and where.startswith("1×"):
        found = [
            reaches(0.35, name, rate, "/s", ceiling=ceiling, beside=BESIDE, note=note),
            at_most(2, f"{name}, application CPU", product.each(route), "ms"),
        ]
    return found


def _ms(samples: load.Samples, part: float = 0.5) -> float:
    return percentile(samples.seconds, part) * 1000
