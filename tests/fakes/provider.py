"""The frame of every simulated provider: it speaks HTTP, keeps a ledger and misbehaves.

A simulator extends `Provider` with the provider's own addresses. What all have in common:

- `POST /_faults` sets `Faults`, `GET /_ledger` returns what was accepted, `POST /_say` lets a customer write
  (its body is the simulator's own), `GET /_webhooks` tells how many were delivered, waiting and refused.
- webhooks are delivered at least once: repeated with growing pauses until somebody answers 2xx, as often as
  `duplicates` says, and out of order within `shuffle` seconds.

By hand: `python -m tests.fakes.telegram --port 23456 --hook http://127.0.0.1:8000/hooks/KEY --secret S`.
In a test: `with running(Telegram, hook=…, secret=…) as telegram: telegram.say(…); telegram.ledger()`.
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from aiohttp import ClientError, ClientSession, ClientTimeout, web

ROOT = Path(__file__).resolve().parents[2]
LONGEST_PAUSE = 2.0
Json = dict[str, Any]


@dataclass
class Faults:
    """How often (0 to 1) a call of ours ends badly, and how webhooks come.

    `too_many` answers 429 with `retry_after` seconds; `error` 500; `refuse` the provider's permanent error;
    `hang` accepts and says nothing for `hang_seconds`; `cut` accepts and closes the connection without an
    answer; `drop` closes it before accepting. `duplicates`: each webhook comes so many times at most.
    `shuffle`: webhooks are held back for up to so many seconds. `mute`: no receipts are sent. Of what was
    accepted, `lost` is reported as failed later, `unseen` never as delivered, `unread` never as read.
    """

    too_many: float = 0.0
    retry_after: float = 1.0
    error: float = 0.0
    refuse: float = 0.0
    hang: float = 0.0
    hang_seconds: float = 30.0
    cut: float = 0.0
    drop: float = 0.0
    duplicates: int = 1
    shuffle: float = 0.0
    mute: bool = False
    lost: float = 0.0
    unseen: float = 0.0
    unread: float = 0.0


@dataclass
class Accepted:
    """One message that the provider took: `key` tells doubles, `fate` is its last receipt."""

    at: float
    to: str
    text: str
    provider_id: str
    key: str = ""
    kind: str = "text"
    raw: Json = field(default_factory=dict)
    fate: str = ""


class Provider:
    """A simulated provider. Subclasses add routes, build webhooks and call `accept` for what they take."""

    name = "provider"

    def __init__(self, hook: str = "", secret: str = "", ledger: str = "", seed: int = 1) -> None:
        self.hook, self.secret = hook, secret
        self.faults = Faults()
        self.accepted: list[Accepted] = []
        self.delivered = self.refused = self.waiting = 0
        self.random = random.Random(seed)
        self.file = Path(ledger) if ledger else None
        self.background: set[asyncio.Task[None]] = set()
        self.session: ClientSession

    # What subclasses fill in.

    def routes(self) -> list[web.RouteDef]:
        """The provider's own addresses."""
        return []

    def signed(self, body: bytes) -> Mapping[str, str]:
        """Headers that prove a webhook."""
        del body
        return {}

    async def say(self, told: Json) -> Json:
        """Lets a customer write; returns what the test may want to know (ids)."""
        raise web.HTTPNotFound

    def refusal(self) -> web.Response:
        """The provider's permanent error."""
        return web.json_response({"error": "refused"}, status=400)

    def slow_down(self) -> web.Response:
        """The provider's way to say 429."""
        headers = {"Retry-After": f"{self.faults.retry_after:g}"}
        return web.json_response({"error": "too many"}, status=429, headers=headers)

    # What they call.

    def accept(self, to: str, text: str, provider_id: str, **more: Any) -> Accepted:
        """Writes down that a message was taken."""
        row = Accepted(time.time(), to, text, provider_id, **more)
        self.accepted.append(row)
        if self.file:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        return row

    def tell(self, payload: Any, *, content_type: str = "application/json", method: str = "POST") -> None:
        """Delivers a webhook, at least once, as the faults say."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        for _ in range(self.random.randint(1, max(1, self.faults.duplicates))):
            self.later(self._deliver(body, content_type, method, self.random.uniform(0, self.faults.shuffle)))

    def later(self, work: Awaitable[None]) -> None:
        """Does something beside the answer."""
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def _deliver(self, body: bytes, content_type: str, method: str, delay: float) -> None:
        self.waiting += 1
        await asyncio.sleep(delay)
        pause = 0.1
        while True:
            headers = {"Content-Type": content_type, **self.signed(body)}
            with suppress(ClientError, TimeoutError, OSError):
                # Several servers may stand behind one product, as behind a proxy.
                hook = self.random.choice(self.hook.split(","))
                async with self.session.request(method, hook, data=body, headers=headers) as answer:
                    if 200 <= answer.status < 300:
                        break
                    self.refused += 1
            await asyncio.sleep(pause * self.random.uniform(0.7, 1.3))
            pause = min(pause * 2, LONGEST_PAUSE)
        self.delivered += 1
        self.waiting -= 1

    async def misbehave(self, request: web.Request, take: Callable[[], Awaitable[web.Response]]) -> Any:
        """Answers a call that sends a message, or does one of the things that providers do instead."""
        faults, chance = self.faults, self.random.random()
        if (chance := chance - faults.too_many) < 0:
            return self.slow_down()
        if (chance := chance - faults.error) < 0:
            return web.json_response({"error": "internal"}, status=500)
        if (chance := chance - faults.refuse) < 0:
            return self.refusal()
        if (chance := chance - faults.drop) < 0:
            return self._cut(request)
        if (chance := chance - faults.cut) < 0:
            await take()
            return self._cut(request)
        if chance - faults.hang < 0:
            answer = await take()
            await asyncio.sleep(faults.hang_seconds)
            return answer
        return await take()

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    # The simulator's own addresses.

    def app(self) -> web.Application:
        """The whole application."""
        app = web.Application(client_max_size=128 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/_faults", self._set_faults),
                web.post("/_say", self._say),
                web.post("/_hook", self._set_hook),
                web.get("/_ledger", self._ledger),
                web.get("/_count", self._count),
                web.get("/_webhooks", self._webhooks),
                *self.routes(),
            ]
        )
        app.cleanup_ctx.append(self._life)
        return app

    async def _life(self, _app: web.Application) -> Any:
        self.session = ClientSession(timeout=ClientTimeout(total=30))
        yield
        for task in self.background:
            task.cancel()
        await self.session.close()

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = Faults(**await request.json())
        return web.json_response(asdict(self.faults))

    async def _set_hook(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.hook, self.secret = told.get("hook", self.hook), told.get("secret", self.secret)
        return web.json_response({})

    async def _say(self, request: web.Request) -> web.Response:
        return web.json_response(await self.say(await request.json()))

    async def _ledger(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(row) for row in self.accepted])

    async def _count(self, _request: web.Request) -> web.Response:
        return web.json_response({"accepted": len(self.accepted)})

    async def _webhooks(self, _request: web.Request) -> web.Response:
        counts = {"delivered": self.delivered, "refused": self.refused, "waiting": self.waiting}
        return web.json_response(counts)

    @classmethod
    def main(cls) -> None:
        """Serves until a signal comes."""
        parser = argparse.ArgumentParser(description=cls.__doc__)
        parser.add_argument("--port", type=int, required=True)
        for name in ("hook", "secret", "ledger"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument("--seed", type=int, default=1)
        options = parser.parse_args()
        provider = cls(options.hook, options.secret, options.ledger, options.seed)
        web.run_app(provider.app(), host="127.0.0.1", port=options.port, print=None, access_log=None)


class Simulator:
    """A simulator that runs as a process, seen from a test."""

    def __init__(self, kind: type[Provider], **options: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", kind.__module__, f"--port={self.port}", *arguments], cwd=ROOT
        )
        self.http = httpx.Client(base_url=self.url, timeout=10)

    def wait(self) -> Self:
        """Returns once it answers."""
        end = time.monotonic() + 20
        while True:
            try:
                self.http.get("/_ledger").raise_for_status()
            except httpx.HTTPError:
                assert time.monotonic() < end, "the simulator did not start"
                time.sleep(0.05)
            else:
                return self

    def say(self, **told: Any) -> Json:
        """Lets a customer write."""
        answer: Json = self.http.post("/_say", json=told).raise_for_status().json()
        return answer

    def set_faults(self, **faults: Any) -> None:
        """From now on it misbehaves like this; without arguments, not at all."""
        self.http.post("/_faults", json=faults).raise_for_status()

    def hook(self, **told: str) -> None:
        """Sets where webhooks go, and the secret that signs them."""
        self.http.post("/_hook", json=told).raise_for_status()

    def ledger(self) -> list[Json]:
        """What it accepted."""
        rows: list[Json] = self.http.get("/_ledger").raise_for_status().json()
        return rows

    def webhooks(self) -> dict[str, int]:
        """How many webhooks were delivered, refused and wait."""
        counts: dict[str, int] = self.http.get("/_webhooks").raise_for_status().json()
        return counts

    def stop(self) -> None:
        """Ends the process."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(kind: type[Provider], **options: Any) -> Iterator[Simulator]:
    """Runs a simulator as a process of its own on a free port."""
    simulator = Simulator(kind, **options)
    try:
        yield simulator.wait()
    finally:
        simulator.stop()
