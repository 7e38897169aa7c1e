"""Those who write while things die, each with a ledger outside the system.

The rule of every client is the provider's and the widget's: what was not acknowledged is sent again,
the same, until it is. A ledger knows what was sent, what was acknowledged, and what was heard.
"""

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import websockets

from benchmarks.faults.payloads import external_id, text_of, webhook

PATIENCE = aiohttp.ClientTimeout(total=6)
PAUSE = 0.15
FAILURES = (aiohttp.ClientError, TimeoutError, OSError)
SOCKET_FAILURES = (*FAILURES, websockets.WebSocketException, EOFError)


@dataclass
class Ledger:
    """What was sent and acknowledged: per writer, in order; and when the product last said yes."""

    sent: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    acked: set[str] = field(default_factory=set)
    acked_at: list[float] = field(default_factory=list)
    replied: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    replied_acked: set[str] = field(default_factory=set)
    gaps: int = 0
    doubles: int = 0
    heard: int = 0
    refused: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def ack(self, text: str) -> None:
        """Notes an acknowledgement."""
        self.acked.add(text)
        self.acked_at.append(time.monotonic())


class Crowd:
    """All who write; `stop` lets each finish what it has begun."""

    def __init__(self, webs: list[str], told: dict[str, Any], seed: int) -> None:
        self.webs, self.inboxes, self.api_key = webs, told["inboxes"], told["api_key"]
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.is_over = asyncio.Event()
        self.http: aiohttp.ClientSession

    def web(self) -> str:
        """One of the web processes."""
        return self.random.choice(self.webs)

    async def phone(self, channel: str, who: int, pause: float) -> None:
        """A customer behind a provider: webhook after webhook, each until a 200 comes."""
        writer, number = f"{channel}.{who}", 0
        while not self.is_over.is_set():
            number += 1
            text = text_of(writer, number)
            body, headers = webhook(channel, who, number, text)
            self.ledger.sent[writer].append(text)
            while not await self._post(f"/hooks/{self.inboxes[channel]}", body, headers):
                # Some providers sign the time as well.
                body, headers = webhook(channel, who, number, text)
                await asyncio.sleep(PAUSE)
            self.ledger.ack(text)
            await asyncio.sleep(pause * self.random.uniform(0.5, 1.5))

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> bool:
        with contextlib.suppress(*FAILURES):
            async with self.http.post(f"{self.web()}{path}", data=body, headers=headers) as answer:
                if answer.status not in {200, 201}:
                    self.ledger.refused[answer.status] += 1
                return answer.status in {200, 201}
        return False

    async def operator(self, channel: str, who: int, conversation: str, pause: float) -> None:
        """Somebody who answers a customer through the API, each reply until a 201 comes."""
        writer, number = f"reply.{channel}.{who}", 0
        headers = {"X-API-Key": self.api_key, "Content-Type": "application/json"}
        path = f"/api/v1/conversations/{conversation}/messages"
        while not self.is_over.is_set():
            number += 1
            text = text_of(writer, number)
            body = json.dumps({"text": text, "client_id": str(uuid.uuid4())}).encode()
            self.ledger.replied[f"{channel}|{external_id(channel, who)}"].append(text)
            while not await self._post(path, body, headers):  # noqa: ASYNC110 (nobody tells a client when to try)
                await asyncio.sleep(PAUSE)
            self.ledger.replied_acked.add(text)
            self.ledger.acked_at.append(time.monotonic())
            await asyncio.sleep(pause * self.random.uniform(0.5, 1.5))

    async def visitor(self, inbox: str, who: int, pause: float) -> None:
        """A customer of the widget."""
        await Visitor(self, inbox, f"{inbox}.{who}", pause).live()


class Visitor:
    """One browser: a socket that comes back with its token, resumes by number and repeats what was lost."""

    def __init__(self, crowd: Crowd, inbox: str, name: str, pause: float) -> None:
        self.crowd, self.ledger, self.name, self.pause = crowd, crowd.ledger, name, pause
        self.key = crowd.inboxes[inbox]
        self.token, self.seq, self.number = "", 0, 0
        self.waiting: tuple[str, str] | None = None
        self.heard: set[int] = set()

    async def live(self) -> None:
        """Connects again and again until it is over and nothing waits for its acknowledgement."""
        while not (self.crowd.is_over.is_set() and self.waiting is None):
            with contextlib.suppress(*SOCKET_FAILURES):
                address = f"{self.crowd.web().replace('http', 'ws')}/ws/chat/"
                async with asyncio.timeout(10):
                    socket = await websockets.connect(
                        address, open_timeout=5, close_timeout=1, max_queue=None
                    )
                try:
                    await self._talk(socket)
                finally:
                    with contextlib.suppress(*SOCKET_FAILURES):
                        await socket.close()
            await asyncio.sleep(PAUSE)

    async def _talk(self, socket: Any) -> None:
        hello: dict[str, Any] = {"type": "hello", "v": 1, "inbox": self.key, "locale": "en"}
        if self.token:
            hello |= {"token": self.token, "since": self.seq}
        await socket.send(json.dumps(hello))
        await self._until(socket, "welcome")
        while not (self.crowd.is_over.is_set() and self.waiting is None):
            if self.waiting is None:
                self.number += 1
                text = text_of(self.name, self.number)
                self.waiting = (str(uuid.uuid4()), text)
                self.ledger.sent[self.name].append(text)
            client_id, text = self.waiting
            await socket.send(json.dumps({"type": "send", "client_id": client_id, "text": text}))
            await self._until(socket, "ack", client_id)
            self.ledger.ack(text)
            self.waiting = None
            await self._listen(socket, self.pause * self.crowd.random.uniform(0.5, 1.5))

    async def _until(self, socket: Any, kind: str, client_id: str = "") -> None:
        async with asyncio.timeout(6):
            while True:
                frame = self._note(json.loads(await socket.recv()))
                if frame["type"] == "error":
                    raise TimeoutError
                if frame["type"] == kind and frame.get("client_id", "") == client_id:
                    return

    async def _listen(self, socket: Any, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._note(json.loads(await socket.recv()))

    def _note(self, frame: dict[str, Any]) -> dict[str, Any]:
        """Keeps the token and judges the numbers: each once, in order."""
        if frame["type"] == "welcome":
            self.token = frame["token"]
        elif frame["type"] == "snapshot":
            self.seq = max([self.seq, *(message["seq"] for message in frame["messages"])])
        elif frame["type"] == "event":
            self.ledger.heard += 1
            if frame["seq"] in self.heard:
                self.ledger.doubles += 1
            elif self.seq and frame["seq"] != self.seq + 1:
                self.ledger.gaps += 1
            self.heard.add(frame["seq"])
            self.seq = max(self.seq, frame["seq"])
        return frame
