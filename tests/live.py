"""The real server in a thread of the test process, and a visitor that speaks the real protocol to it."""

import asyncio
import contextlib
import json
import threading
import time
import uuid
from itertools import chain
from types import TracebackType
from typing import Any, Self

import uvicorn
import websockets
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.db import connections

Json = dict[str, Any]


class LiveServer:
    """Serves `helpdesk.asgi` with uvicorn as `manage.py serve` does, on a free port of 127.0.0.1."""

    def __init__(self, *, worker: bool) -> None:
        self.worker = worker

    def __enter__(self) -> Self:
        from helpdesk.asgi import application

        self.run_worker_before = settings.RUN_WORKER
        settings.RUN_WORKER = self.worker
        config = uvicorn.Config(
            application, host="127.0.0.1", port=0, ws="websockets-sansio", log_config=None, log_level="error"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        end = time.monotonic() + 30
        while not self.server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def _serve(self) -> None:
        asyncio.run(self.server.serve())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        settings.RUN_WORKER = self.run_worker_before
        close_database_threads()

    def visitor(self, key: str, **hello: Any) -> "Visitor":
        """A customer on the socket who says hello to the inbox."""
        return Visitor(f"ws://127.0.0.1:{self.port}/ws/chat/", key, hello)


def close_database_threads() -> None:
    """Closes the connections of the product's threads, so that the test database can be dropped."""
    from core import threads

    # Async tests use the ORM on asgiref's one thread for all.
    borrowed = chain(*threads._executors.values())
    for executor in (*borrowed, SyncToAsync.single_thread_executor):
        executor.submit(connections.close_all).result(10)


class Visitor:
    """One customer on the socket protocol, version 1; keeps every frame it got."""

    def __init__(self, address: str, key: str, hello: Json, origin: str | None = None) -> None:
        self.address, self.origin = address, origin
        self.hello = {"type": "hello", "v": 1, "inbox": key, "locale": "pt-BR", **hello}
        self.frames: list[Json] = []
        self.welcome: Json = {}

    async def __aenter__(self) -> Self:
        await self.open()
        await self.tell(self.hello)
        self.welcome = await self.until("welcome")
        return self

    async def open(self) -> None:
        # Without a limit to what waits unread: beyond one, closing would wait for its time-out.
        self.socket = await websockets.connect(
            self.address,
            origin=self.origin,  # type: ignore[arg-type]
            max_size=2**23,
            max_queue=None,
        )

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    @property
    def token(self) -> str:
        return str(self.welcome["token"])

    async def tell(self, frame: Json | str) -> None:
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def next(self, limit: float = 10) -> Json:
        frame: Json = json.loads(await asyncio.wait_for(self.socket.recv(), limit))
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, limit: float = 20, **values: Any) -> Json:
        """The next frame of a type with these values."""
        async with asyncio.timeout(limit):
            while True:
                frame = await self.next(limit)
                if frame["type"] == kind and all(frame.get(name) == value for name, value in values.items()):
                    return frame

    async def send(self, text: str, client_id: str | None = None) -> Json:
        """Sends a message and returns its ack."""
        client_id = client_id or str(uuid.uuid4())
        await self.tell({"type": "send", "client_id": client_id, "text": text})
        return await self.until("ack", client_id=client_id)

    async def message_from(self, *kinds: str, limit: float = 30) -> Json:
        """The next message that one of these kinds of author writes."""
        async with asyncio.timeout(limit):
            while True:
                frame = await self.until("event", limit)
                message: Json | None = frame.get("message")
                if message and message["author"]["kind"] in kinds:
                    return message

    async def ask(self, text: str) -> tuple[list[Json], Json]:
        """Sends a question; returns the deltas and the answer of the agent or the system."""
        first = len(self.frames)
        await self.send(text)
        answer = next((m for m in self.messages(first) if m["author"]["kind"] in {"agent", "system"}), None)
        answer = answer or await self.message_from("agent", "system")
        return [frame for frame in self.frames[first:] if frame["type"] == "delta"], answer

    def messages(self, first: int = 0) -> list[Json]:
        """Every message told by events and snapshots since the `first` frame."""
        told: list[Json] = []
        for frame in self.frames[first:]:
            told.extend(frame.get("messages", []))
            if frame["type"] == "event" and frame.get("message"):
                told.append(frame["message"])
        return told

    async def silence(self, seconds: float) -> list[Json]:
        """Listens for a while and returns what came."""
        got: list[Json] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    got.append(await self.next(seconds + 1))
        return got
