"""`/ws/chat?userId=ID`: the chat socket of an older system, on the running product."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
import websockets

from accounts.models import ApiKey
from agents.builtin import phrases
from agents.models import Agent
from api.seeds import chat_socket
from conversations.actions import reply
from conversations.models import ContactIdentity, Conversation, Inbox, Message
from core.actor import Actor
from tests.api.asking import NEEDS_PERSON, in_db, new_key
from tests.api.asking import lia as lia  # noqa: PLC0414 (a fixture)
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


class Socket:
    """A client of the older system."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def say(self, frame: Any) -> None:
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """The frames up to and with the first of a kind."""
        got: list[dict[str, Any]] = []
        async with asyncio.timeout(90):
            while not got or got[-1]["type"] != kind:
                got.append(json.loads(await self.socket.recv()))
        return got

    async def end(self) -> int:
        """Waits until the server closes, and returns the code."""
        async with asyncio.timeout(20):
            await self.socket.wait_closed()
        return int(self.socket.close_code)


@asynccontextmanager
async def opened(
    server: LiveServer, query: str = "userId=42", *, key: str = "", origin: Any = None
) -> AsyncIterator[Socket]:
    address = f"ws://127.0.0.1:{server.port}/ws/chat?{query}"
    headers = {"X-API-Key": key} if key else {}
    async with websockets.connect(address, additional_headers=headers, origin=origin) as socket:
        yield Socket(socket)


@pytest.fixture
def plain(settings: Any) -> str:
    settings.CHAT_KEYS = ["plain-key"]
    return "plain-key"


@pytest.fixture
def free(settings: Any) -> None:
    """Nobody needs a key."""
    settings.REQUIRE_API_KEY = False


async def test_what_is_said_is_answered_piece_by_piece_and_whole(
    server: LiveServer, lia: Agent, plain: str
) -> None:
    async with opened(server, key=plain) as socket:
        for frame in ({"message": "olá"}, {"text": "olá"}, {"type": "send", "prompt": "olá"}, "olá", '"olá"'):
            await socket.say(frame)
            *pieces, message = await socket.until("message")
            text = "".join(piece["text"] for piece in pieces if piece["type"] == "delta")
            assert message["response"] in set(phrases.GREETING.values())
            assert message["response"].startswith(text.strip())
            assert (message["userId"], message["author"]["kind"]) == ("42", "agent")
    question = await Message.objects.filter(direction="in").alatest("seq")
    assert message["interaction_id"] == str(question.pk)
    assert await Message.objects.filter(direction="in", text="olá").acount() == 5


async def test_what_was_answered_is_told_again_to_whoever_asks_again_on_a_new_line(
    server: LiveServer, lia: Agent, plain: str
) -> None:
    """As a client does whose line broke before it knew."""
    frame = {"message": "olá", "client_id": str(uuid4())}
    answers = []
    for _ in range(2):
        async with opened(server, key=plain) as socket:
            await socket.say(frame)
            assert (await socket.until("ack"))[-1]["client_id"] == frame["client_id"]
            answers.append((await socket.until("message"))[-1])
    assert answers[0]["interaction_id"] == answers[1]["interaction_id"]
    assert answers[0]["response"] == answers[1]["response"]
    assert await Message.objects.filter(direction="in").acount() == 1


async def test_people_take_over_and_answer_on_the_same_socket(
    server: LiveServer, lia: Agent, plain: str
) -> None:
    async with opened(server, key=plain) as socket:
        await socket.say({"message": NEEDS_PERSON})
        frames = await socket.until("message")
        assert {"type": "status", "status": "open"} in frames
        await socket.say({"message": "alguém?"})
        assert (await socket.until("status"))[-1]["status"] == "open"
        conversation = await Conversation.objects.aget()
        await in_db(reply)(conversation=conversation, text="Aqui é Bruno", by=Actor.system("Bruno"))
        assert (await socket.until("message"))[-1]["response"] == "Aqui é Bruno"


async def test_same_id_is_stored_once(quiet_server: LiveServer, inbox: Inbox, plain: str) -> None:
    frame = {"message": "Oi", "client_id": str(uuid4())}
    async with opened(quiet_server, key=plain) as socket:
        told = []
        for _ in range(2):
            await socket.say(frame)
            told.append((await socket.until("ack"))[-1])
    assert told[0] == told[1]
    assert await Message.objects.acount() == 1


