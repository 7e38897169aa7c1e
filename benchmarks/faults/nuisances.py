"""Those who mean no good while customers write: too much, too slow, too many. They harm only themselves."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

from benchmarks.client import Closed, Socket
from benchmarks.faults.customers import FAILURES, Crowd

HUGE = 100 * 1024 * 1024
# The door measures by itself; elsewhere Django refuses.
REFUSALS = {400, 413}
PIECE = b"x" * 64 * 1024
SLOW, STORM = 40, 500
# All of a storm must have been welcomed after so long.
STORM_SECONDS = 30
# What the others may wait for an answer meanwhile, on average; or so many times as long as before.
PATIENT_SECONDS, PATIENT_TIMES = 1.0, 3.0
Complaints = list[str]
Nuisance = Callable[[Crowd, Complaints], Coroutine[Any, Any, None]]


async def huge_bodies(crowd: Crowd, complaints: Complaints) -> None:
    """Sends bodies of 100 MB to the door and to the chat; nothing but a refusal is right."""
    paths = [f"/hooks/{crowd.inboxes['telegram']}", f"/api/v1/widget/{crowd.inboxes['web']}/hello"]
    while not crowd.is_over.is_set():
        for path in paths:
            with contextlib.suppress(*FAILURES):
                # A server may close without waiting for the rest: that is a refusal as well.
                async with crowd.http.post(f"{crowd.web()}{path}", data=_huge()) as answer:
                    if answer.status not in REFUSALS:
                        complaints.append(
                            f"{answer.status} for a body of 100 MB to {path.rpartition('/')[0]}"
                        )
        await asyncio.sleep(1)


async def _huge() -> AsyncIterator[bytes]:
    for _ in range(HUGE // len(PIECE)):
        yield PIECE


async def slow_clients(crowd: Crowd, complaints: Complaints) -> None:
    """Holds requests that never end and sockets that never read; others must be answered as before."""
    before = fmean([await _wait(crowd) for _ in range(8)])
    tasks = [asyncio.create_task(_drip(crowd)) for _ in range(SLOW)]
    sockets = [await _deaf(crowd) for _ in range(SLOW)]
    waits = []
    while not crowd.is_over.is_set():
        waits.append(await _wait(crowd))
        await asyncio.sleep(0.5)
    mean, allowed = fmean(waits or [0]), max(PATIENT_SECONDS, PATIENT_TIMES * before)
    if mean > allowed:
        complaints.append(
            f"{mean:.1f} s on average for an answer beside slow clients, {before:.1f} s without"
        )
    for task in tasks:
        task.cancel()
    for socket in filter(None, sockets):
        socket.cut()


async def _wait(crowd: Crowd) -> float:
    """Returns the seconds that somebody else waits for an answer."""
    began = time.monotonic()
    with contextlib.suppress(*FAILURES):
        async with crowd.http.get(f"{crowd.web()}/health/ready") as answer:
            await answer.read()
    return time.monotonic() - began


async def _drip(crowd: Crowd) -> None:
    """Sends the head of a request a byte a second."""
    while True:
        with contextlib.suppress(*FAILURES):
            parts = urlsplit(crowd.web())
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            for byte in b"POST /hooks/nobody HTTP/1.1\r\nX-Slow: " + b"y" * 600:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(1)


async def _deaf(crowd: Crowd) -> Socket | None:
    """Opens a socket that says hello and reads nothing."""
    with contextlib.suppress(*FAILURES, Closed):
        socket = await Socket.open(f"{crowd.web().replace('http', 'ws')}/ws/chat/", _unheard)
        socket.send(_hello(crowd))
        socket.stall()
        return socket
    return None


async def storm(crowd: Crowd, complaints: Complaints) -> None:
    """Connects 500 sockets at once, waits until all are welcome, drops them, and begins again."""
    while not crowd.is_over.is_set():
        came = await asyncio.gather(*(_arrive(crowd) for _ in range(STORM)))
        late = came.count(None)
        if late:
            complaints.append(f"{late} of {STORM} sockets were not welcomed within {STORM_SECONDS} s")
        for socket in filter(None, came):
            socket.cut()
        await asyncio.sleep(5)


async def _arrive(crowd: Crowd) -> Socket | None:
    """Connects until it is welcomed, as long as there is time."""
    ends_at = time.monotonic() + STORM_SECONDS
    while time.monotonic() < ends_at:
        welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with contextlib.suppress(*FAILURES, Closed):
            socket = await Socket.open(f"{crowd.web().replace('http', 'ws')}/ws/chat/", _fulfils(welcomed))
            socket.send(_hello(crowd))
            waiting = {welcomed, socket.closed}
            left = ends_at - time.monotonic()
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if welcomed.done():
                return socket
            socket.cut()
        await asyncio.sleep(crowd.random.uniform(0.1, 0.5))
    return None


def _fulfils(welcomed: "asyncio.Future[None]") -> Callable[[bytes, float], None]:
    def on_text(data: bytes, _now: float) -> None:
        if not welcomed.done() and b'"welcome"' in data:
            welcomed.set_result(None)

    return on_text


def _hello(crowd: Crowd) -> str:
    return json.dumps({"type": "hello", "v": 1, "inbox": crowd.inboxes["web"], "locale": "en"})


def _unheard(_data: bytes, _now: float) -> None:
    pass


NUISANCES: Mapping[str, Nuisance] = {
    "huge bodies": huge_bodies,
    "slow clients": slow_clients,
    "storm": storm,
}
