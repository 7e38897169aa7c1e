"""A conversation's events over HTTP: as a list, and as a stream against the running server."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actions import create_api_key
from accounts.models import ApiKey, Team, User
from api import following
from conversations.actions import add_event, lock, note, reply, set_typing, show_text
from conversations.actions.record import save_locked
from conversations.enums import EventType
from conversations.models import Conversation
from conversations.queries import threads
from core.actor import Actor
from core.reasons import reason
from core.shared_layer import SharedLayer
from tests.api.streaming import STREAM, numbers, stream, told, until
from tests.core.test_shared_layer import Redis
from tests.core.test_shared_layer import redis as redis  # noqa: PLC0414 (a fixture)
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
Programs = AsyncIterator[httpx.AsyncClient]


def address(conversation: Conversation) -> str:
    return f"/conversations/{conversation.pk}/events"


def program(server: LiveServer, *scopes: str, teams: Any = ()) -> httpx.AsyncClient:
    rights = {"scopes": scopes or ("read",), "teams": teams, "all_teams": not teams}
    _row, key = create_api_key(name="Shop", by=Actor.system(), **rights)
    return httpx.AsyncClient(base_url=f"{server.url}/api/v1", headers={"X-API-Key": key}, timeout=30)


@pytest.fixture
async def client(quiet_server: LiveServer, conversation: Conversation) -> Programs:
    async with await in_db(program)(quiet_server) as client:
        yield client


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look often."""
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.2)


async def say(conversation: Conversation, text: str, *, as_note: bool = False) -> int:
    write = note if as_note else reply
    return (await in_db(write)(conversation=conversation, text=text, by=Actor.system("Bruno"))).seq


