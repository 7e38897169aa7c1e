"""The HTTP twin of the socket: the same frames, for clients whose websockets are blocked."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts.models import User
from conversations.actions import reply
from conversations.models import Attachment, Conversation, Inbox, Message
from tests.live import LiveServer
from tests.pictures import PNG

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


class Twin:
    """A visitor on POST and server-sent events."""

    def __init__(self, server: LiveServer, key: str) -> None:
        self.client = httpx.AsyncClient(base_url=f"{server.url}/api/v1/widget/{key}", timeout=20)
        self.token = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def hello(self, **more: Any) -> dict[str, Any]:
        answer = await self.client.post("/hello", json={"type": "hello", "v": 1, **more})
        welcome: dict[str, Any] = answer.raise_for_status().json()
        self.token = welcome["token"]
        return welcome

    async def send(self, text: str, client_id: str | None = None, **more: Any) -> httpx.Response:
        frame = {"type": "send", "client_id": client_id or str(uuid4()), "text": text, **more}
        return await self.client.post("/messages", json=frame, headers=self.headers)

    async def events(self, **query: Any) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        async with self.client.stream("GET", "/events", params=query, headers=self.headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            number = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = line[4:]
                elif line.startswith("data: "):
                    yield number, json.loads(line[6:])
                    number = ""


@pytest.fixture
async def twin(quiet_server: LiveServer, inbox: Inbox) -> AsyncIterator[Twin]:
    twin = Twin(quiet_server, inbox.key)
    yield twin
    await twin.client.aclose()


async def test_post_is_acknowledged_once_stored_and_repeating_it_is_harmless(twin: Twin) -> None:
    assert (await twin.hello())["conversation"] is None
    key = str(uuid4())
    first, second = await twin.send("Oi", key), await twin.send("Oi", key)
    assert first.json() == second.json()
    assert first.json()["type"] == "ack"
    assert await Message.objects.acount() == 1


async def test_events_bring_what_was_missed_and_what_comes(twin: Twin, bruno: User) -> None:
    await twin.hello()
    await twin.send("one")
    await twin.send("two")
    told: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(15):
        async for number, frame in twin.events(since=1):
            told.append((number, frame))
            if frame.get("message", {}).get("text") == "two":
                conversation = await Conversation.objects.aget()
                actor = await in_db(bruno.as_actor)()
                await in_db(reply)(conversation=conversation, text="three", by=actor)
            if frame.get("message", {}).get("text") == "three":
                break
    assert told[0][1]["type"] == "welcome"
    numbered = [(number, frame["seq"]) for number, frame in told if frame["type"] == "event"]
    assert all(number == str(seq) for number, seq in numbered)
    assert [seq for _, seq in numbered] == sorted({seq for _, seq in numbered})


async def test_last_event_id_resumes_like_since(twin: Twin) -> None:
    await twin.hello()
    for text in ("one", "two", "three"):
        await twin.send(text)
    twin.client.headers["Last-Event-ID"] = "2"
    async for _, frame in twin.events():
        if frame["type"] == "event":
            assert frame["seq"] == 3
            break


@pytest.mark.parametrize("since", ["x", "-1", "1" * 12, "²"])
async def test_events_with_a_bad_cursor_are_refused(twin: Twin, since: str) -> None:
    await twin.hello()
    answer = await twin.client.get("/events", params={"since": since}, headers=twin.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Basic abc"])
async def test_without_a_good_token_nothing_is_told(twin: Twin, token: str) -> None:
    for call in (
        twin.client.get("/events", headers={"Authorization": token}),
        twin.client.post("/messages", json={"type": "stop"}, headers={"Authorization": token}),
        twin.client.post("/attachments", files={"file": b"x"}, headers={"Authorization": token}),
    ):
        assert (await call).status_code == 401


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "jwt"])
async def test_token_in_an_address_opens_nothing(twin: Twin, name: str) -> None:
    """Chatwoot #15775: addresses with the token stand in logs, histories and referrers."""
    await twin.hello()
    for value in (twin.token, f"Bearer {twin.token}"):
        assert (await twin.client.get("/events", params={name: value})).status_code == 401


