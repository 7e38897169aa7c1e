"""Operators at their desks: signed-in clients, sockets and browsers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

import pytest
import websockets
from django.test import Client

from accounts.models import User
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox
from tests.desk.seats import product as product  # noqa: PLC0414 (a fixture for this folder)
from tests.desk.seats import sit as sit  # noqa: PLC0414
from tests.live import LiveServer

Json = dict[str, Any]
BACKEND = "django.contrib.auth.backends.ModelBackend"


def client_of(user: User | None) -> Client:
    """A browser's HTTP side, signed in."""
    client = Client()
    if user is not None:
        client.force_login(user, backend=BACKEND)
    return client


@pytest.fixture
def as_ana(ana: User) -> Client:
    return client_of(ana)


@pytest.fixture
def as_bruno(bruno: User) -> Client:
    return client_of(bruno)


@pytest.fixture
def as_clara(clara: User) -> Client:
    return client_of(clara)


def said(inbox: Inbox, who: str, text: str = "Help") -> Conversation:
    """A customer's conversation with one more message."""
    return receive(inbox=inbox, sender=Sender(who, name=who.title()), text=text).conversation


class DeskSocket:
    """One operator's socket; keeps every frame it got."""

    def __init__(self, server: LiveServer, client: Client, origin: str | None = None) -> None:
        self.address = f"ws://127.0.0.1:{server.port}/ws/desk/"
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        self.headers = {"Cookie": cookies} if cookies else {}
        self.origin = origin or server.url
        self.frames: list[Json] = []

    async def __aenter__(self) -> Self:
        self.socket = await websockets.connect(
            self.address,
            additional_headers=self.headers,
            origin=self.origin,  # type: ignore[arg-type]
        )
        await self.until("ready")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def tell(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def until(self, kind: str, check: Callable[[Json], bool] = lambda _: True) -> Json:
        """The next frame of a type that passes the check."""
        async with asyncio.timeout(15):
            while True:
                frame: Json = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] == kind and check(frame):
                    return frame

    async def settled(self) -> None:
        """Everything that was told before this has arrived: what is sent now comes after it."""
        await self.tell(type="ping")
        await self.until("pong")

    async def quiet(self, seconds: float) -> list[Json]:
        """What comes within a while."""
        first = len(self.frames)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.until("never")
        return self.frames[first:]


Desk = Callable[..., AbstractAsyncContextManager[DeskSocket]]


@pytest.fixture
def desk(quiet_server: LiveServer) -> Desk:
    """Opens an operator's socket on the running product."""

    @contextlib.asynccontextmanager
    async def opened(client: Client, **more: Any) -> AsyncIterator[DeskSocket]:
        async with DeskSocket(quiet_server, client, **more) as socket:
            yield socket

    return opened
