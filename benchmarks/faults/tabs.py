"""Tabs of the widget that lose their connection every few seconds, and what each of them has heard.

The tabs of a visitor share a conversation: what one writes, all must hear once and in order. A tab writes
when it is welcomed and whenever it has heard some more, so that writers are never far ahead of listeners.
"""

import asyncio
import contextlib
import json
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.client import Closed, Line, OnText, Socket, Stream
from benchmarks.faults.payloads import text_of

FAILURES = (OSError, TimeoutError, Closed, aiohttp.ClientError)
# Seconds between one cut and the next, and for how long a line may stay half-open.
CUT_AFTER, HALF_OPEN = (1.0, 5.0), (10.0, 20.0)
HALF_OPEN_SHARE, ASLEEP_SHARE = 0.2, 0.01
# The server tells single events of so many numbers back; before that comes a snapshot (docs/protocol.md).
REPLAY_LIMIT = 500
WELCOME_SECONDS = 15
# A tab writes when it has heard so much; so many in a conversation at once.
WRITES_AFTER, WRITING = 10, 25
# What was said under a number: the message's id and its text.
Said = tuple[str, str]


@dataclass
class Room:
    """One conversation and what its tabs have heard in it, by number."""

    inbox: str
    token: str
    conversation: str
    # The first message was written before anybody listened.
    last: int = 1
    written: int = 1
    # Messages on their way: with more at once, the welcomes of those who come back would wait behind them.
    writing: int = 0
    heard: dict[int, Said] = field(default_factory=dict)


@dataclass
class Snapshot:
    """What a tab was given instead of events: all that is to be seen at a number."""

    conversation: str
    seq: int
    messages: list[tuple[int, Said]]


@dataclass
class Tally:
    """What all tabs together have heard."""

    events: int = 0
    cuts: int = 0
    half_open: int = 0
    gaps: int = 0
    doubles: int = 0
    disorder: int = 0
    # The same number said different things to two tabs.
    unlike: int = 0
    needless: int = 0
    snapshots: list[Snapshot] = field(default_factory=list)


@dataclass
class Stage:
    """What all tabs share: the addresses of the product, chance, the tally, and how far the play is."""

    webs: list[str]
    random: random.Random
    tally: Tally = field(default_factory=Tally)
    # Nobody begins another message; nobody listens any more.
    is_ending: bool = False
    is_over: bool = False
    http: aiohttp.ClientSession | None = None
    half_open: set[Line] = field(default_factory=set)

    def leave(self, line: Line) -> None:
        """Cuts a line; now and then leaves it half-open for a while, as a lost network does."""
        self.tally.cuts += 1
        if self.random.random() >= HALF_OPEN_SHARE or line.closed.done():
            line.cut()
            return
        self.tally.half_open += 1
        line.stall()
        self.half_open.add(line)
        asyncio.get_running_loop().call_later(self.random.uniform(*HALF_OPEN), self.drop, line)

    def drop(self, line: Line) -> None:
        """Ends what was left half-open."""
        self.half_open.discard(line)
        line.cut()