async def test_key_comes_in_a_header_or_in_the_first_frame(
    quiet_server: LiveServer, inbox: Inbox, plain: str
) -> None:
    async with opened(quiet_server) as socket:
        await socket.say({"type": "hello", "api_key": plain})
        assert (await socket.until("welcome"))[-1]["userId"] == "42"
        await socket.say("Oi")
        await socket.until("status")
    for query, key, first in (
        ("userId=42", "wrong", None),
        ("userId=42", "", {"type": "hello", "api_key": "wrong"}),
        ("userId=42", "", {"message": "Oi"}),
        (f"userId=42&api_key={plain}", plain, None),
        (f"userId=42&token={plain}", "", None),
    ):
        async with opened(quiet_server, query, key=key) as socket:
            if first:
                await socket.say(first)
            (error,) = await socket.until("error")
            assert (error["code"], await socket.end()) == ("unauthenticated", 4401), query
    assert await Message.objects.acount() == 1


async def test_whoever_says_nothing_may_not_stay(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "HELLO_SECONDS", 0.2)
    async with opened(quiet_server) as socket:
        assert await socket.end() == 4408


async def test_name_in_the_address_opens_nobodys_history(
    quiet_server: LiveServer, inbox: Inbox, plain: str, free: None
) -> None:
    async with opened(quiet_server, key=plain) as known:
        await known.say("segredo")
        await known.until("status")
        for _ in range(2):
            async with opened(quiet_server) as stranger:
                await stranger.say("Oi")
                await stranger.say("De novo")
                await stranger.until("status")
                await stranger.until("status")
        by = Actor.system("Bruno")
        conversation = await Conversation.objects.aearliest("created_at")
        await in_db(reply)(conversation=conversation, text="Para 42", by=by)
        assert (await known.until("message"))[-1]["response"] == "Para 42"
    # One person for each connection, and none of them the known one.
    assert await Conversation.objects.acount() == await ContactIdentity.objects.acount() == 3
    async with opened(quiet_server, key=plain) as again:
        await again.say("voltei")
        frames = await again.until("status")
    assert [frame["type"] for frame in frames] == ["status"]


async def test_foreign_site_is_refused(quiet_server: LiveServer, inbox: Inbox, free: None) -> None:
    await Inbox.objects.aupdate(allowed_origins=["https://shop.example"])
    async with opened(quiet_server, origin="https://x.example") as socket:
        (error,) = await socket.until("error")
        assert (error["code"], await socket.end()) == ("origin_not_allowed", 4403)
    async with opened(quiet_server, origin="https://shop.example") as socket:
        await socket.say("Oi")
        await socket.until("status")


async def test_revoked_key_ends_the_socket(
    quiet_server: LiveServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_socket, "LOOK_SECONDS", 0.2)
    async with opened(quiet_server, key=await in_db(new_key)("write")) as socket:
        await socket.say("Oi")
        await socket.until("status")
        await ApiKey.objects.aupdate(is_active=False)
        assert (await socket.until("error"))[-1]["code"] == "unauthenticated"
        assert await socket.end() == 4401


@pytest.mark.usefixtures("inbox", "free", "still_minute")
async def test_frames_and_messages_are_counted(
    quiet_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 2
    async with opened(quiet_server) as socket:
        for _ in range(3):
            await socket.say("Oi")
        error = (await socket.until("error"))[-1]
        assert (error["code"], error["retry_after"]) == ("too_many", 42)
    # Another connection from the same address is no way around it.
    async with opened(quiet_server) as socket:
        await socket.say("Oi")
        assert (await socket.until("error"))[-1]["code"] == "too_many"
    monkeypatch.setattr(chat_socket, "FRAMES_PER_MINUTE", 3)
    async with opened(quiet_server) as socket:
        for _ in range(4):
            await socket.say({"type": "ping"})
        frames = await socket.until("error")
    assert [frame["type"] for frame in frames] == ["pong", "pong", "pong", "error"]
    assert await Message.objects.acount() == 2


@pytest.mark.parametrize("raw", ["", "{}", '{"message": 1}', '{"message": ""}', "\x00"])
async def test_what_says_nothing_is_refused_and_the_socket_stays(
    quiet_server: LiveServer, inbox: Inbox, free: None, raw: str
) -> None:
    async with opened(quiet_server) as socket:
        await socket.say(raw)
        assert (await socket.until("error"))[-1]["code"] == "invalid"
        await socket.say({"message": "Oi", "client_id": "x"})
        assert (await socket.until("error"))[-1]["field"] == "client_id"
        await socket.say("x" * (64 * 1024 + 1))
        assert (await socket.until("error"))[-1]["code"] == "too_large"
        await socket.say(r'{"message": "half \ud83d"}')
        await socket.until("status")
