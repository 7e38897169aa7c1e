"""The least a client of the chat can be, so that the client is not what is measured.

It trusts its server: no checks of the handshake, no fragments, and it masks with zeros, which changes
nothing. A stream of events is taken as the product sends it: a chunk an event, no break
within a line. Times are those at which the bytes arrived, before anything is parsed.
"""

import asyncio
import base64
import json
import secrets
import struct
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

PING, CLOSE, TEXT = 9, 8, 1
OnText = Callable[[bytes, float], None]


class Closed(Exception):
    """The server closed the socket."""


class Line(asyncio.Protocol, ABC):
    """One connection that stays open after its handshake; each text goes to `on_text` with its time."""

    # What the status line of the answer says when all is well.
    accepted = b" 200 "

    def __init__(self, address: str, on_text: OnText, headers: dict[str, str]) -> None:
        parts = urlsplit(address)
        lines = {"Host": parts.netloc, **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.request = f"GET {parts.path or '/'} HTTP/1.1\r\n{head}\r\n".encode()
        self.on_text = on_text
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.transport: Any = None

    @classmethod
    async def open(cls, address: str, on_text: OnText, headers: dict[str, str] | None = None) -> Self:
        """Connects and waits for the end of the handshake."""
        parts = urlsplit(address)
        made = asyncio.get_running_loop().create_connection(
            lambda: cls(address, on_text, headers or {}), parts.hostname or "127.0.0.1", parts.port or 80
        )
        _, line = await made
        try:
            await asyncio.wait_for(line.opened, 30)
        except BaseException:
            await line.close()
            raise
        return line

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.buffer += data
        if not self.opened.done():
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.buffer = rest
            if self.accepted not in head.partition(b"\r\n")[0]:
                self.opened.set_exception(Closed(head.decode(errors="replace")))
                return
            self.opened.set_result(None)
        self.read(now)

    @abstractmethod
    def read(self, now: float) -> None:
        """Takes what is whole from the buffer."""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(exc or Closed("before the end of the handshake"))
        self.closed.set_result(None)

    async def close(self) -> None:
        """Drops the connection."""
        self.transport.close()
        await self.closed

    def cut(self) -> None:
        """Breaks the connection without a goodbye; what was on its way is lost."""
        self.on_text = _unheard
        self.transport.abort()

    def stall(self) -> None:
        """Keeps the connection half-open: from now on nothing is read from it."""
        self.on_text = _unheard
        self.transport.pause_reading()


def _unheard(_data: bytes, _now: float) -> None:
    pass


class Stream(Line):
    """Server-sent events: the data of each goes to `on_text`."""

    def read(self, now: float) -> None:
        *whole, self.buffer = self.buffer.split(b"\r\n")
        for piece in whole:
            _, found, data = piece.partition(b"data: ")
            if found:
                self.on_text(data.rstrip(), now)


class Socket(Line):
    """A websocket; each text frame goes to `on_text`."""

    accepted = b" 101 "

    def __init__(self, address: str, on_text: OnText, headers: dict[str, str]) -> None:
        asked = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        }
        super().__init__(address, on_text, {**asked, **headers})

    def read(self, now: float) -> None:
        data, at = self.buffer, 0
        while len(data) >= at + 2:
            size, start = data[at + 1], at + 2
            if size >= 126:
                width, code = (2, ">H") if size == 126 else (8, ">Q")
                if len(data) < start + width:
                    break
                (size,) = struct.unpack_from(code, data, start)
                start += width
            if len(data) < start + size:
                break
            self._take(data[at] & 15, data[start : start + size], now)
            at = start + size
        self.buffer = data[at:]

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == TEXT:
            self.on_text(payload, now)
        elif opcode == PING:
            self._write(0x8A, payload)
        elif opcode == CLOSE:
            self.transport.close()

    def send(self, text: str) -> None:
        """Sends a text frame."""
        self._write(0x80 | TEXT, text.encode())

    def _write(self, first: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.transport.write(bytes([first]) + length + b"\0\0\0\0" + payload)


class Visitor:
    """A customer on the chat protocol. `times` are those of the message being answered."""

    def __init__(self, address: str, inbox: str, token: str = "") -> None:
        self.address = address
        self.hello = {"type": "hello", "v": 1, "inbox": inbox, "locale": "en", "since": 1}
        if token:
            self.hello["token"] = token
        self.waiting: dict[str, asyncio.Future[tuple[float, int]]] = {}
        self.welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[float] | None = None
        self.first_delta = 0.0
        self.deltas = 0
        self.conversation = ""

    async def __aenter__(self) -> Self:
        self.socket = await Socket.open(self.address, self._on_text)
        self.socket.send(json.dumps(self.hello))
        await asyncio.wait_for(self.welcome, 60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    def _on_text(self, data: bytes, now: float) -> None:
        frame = json.loads(data)
        kind = frame["type"]
        if kind == "ack":
            self.waiting.pop(frame["client_id"]).set_result((now, frame["seq"]))
        elif kind == "delta":
            self.deltas += 1
            self.first_delta = self.first_delta or now
        elif kind == "event":
            author = frame.get("message", {}).get("author", {})
            if author.get("kind") == "agent" and self.answered:
                self.answered.set_result(now)
                self.answered = None
        elif kind == "welcome":
            self.conversation = frame["conversation"] or ""
            if not self.welcome.done():
                self.welcome.set_result(None)
        elif kind == "error":
            self.waiting.pop(frame["client_id"]).set_exception(Closed(f"refused: {frame}"))

    async def say(self, text: str) -> tuple[float, float, int]:
        """Sends a message; returns when it was sent, when acknowledged, and its number."""
        client_id = str(uuid.uuid4())
        acknowledged = self.waiting[client_id] = asyncio.get_running_loop().create_future()
        sent = time.perf_counter()
        self.socket.send(json.dumps({"type": "send", "client_id": client_id, "text": text}))
        now, seq = await asyncio.wait_for(acknowledged, 30)
        return sent, now, seq

    async def ask(self, text: str) -> tuple[float, float]:
        """Sends a question; returns the seconds to the first piece of the answer and to the stored answer."""
        self.first_delta, self.deltas = 0.0, 0
        answered = self.answered = asyncio.get_running_loop().create_future()
        sent, _, _ = await self.say(text)
        end = await asyncio.wait_for(answered, 60)
        return (self.first_delta or end) - sent, end - sent