class Tab:
    """One tab on a websocket, which comes back with its token and the last number it has heard."""

    def __init__(self, stage: Stage, room: Room, name: str) -> None:
        self.stage, self.room, self.name = stage, room, name
        self.seq, self.number, self.heard = 1, 0, 0
        self.missing: set[int] = set()
        self.waiting: tuple[str, str] | None = None
        self.line: Any = None
        self.welcomed: asyncio.Future[None]

    async def live(self) -> None:
        """Connects, listens for some seconds, is cut, and comes back, until it is over."""
        chance = self.stage.random
        while not self.stage.is_over:
            with contextlib.suppress(*FAILURES):
                self.welcomed = asyncio.get_running_loop().create_future()
                self.line = await self.open(chance.choice(self.stage.webs))
                await self._listen(chance.uniform(*CUT_AFTER))
                self.stage.leave(self.line)
            await asyncio.sleep(chance.uniform(0, 0.2))
            if chance.random() < ASLEEP_SHARE:
                self._oversleep()

    async def _listen(self, seconds: float) -> None:
        """Stays for so long after the welcome: who leaves before makes work and learns nothing."""
        closed, first = self.line.closed, asyncio.FIRST_COMPLETED
        await asyncio.wait({closed, self.welcomed}, timeout=WELCOME_SECONDS, return_when=first)
        if self.welcomed.done() and not closed.done():
            self.say()
            await asyncio.wait({closed}, timeout=seconds)

    def _oversleep(self) -> None:
        """Comes back with a number of long ago: there is too much to be told one by one."""
        if self.seq > REPLAY_LIMIT + 1 and not self.stage.is_ending:
            self.seq -= REPLAY_LIMIT
            self.missing.clear()

    async def open(self, web: str) -> Line:
        """Connects and says who it is and how far it has heard."""
        line = await Socket.open(f"{web.replace('http', 'ws')}/ws/chat/", self.hear)
        hello = {"type": "hello", "v": 1, "inbox": self.room.inbox, "locale": "en"}
        line.send(json.dumps({**hello, "token": self.room.token, "since": self.seq}))
        return line

    def send(self, frame: str) -> None:
        """Hands a frame to the server."""
        self.line.send(frame)

    def say(self) -> None:
        """Writes the next message, or again the one that nobody has acknowledged."""
        self.heard = 0
        if self.waiting is None:
            if self.stage.is_ending or self.room.writing >= WRITING:
                return
            self.number += 1
            self.room.writing += 1
            self.waiting = (str(uuid.uuid4()), text_of(self.name, self.number))
        client_id, text = self.waiting
        self.send(json.dumps({"type": "send", "client_id": client_id, "text": text}))

    def hear(self, data: bytes, _now: float) -> None:
        """Takes one frame of the server."""
        frame = json.loads(data)
        match frame["type"]:
            case "event":
                self._event(frame)
            case "snapshot":
                self._snapshot(frame)
            case "ack" if self.waiting and frame["client_id"] == self.waiting[0]:
                self.waiting = None
                self.room.written += 1
                self.room.writing -= 1
                self.room.last = max(self.room.last, frame["seq"])
            case "welcome" if not self.welcomed.done():
                self.welcomed.set_result(None)

    def _event(self, frame: dict[str, Any]) -> None:
        tally, seq = self.stage.tally, frame["seq"]
        tally.events += 1
        if seq > self.seq:
            between = range(self.seq + 1, seq)
            tally.gaps += len(between)
            self.missing.update(between)
            self.seq = seq
        elif seq in self.missing:
            self.missing.discard(seq)
            tally.gaps -= 1
            tally.disorder += 1
        else:
            tally.doubles += 1
        said = _said(frame.get("message") or {})
        tally.unlike += self.room.heard.setdefault(seq, said) != said
        self.heard += 1
        if self.heard >= WRITES_AFTER and self.waiting is None:
            self.say()

    def _snapshot(self, frame: dict[str, Any]) -> None:
        tally = self.stage.tally
        tally.needless += frame["seq"] - self.seq < REPLAY_LIMIT
        messages = [(message["seq"], _said(message)) for message in frame["messages"]]
        tally.snapshots.append(Snapshot(self.room.conversation, frame["seq"], messages))
        self.seq = frame["seq"]


def _said(message: dict[str, Any]) -> Said:
    return message.get("id", ""), message.get("text", "")


class StreamTab(Tab):
    """The same on server-sent events, with requests for what it writes."""

    def __init__(self, stage: Stage, room: Room, name: str) -> None:
        super().__init__(stage, room, name)
        self.headers = {"Authorization": f"Bearer {room.token}"}
        self.sending: set[asyncio.Task[None]] = set()

    async def open(self, web: str) -> Line:
        self.web = f"{web}/api/v1/widget/{self.room.inbox}"
        headers = {**self.headers, "Last-Event-ID": str(self.seq)}
        return await Stream.open(f"{self.web}/events", self.hear, headers)

    def send(self, frame: str) -> None:
        task = asyncio.create_task(self._post(frame, self.hear))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _post(self, frame: str, on_text: OnText) -> None:
        assert self.stage.http is not None
        with contextlib.suppress(*FAILURES):
            address = f"{self.web}/messages"
            async with self.stage.http.post(address, data=frame, headers=self.headers) as answer:
                if answer.status == 200:
                    on_text(await answer.read(), 0.0)