async def test_bad_bodies_are_error_frames(twin: Twin) -> None:
    await twin.hello()
    answer = await twin.client.post("/messages", content="{", headers=twin.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    key = str(uuid4())
    refused = await twin.send("", key)
    assert refused.status_code == 422
    assert refused.json()["client_id"] == key


async def test_other_sites_may_call_unless_the_inbox_names_its_own(twin: Twin, inbox: Inbox) -> None:
    preflight = await twin.client.options("/messages", headers={"Origin": "https://a.example"})
    assert preflight.status_code == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = await twin.client.get("/config", headers={"Origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    await Inbox.objects.filter(pk=inbox.pk).aupdate(allowed_origins=["https://b.example"])
    refused = await twin.client.get("/config", headers={"Origin": "https://a.example"})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")


async def test_config_tells_the_look_and_no_secret(twin: Twin, inbox: Inbox) -> None:
    told = (await twin.client.get("/config")).json()
    assert told["title"] == "Aurora"
    assert inbox.secret not in str(told)
    assert (await twin.client.get("/../nope/config")).status_code == 404


async def upload(twin: Twin, content: bytes, kind: str, name: str = "a.png") -> httpx.Response:
    return await twin.client.post("/attachments", files={"file": (name, content, kind)}, headers=twin.headers)


async def test_attachment_travels_with_its_message_and_can_be_fetched(twin: Twin) -> None:
    await twin.hello()
    stored = (await upload(twin, PNG, "image/png", "../../etc/foto.png")).json()
    assert (stored["name"], stored["size"]) == ("foto.png", len(PNG))
    key = str(uuid4())
    first = await twin.send("", key, attachments=[stored["id"]])
    assert first.json()["type"] == "ack"
    assert (await twin.send("", key, attachments=[stored["id"]])).json() == first.json()
    root = str(twin.client.base_url).split("/api/")[0]
    fetched = await twin.client.get(f"{root}{stored['url']}")
    assert fetched.content == PNG
    assert fetched.headers["x-content-type-options"] == "nosniff"
    # Once sent, a file cannot be sent again.
    assert (await twin.send("again", attachments=[stored["id"]])).status_code == 404


async def test_attachment_of_another_visitor_cannot_be_sent(twin: Twin) -> None:
    await twin.hello()
    stored = (await upload(twin, PNG, "image/png")).json()
    await twin.hello()
    assert (await twin.send("mine now", attachments=[stored["id"]])).status_code == 404
    assert not await Message.objects.aexists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<script>alert(1)</script>", "text/html"),
        (b"<svg onload=alert(1)>", "image/svg+xml"),
        (b"<html>", "image/png"),
        (b"MZ\x00\x00", "text/plain"),
        (b"", "text/plain"),
        (PNG, "application/x-msdownload"),
    ],
)
async def test_attachment_of_a_wrong_type_is_refused(twin: Twin, content: bytes, kind: str) -> None:
    await twin.hello()
    assert (await upload(twin, content, kind)).status_code == 422
    assert not await Attachment.objects.aexists()


async def test_attachment_that_is_too_large_is_refused(twin: Twin, settings: Any) -> None:
    settings.MAX_ATTACHMENT_BYTES = 1000
    await twin.hello()
    assert (await upload(twin, PNG + b"0" * 1000, "image/png")).status_code == 413


def test_pages_that_carry_the_widget_are_served_under_a_strict_policy(client: Client, inbox: Inbox) -> None:
    for address in ("/", "/?lang=es", "/?lang=%00", f"/chat/{inbox.key}/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert f'data-inbox="{inbox.key}"' in answer.text
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "style=" not in answer.text
    assert client.get("/chat/nope/").status_code == 404


def test_demo_page_without_an_inbox_is_not_found(client: Client) -> None:
    assert client.get("/").status_code == 404


async def test_post_never_rotates_the_token_it_cannot_tell(twin: Twin) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from integrations.web.models import VisitorToken

    await twin.hello()
    await VisitorToken.objects.aupdate(created_at=timezone.now() - timedelta(days=2))
    assert (await twin.send("Oi")).status_code == 200
    row = await VisitorToken.objects.aget()
    assert row.expires_at > timezone.now() + timedelta(days=20)