async def test_stream_replays_what_was_missed_and_goes_on(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    await say(conversation, "one")
    async with (
        asyncio.timeout(20),
        stream(client, "GET", address(conversation), params={"since": 1}) as events,
    ):
        missed = await until(events, "event")
        await say(conversation, "among us", as_note=True)
        heard = await until(events, "event")
    assert [missed[-1].data["message"]["text"], heard[-1].data["message"]["text"]] == ["one", "among us"]
    assert (heard[-1].data["internal"], heard[-1].last_id) == (True, str(heard[-1].data["seq"]))
    assert heard[-1].data["seq"] == missed[-1].data["seq"] + 1


async def given_back() -> None:
    """Waits until nobody holds a place."""
    async with asyncio.timeout(10):
        while following.PLACES._taken:  # noqa: ASYNC110 (no event tells it)
            await asyncio.sleep(0.05)


async def test_so_many_may_be_followed_at_once_and_places_are_given_back(
    client: httpx.AsyncClient, conversation: Conversation, settings: Any
) -> None:
    settings.API_STREAMS = 2
    for _again in range(2):
        async with (
            asyncio.timeout(30),
            stream(client, "GET", address(conversation)) as one,
            stream(client, "GET", address(conversation)) as other,
        ):
            for events in (one, other):
                await until(events, "snapshot")
            refused = await client.get(address(conversation), headers=STREAM)
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
            # A list is no stream.
            assert (await client.get(address(conversation))).status_code == 200
        await given_back()


async def test_stream_without_a_cursor_begins_with_a_snapshot(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    seq = await say(conversation, "among us", as_note=True)
    async with asyncio.timeout(20), stream(client, "GET", address(conversation)) as events:
        (snapshot,) = await until(events, "snapshot")
        await say(conversation, "later")
        (event,) = await until(events, "event")
    assert [message["text"] for message in snapshot.data["messages"]] == ["Onde está meu pedido?", "among us"]
    assert (snapshot.data["seq"], snapshot.last_id, event.data["seq"]) == (seq, str(seq), seq + 1)


async def test_cursor_that_is_too_old_or_ahead_gets_a_snapshot(
    client: httpx.AsyncClient, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "REPLAY_LIMIT", 3)
    for number in range(4):
        await say(conversation, str(number))
    for since, names in (("1", ["snapshot"]), ("9", ["snapshot"]), ("3", ["event", "event"])):
        headers = {"Last-Event-ID": since}
        async with (
            asyncio.timeout(20),
            stream(client, "GET", address(conversation), params={"since": 0}, headers=headers) as events,
        ):
            heard = [await anext(events) for _ in names]
        assert [event.name for event in heard] == names, since


async def test_two_hundred_cuts_lose_and_double_nothing(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    last = 260
    writing = asyncio.create_task(_write(conversation, last))
    seen: list[int] = []
    cuts = 0
    async with asyncio.timeout(120):
        while not seen or seen[-1] < last:
            headers = {"Last-Event-ID": str(seen[-1] if seen else 0)}
            async with stream(client, "GET", address(conversation), headers=headers) as events:
                for _ in range(random.choice([1, 1, 1, 2])):
                    seen.append((await until(events, "event"))[-1].data["seq"])
                    if seen[-1] >= last:
                        break
            cuts += 1
    await writing
    assert seen == list(range(1, last + 1))
    assert cuts >= 150


async def _write(conversation: Conversation, last: int) -> None:
    for number in range(2, last + 1):
        assert await say(conversation, "more") == number


async def test_text_and_typing_come_when_asked_for(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    run = uuid4()
    await show_text(conversation_id=conversation.pk, run=run, so_far="It", offset=0)

    async def live() -> None:
        await set_typing(conversation_id=conversation.pk, who="contact", name="Davi", on=True)
        await show_text(conversation_id=conversation.pk, run=run, so_far="It is", offset=2)
        await say(conversation, "done")

    for include, wanted in (
        ("delta,typing", ["delta", "snapshot", "typing", "delta", "event"]),
        ("typing", ["snapshot", "typing", "event"]),
        ("", ["snapshot", "event"]),
    ):
        async with (
            asyncio.timeout(20),
            stream(client, "GET", address(conversation), params={"include": include}) as events,
        ):
            heard = await until(events, "snapshot")
            await live()
            heard += await until(events, "event")
        assert [event.name for event in heard] == wanted, include
        await show_text(conversation_id=conversation.pk, run=run, so_far="It", offset=0)
    refused = await client.get(address(conversation), params={"include": "money"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "include")


@pytest.mark.parametrize("loss", ["revoked", "expired", "scopes", "moved", "deleted"])
async def test_stream_ends_when_the_right_to_it_is_lost(
    quiet_server: LiveServer, conversation: Conversation, other_team: Team, quick: None, loss: str
) -> None:
    team = await Team.objects.aget(slug="support")
    client = await in_db(program)(quiet_server, "read", teams=[team])
    async with client, asyncio.timeout(20):
        async with stream(client, "GET", address(conversation)) as events:
            await until(events, "snapshot")
            await _lose(loss, conversation, other_team)
            (last,) = [event async for event in events]
        again = await client.get(address(conversation), headers=STREAM)
    code, status = {
        "revoked": ("unauthenticated", 401),
        "expired": ("unauthenticated", 401),
        "scopes": ("forbidden", 403),
    }.get(loss, ("not_found", 404))
    assert (last.name, last.data["code"]) == ("error", code)
    assert (again.status_code, again.headers["content-type"]) == (status, "application/problem+json")


async def _lose(loss: str, conversation: Conversation, other_team: Team) -> None:
    changes: dict[str, Any] = {
        "revoked": {"is_active": False},
        "expired": {"expires_at": "2020-01-01T00:00:00Z"},
        "scopes": {"scopes": ["write"]},
    }
    if loss in changes:
        await ApiKey.objects.aupdate(**changes[loss])
    elif loss == "moved":
        await Conversation.objects.aupdate(team=other_team)
        # What is said from now on is not theirs to hear.
        await say(await Conversation.objects.aget(), "Segredo")
    else:
        await in_db(conversation.delete)()


async def test_person_who_signs_out_hears_no_more(
    quiet_server: LiveServer, conversation: Conversation, bruno: User, quick: None
) -> None:
    browser = Client()
    await in_db(browser.force_login)(bruno)
    cookies = {"sessionid": browser.cookies["sessionid"].value}
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=f"{quiet_server.url}/api/v1", cookies=cookies) as client,
        stream(client, "GET", address(conversation)) as events,
    ):
        await until(events, "snapshot")
        await say(conversation, "heard")
        await until(events, "event")
        await in_db(browser.logout)()
        (last,) = [event async for event in events]
    assert (last.name, last.data["code"]) == ("error", "unauthenticated")


async def test_database_that_is_away_for_a_while_costs_nothing(
    client: httpx.AsyncClient, conversation: Conversation, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, failed = threads.events_of, asyncio.Event()
    loop = asyncio.get_running_loop()

    def away(*arguments: Any, **options: Any) -> Any:
        loop.call_soon_threadsafe(failed.set)
        raise OperationalError

    async with asyncio.timeout(20), stream(client, "GET", address(conversation)) as events:
        await until(events, "snapshot")
        monkeypatch.setattr(threads, "events_of", away)
        await say(conversation, "meanwhile")
        await failed.wait()
        monkeypatch.setattr(threads, "events_of", true)
        (event,) = await until(events, "event")
    assert event.data["message"]["text"] == "meanwhile"


async def test_streams_hold_up_nobody(client: httpx.AsyncClient, conversation: Conversation) -> None:
    """Forty are open, ten for each thread; requests beside them are answered, and all of them hear."""

    async def listen() -> list[int]:
        async with stream(client, "GET", address(conversation), params={"since": 1}) as events:
            opened.release()
            return numbers([await anext(events) for _ in range(5)])

    opened = asyncio.Semaphore(0)
    client._transport._pool._max_connections = 100  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        listening = [asyncio.create_task(listen()) for _ in range(40)]
        for _ in listening:
            await opened.acquire()
        for number in range(5):
            await say(conversation, str(number))
            assert (await client.get("/conversations")).status_code == 200
        assert await asyncio.gather(*listening) == [[2, 3, 4, 5, 6]] * 40


async def test_whoever_takes_anything_gets_a_list_in_pages(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    for text in ("one", "two", "three"):
        await say(conversation, text, as_note=True)
    page = (await client.get(address(conversation), params={"since": 1, "limit": 2})).json()
    assert [row["message"]["text"] for row in page["results"]] == ["one", "two"]
    rest = (await client.get(page["next"])).json()
    assert ([row["seq"] for row in rest["results"]], rest["next"]) == ([4], None)
    empty = await client.get(address(conversation), headers={"Last-Event-ID": "4"})
    assert empty.json() == {"results": [], "next": None}


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 10, "²", ""])
async def test_cursor_that_is_no_number_is_refused(
    client: httpx.AsyncClient, conversation: Conversation, cursor: str
) -> None:
    sent = [(b"Accept", b"text/event-stream"), (b"Last-Event-ID", cursor.encode())]
    answer = await client.get(address(conversation), headers=sent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")
    if cursor not in {"²", "1" * 10}:
        answer = await client.get(address(conversation), params={"since": cursor or "y"}, headers=STREAM)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since")


async def test_what_a_look_costs_does_not_grow_with_what_was_said(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    costs = []
    for count in (1, 30):
        for _ in range(count):
            await say(conversation, "more")

        def look() -> int:
            with CaptureQueriesContext(connection) as queries:
                list(threads.events_of(conversation.pk))
            return len(queries)

        costs.append(await in_db(look)())
    assert costs == [2, 2]
    async with client.stream("GET", address(conversation), headers=STREAM) as response:
        assert response.headers["cache-control"] == "private, no-cache"
        assert (await anext(told(response))).name == "snapshot"


@pytest.mark.redis
async def test_stream_goes_on_without_redis(
    redis: Redis, client: httpx.AsyncClient, conversation: Conversation, quick: None
) -> None:
    address_of_redis = {"address": f"redis://127.0.0.1:{redis.port}", "socket_timeout": 0.5}
    channel_layers.set("default", SharedLayer(hosts=[address_of_redis]))
    try:
        async with asyncio.timeout(30), stream(client, "GET", address(conversation)) as events:
            await until(events, "snapshot")
            await say(conversation, "before")
            before = await until(events, "event")
            redis.kill()
            await say(conversation, "meanwhile")
            meanwhile = await until(events, "event")
        async with asyncio.timeout(30), stream(client, "GET", address(conversation)) as events:
            (snapshot,) = await until(events, "snapshot")
    finally:
        channel_layers.backends.clear()
    assert [numbers(before), numbers(meanwhile)] == [[2], [3]]
    assert snapshot.data["seq"] == 3


async def test_reason_of_a_failure_is_said_in_words(
    client: httpx.AsyncClient, conversation: Conversation
) -> None:
    stored = reason("The provider answered %d.", 500)

    @transaction.atomic
    def fail() -> None:
        row = lock(conversation.pk, by=Actor.system())
        add_event(row, EventType.DELIVERY_FAILED, is_internal=True, error=stored)
        save_locked(row)

    await in_db(fail)()
    (event,) = (await client.get(address(conversation), params={"since": 1})).json()["results"]
    assert event["payload"]["error"] == "The provider answered 500."


async def test_access_token_opens_a_stream_and_signing_out_ends_it(
    quiet_server: LiveServer, conversation: Conversation, bruno: User, quick: None
) -> None:
    async with httpx.AsyncClient(base_url=f"{quiet_server.url}/api/v1", timeout=30) as client:
        login = await client.post("/auth/login", json={"username": "bruno", "password": "bruno"})
        client.headers["Authorization"] = f"Bearer {login.json()['access']}"
        async with asyncio.timeout(30), stream(client, "GET", address(conversation)) as events:
            await until(events, "snapshot")
            body = {"refresh": login.json()["refresh"]}
            assert (await client.post("/auth/logout", json=body)).status_code < 300
            (last,) = [event async for event in events]
    assert (last.name, last.data["code"]) == ("error", "unauthenticated")
