"""One question over plain HTTP, answered piece by piece; and what else comes as an event stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from agents.builtin import phrases
from agents.models import Agent
from conversations.actions import reply, set_typing, show_text
from conversations.models import Conversation, Inbox, Message
from core.sse import text_event
from integrations.web import pulse
from integrations.web.models import VisitorToken
from llm import breaker
from tests.integrations.web.test_http import Twin
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


@pytest.fixture
def lia(inbox: Inbox, settings: Any) -> Agent:
    """The built-in answerer in the inbox."""
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_TIMEOUT_SECONDS": "30",
        "LLM_FIRST_TOKEN_SECONDS": "20",
    }
    breaker.reset()
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(inbox)
    return agent


async def asked(address: str, message: str) -> tuple[httpx.Response, list[tuple[str, str]]]:
    """Asks one question; returns the response and its events as (name, data), read as a browser does."""
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{address}/chat/stream", params={"message": message}) as response,
    ):
        text = "".join([piece async for piece in response.aiter_text()])
    return response, parsed(text)


def parsed(stream: str) -> list[tuple[str, str]]:
    """The events of a stream as the specification has it."""
    events, name, data = [], "", []
    for line in stream.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data: "):
            data.append(line[6:])
        elif line.startswith("event: "):
            name = line[7:]
        elif not line and data:
            events.append((name, "\n".join(data)))
            name, data = "", []
    return events


async def test_question_is_answered_piece_by_piece(server: LiveServer, lia: Agent) -> None:
    response, events = await asked(server.url, "olá")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    *pieces, (name, last) = events
    assert name == "done"
    message = json.loads(last)
    assert message["text"] == phrases.GREETING["pt"]
    assert message["author"]["kind"] == "agent"
    assert len(pieces) >= 3
    assert all(name == "" for name, _ in pieces)
    assert message["text"].startswith("".join(piece for _, piece in pieces).strip())


async def test_question_that_only_people_answer_gets_their_notice(server: LiveServer, lia: Agent) -> None:
    _response, events = await asked(server.url, "quero falar com um atendente")
    *pieces, (name, last) = events
    message = json.loads(last)
    assert (name, message["author"]["kind"]) == ("done", "system")
    assert [piece for _, piece in pieces] == [message["text"]]


@pytest.mark.parametrize("message", ["", "   ", "\x00"])
async def test_question_without_words_is_an_error(
    quiet_server: LiveServer, inbox: Inbox, message: str
) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{quiet_server.url}/chat/stream", params={"message": message})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert not await Conversation.objects.aexists()


async def test_questions_are_paced_by_address(
    quiet_server: LiveServer, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 2
    async with httpx.AsyncClient() as client:
        codes = [
            (await client.get(f"{quiet_server.url}/chat/stream", params={"message": ""})).status_code
            for _ in range(4)
        ]
    assert codes == [422, 422, 429, 429]


async def test_no_inbox_and_a_foreign_site_are_refused(quiet_server: LiveServer, inbox: Inbox) -> None:
    await Inbox.objects.aupdate(allowed_origins=["https://shop.example"])
    async with httpx.AsyncClient(params={"message": "oi"}, headers={"Origin": "https://x.example"}) as client:
        refused = await client.get(f"{quiet_server.url}/chat/stream")
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
        await Inbox.objects.aupdate(is_active=False)
        assert (await client.get(f"{quiet_server.url}/chat/stream")).status_code == 404
    assert not await Message.objects.aexists()


@settings(deadline=None)
@given(st.text(alphabet="ab \n\r:\u2028", max_size=30))
def test_text_of_an_event_is_read_back_whatever_its_lines(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert parsed(text_event(text)) == [("", expected)]


# The HTTP twin's event stream.


@pytest.fixture
async def twin(quiet_server: LiveServer, inbox: Inbox) -> AsyncIterator[Twin]:
    twin = Twin(quiet_server, inbox.key)
    await twin.hello()
    yield twin
    await twin.client.aclose()


async def frames_of(twin: Twin, kind: str, count: int, meanwhile: Any) -> list[dict[str, Any]]:
    """Frames of one kind; `meanwhile` happens once the stream has begun."""
    got: list[dict[str, Any]] = []
    begun = False
    async with asyncio.timeout(15):
        async for _, frame in twin.events():
            if not begun:
                begun = True
                # The welcome is sent before the stream listens: what is only told once must come after.
                task = asyncio.create_task(meanwhile())
            if frame["type"] == kind:
                got.append(frame)
                if len(got) == count:
                    break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return got


async def test_typing_and_text_come_over_the_event_stream(
    twin: Twin, quiet_server: LiveServer, bruno: User
) -> None:
    await twin.send("Oi")
    conversation = await Conversation.objects.aget()
    run = uuid4()

    async def write() -> None:
        while True:
            for who in ("contact", "operator"):
                await set_typing(conversation_id=conversation.pk, who=who, name=who, on=True)
            await show_text(conversation_id=conversation.pk, run=run, so_far="It is", offset=3)
            await asyncio.sleep(0.1)

    (typing,) = await frames_of(twin, "typing", 1, write)
    assert typing == {"type": "typing", "who": "operator", "name": "operator", "on": True}
    deltas = await frames_of(twin, "delta", 2, write)
    # The first may be the text so far, which a reader gets who comes late.
    assert deltas[-1] == {"type": "delta", "run": str(run), "offset": 3, "text": "is"}


async def test_stream_without_news_pings_and_finds_a_conversation_begun_elsewhere(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PING_SECONDS", 0.1)

    async def write() -> None:
        await twin.send("from another tab")

    (event,) = await frames_of(twin, "event", 1, write)
    assert event["message"]["text"] == "from another tab"
    (ping,) = await frames_of(twin, "ping", 1, write)
    assert ping == {"type": "ping"}


async def test_frames_without_an_answer_are_ok(twin: Twin, bruno: User) -> None:
    await twin.send("Oi")
    conversation = await Conversation.objects.aget()
    await in_db(reply)(conversation=conversation, text="Hello", by=await in_db(bruno.as_actor)())
    for frame in (
        {"type": "read", "seq": 2},
        {"type": "typing", "on": True},
        {"type": "stop"},
        {"type": "pong"},
    ):
        answer = await twin.client.post("/messages", json=frame, headers=twin.headers)
        assert (answer.status_code, answer.json()) == (200, {"type": "ok"})
    await conversation.arefresh_from_db()
    assert conversation.read_by_contact_seq == 2


async def test_hello_that_is_no_hello_is_refused(twin: Twin) -> None:
    answer = await twin.client.post("/hello", json={"type": "pong"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    answer = await twin.client.post("/hello", json={"type": "hello", "v": 1, "token": "x" * 43})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_database_that_is_away_is_said_over_http(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr("integrations.web.session.receive", away)
        answer = await twin.send("Oi")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await twin.send("Oi")).json()["type"] == "ack"


async def test_upload_without_a_file_and_too_many_are_refused(twin: Twin, settings: Any) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 1
    answers = [
        await twin.client.post("/attachments", data={"x": "y"}, headers=twin.headers) for _ in range(3)
    ]
    assert answers[0].status_code == 422
    assert answers[0].json()["field"] == "file"
    assert 429 in {answer.status_code for answer in answers}


async def test_visitor_of_another_inbox_may_do_nothing_here(twin: Twin) -> None:
    other = await Inbox.objects.acreate(name="Other")
    await twin.send("secret-canary")
    root = str(twin.client.base_url).rstrip("/").rsplit("/", 1)[0]
    frame = {"type": "send", "client_id": str(uuid4()), "text": "Oi"}
    for method, path, more in (
        ("GET", "events", {}),
        ("POST", "messages", {"json": frame}),
        ("POST", "attachments", {"files": {"file": b"x"}}),
    ):
        answer = await twin.client.request(method, f"{root}/{other.key}/{path}", headers=twin.headers, **more)
        assert answer.status_code == 401, path
        assert "canary" not in answer.text
    assert await Message.objects.acount() == 1


async def test_stream_of_a_revoked_token_ends_however_much_there_is_to_hear(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PING_SECONDS", 0.3)
    await twin.hello()
    await twin.send("Oi")
    conversation = await Conversation.objects.aget()

    async def type_on() -> None:
        while True:
            await set_typing(conversation_id=conversation.pk, who="operator", name="Bruno", on=True)
            await asyncio.sleep(0.05)

    typing = asyncio.create_task(type_on())
    try:
        async with asyncio.timeout(10):
            heard = 0
            async for _, frame in twin.events():
                heard += frame["type"] == "typing"
                if heard == 2:
                    await VisitorToken.objects.all().adelete()
    finally:
        typing.cancel()
    assert heard >= 2
