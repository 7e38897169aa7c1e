"""Customers and operators by the dozen."""

import asyncio
import contextlib
import json
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.client import Socket, Visitor

# As long as a usual sentence of a customer.
TEXT = "My parcel should have come yesterday and the tracking page has not moved for three days."


Call = Callable[[], Awaitable[float]]


@dataclass
class Samples:
    """Durations in seconds, and how long it took to gather them all."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.seconds) / self.elapsed

    def add(self, seconds: Sequence[float], elapsed: float) -> None:
        """Takes another round of the same."""
        self.seconds.extend(seconds)
        self.elapsed += elapsed


async def closed_loop(calls: Sequence[Call], *, each: int) -> tuple[list[float], float]:
    """Lets every client call so many times, the next when the last is answered."""

    async def one(call: Call) -> list[float]:
        return [await call() for _ in range(each)]

    began = time.perf_counter()
    taken = await asyncio.gather(*map(one, calls))
    return [value for part in taken for value in part], time.perf_counter() - began


@contextlib.asynccontextmanager
async def visitors(
    address: str, inbox: dict[str, Any], number: int, *, first: int = 0
) -> AsyncIterator[list[Visitor]]:
    """Opens the sockets of prepared customers."""
    known = inbox["visitors"][first : first + number]
    async with contextlib.AsyncExitStack() as stack:
        opened = [Visitor(address, inbox["key"], visitor["token"]) for visitor in known]
        for visitor in opened:
            await stack.enter_async_context(visitor)
        yield opened


def acknowledged(visitor: Visitor) -> Call:
    """Returns a call that sends a message and returns the seconds to its ack."""

    async def call() -> float:
        sent, now, _ = await visitor.say(TEXT)
        return now - sent

    return call


class Echo:
    """A socket on which each text comes back."""

    def __init__(self) -> None:
        self.back: asyncio.Future[float] | None = None
        self.socket: Socket | None = None

    async def open(self, address: str) -> None:
        """Connects."""
        self.socket = await Socket.open(address, self._on_text)

    def _on_text(self, _data: bytes, now: float) -> None:
        if self.back is not None:
            self.back.set_result(now)
            self.back = None

    async def call(self) -> float:
        """Sends one text; returns the seconds until the first comes back."""
        assert self.socket is not None
        back = self.back = asyncio.get_running_loop().create_future()
        sent = time.perf_counter()
        self.socket.send(TEXT)
        now: float = await asyncio.wait_for(back, 30)
        return now - sent


@contextlib.asynccontextmanager
async def echoes(address: str, number: int) -> AsyncIterator[list[Echo]]:
    """Opens so many echo sockets."""
    opened = [Echo() for _ in range(number)]
    for one in opened:
        await one.open(address)
    yield opened
    for one in opened:
        if one.socket:
            await one.socket.close()


async def paced(calls: Sequence[Callable[[], Awaitable[Any]]], *, rate: float, seconds: float) -> list[Any]:
    """Starts the calls in turn, so many a second, whether or not earlier ones have been answered."""
    began = time.perf_counter()
    running = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        running.append(asyncio.create_task(_as_task(calls[number % len(calls)])))
    return list(await asyncio.gather(*running))


async def _as_task(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


class Screens:
    """Operators' sockets: what comes is kept with its time and read afterwards."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.frames: list[list[tuple[bytes, float]]] = []

    async def open(self, address: str, headers: Sequence[dict[str, str]]) -> None:
        """Connects them one after the other."""
        for header in headers:
            kept: list[tuple[bytes, float]] = []
            self.frames.append(kept)
            self.sockets.append(await Socket.open(address, _keeper(kept), header))

    async def close(self) -> None:
        """Drops the connections."""
        for socket in self.sockets:
            await socket.close()

    def delays(self, sent: dict[tuple[str, int], float]) -> tuple[list[float], int]:
        """Returns the seconds from each sending to each screen's first row that shows it, and how many lack.

        `sent` has the times by conversation and number. Hints that come close together are one row, which
        then shows several messages at once.
        """
        parsed: dict[bytes, tuple[str, int]] = {}
        found: list[float] = []
        for frames in self.frames:
            waiting: dict[str, deque[tuple[int, float]]] = defaultdict(deque)
            for (conversation, seq), at in sorted(sent.items(), key=lambda item: item[0][1]):
                waiting[conversation].append((seq, at))
            for data, now in frames:
                if not data.startswith(b'{"type":"row"'):
                    continue
                if data not in parsed:
                    row = json.loads(data)["row"]
                    parsed[data] = row["id"], row["seq"]
                conversation, shown = parsed[data]
                left = waiting[conversation]
                while left and left[0][0] <= shown:
                    found.append(now - left.popleft()[1])
        return found, len(sent) * len(self.frames) - len(found)


def _keeper(kept: list[tuple[bytes, float]]) -> Callable[[bytes, float], None]:
    return lambda data, now: kept.append((data, now))
