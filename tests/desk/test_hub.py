"""One ear for all sockets: what is read how often, and what happens when something is away."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError

from accounts.models import User
from conversations.groups import DESK_ALL, conversation_group, desk_group, operator_group
from conversations.models import Conversation
from core.actor import Actor
from desk import consumers
from desk.consumers import DeskConsumer
from desk.hub import Hub
from desk.live import Row
from desk.queries.rows import rows_by_id

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


class Ear:
    """A socket without a network."""

    language = "en"

    def __init__(self, actor: Actor) -> None:
        self.actor, self.open_id = actor, ""
        self.frames: list[str] = []
        self.numbers: list[int] = []
        self.counted: list[dict[str, int]] = []
        self.told, self.numbered = asyncio.Event(), asyncio.Event()

    def offer(self, frame: str) -> None:
        self.frames.append(frame)
        self.told.set()

    def moved(self, row: Row) -> None:
        self.numbers.append(row.seq)

    def lost(self) -> None:
        self.numbers.append(-1)

    def offer_counts(self, numbers: dict[str, int]) -> None:
        self.counted.append(numbers)
        self.numbered.set()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    for listener in tuple(hub.listeners):
        await hub.leave(listener)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids of each query for rows."""
    asked: list[list[str]] = []

    def noted(ids: Iterable[str]) -> list[Conversation]:
        asked.append(list(ids))
        return rows_by_id(asked[-1])

    monkeypatch.setattr("desk.live.rows_by_id", noted)
    return asked


async def settled(hub: Hub) -> None:
    while hub._flushing is not None:
        await hub._flushing


async def heard(ear: Ear, hub: Hub) -> None:
    """Waits until a hint has come through the layer and everything marked has been told."""
    async with asyncio.timeout(10):
        await ear.told.wait()
        await settled(hub)


async def hint(conversation: Conversation, *groups: str) -> None:
    """What an action says when it has committed."""
    layer = get_channel_layer()
    for group in groups or (DESK_ALL, desk_group(conversation.team_id)):
        await layer.group_send(group, {"type": "hint", "conversation": str(conversation.pk), "seq": 1})


async def test_a_hint_to_fifty_sockets_is_one_query(
    hub: Hub, reads: list[list[str]], conversation: Conversation, bruno: User
) -> None:
    actor = await in_db(bruno.as_actor)()
    ears = [Ear(actor) for _ in range(50)]
    for ear in ears:
        await hub.enter(ear)
    await hint(conversation, desk_group(conversation.team_id), operator_group(bruno.pk))
    await heard(ears[0], hub)
    assert reads == [[str(conversation.pk)]]
    assert all(len(ear.frames) == 1 for ear in ears)


async def test_a_burst_is_gathered_and_nothing_is_told_twice(
    hub: Hub, reads: list[list[str]], conversation: Conversation, ana: User
) -> None:
    ear = Ear(await in_db(ana.as_actor)())
    await hub.enter(ear)
    for _ in range(100):
        await hint(conversation)
    await heard(ear, hub)
    assert len(reads) < 10
    assert len(ear.frames) == 1


async def test_a_hint_during_a_query_is_answered_by_the_next(
    hub: Hub, conversation: Conversation, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that began before the change would tell the old state."""
    ear = Ear(await in_db(ana.as_actor)())
    await hub.enter(ear)
    loop = asyncio.get_running_loop()
    calls: list[int] = []

    def slow(ids: Iterable[str]) -> list[Conversation]:
        found = rows_by_id(ids)
        if not calls:
            Conversation.objects.filter(pk=conversation.pk).update(preview="changed meanwhile")
            loop.call_soon_threadsafe(hub.mark, str(conversation.pk))
        calls.append(1)
        return found

    monkeypatch.setattr("desk.live.rows_by_id", slow)
    hub.mark(str(conversation.pk))
    await settled(hub)
    assert len(calls) == 2
    assert "changed meanwhile" in ear.frames[-1]


async def test_groups_are_those_that_somebody_needs(
    hub: Hub, conversation: Conversation, ana: User, bruno: User, clara: User
) -> None:
    people = {user.username: Ear(await in_db(user.as_actor)()) for user in (ana, bruno, clara)}
    await hub.enter(people["bruno"])
    await hub.enter(people["clara"])
    assert desk_group(conversation.team_id) in hub._joined
    assert DESK_ALL not in hub._joined
    await hub.enter(people["ana"])
    assert hub._joined == {DESK_ALL}
    await hub.follow(people["bruno"], str(conversation.pk))
    assert conversation_group(conversation.pk) in hub._joined
    await hub.leave(people["bruno"])
    assert hub._joined == {DESK_ALL}
    for name in ("ana", "clara"):
        await hub.leave(people[name])
    assert hub._joined == set()
    assert hub._ear is None


async def test_a_deleted_conversation_leaves_the_screens(
    hub: Hub, conversation: Conversation, ana: User, clara: User
) -> None:
    seer, stranger = Ear(await in_db(ana.as_actor)()), Ear(await in_db(clara.as_actor)())
    for ear in (seer, stranger):
        await hub.enter(ear)
    hub.mark(str(conversation.pk))
    await settled(hub)
    key = str(conversation.pk)
    await conversation.adelete()
    hub.mark(key)
    await settled(hub)
    assert seer.frames[-1] == f'{{"type":"gone","conversation":"{key}"}}'
    assert stranger.frames == []


async def test_the_database_may_be_away_for_a_moment(
    hub: Hub, conversation: Conversation, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OperationalError("away"), ValueError("a mistake")])

    def failing(ids: Iterable[str]) -> list[Conversation]:
        for failure in failures:
            raise failure
        return rows_by_id(ids)

    monkeypatch.setattr("desk.hub.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("desk.live.rows_by_id", failing)
    ear = Ear(await in_db(ana.as_actor)())
    await hub.enter(ear)
    hub.mark(str(conversation.pk))
    await settled(hub)
    # The outage was waited for; the mistake was logged, and the hub lives on.
    assert ear.frames == []
    hub.mark(str(conversation.pk))
    await settled(hub)
    assert len(ear.frames) == 1


async def test_the_layer_may_be_away_for_a_moment(
    hub: Hub, conversation: Conversation, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = get_channel_layer()
    receive, failures = layer.receive, iter([ConnectionError("Redis is away")])

    async def failing(channel: str) -> Any:
        for failure in failures:
            raise failure
        return await receive(channel)

    monkeypatch.setattr("desk.hub.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(layer, "receive", failing)
    ear = Ear(await in_db(ana.as_actor)())
    await hub.enter(ear)
    await hint(conversation)
    await heard(ear, hub)
    assert len(ear.frames) == 1


async def test_counts_that_cannot_be_read_come_with_the_next_change(
    hub: Hub, conversation: Conversation, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr("desk.hub.COUNTS_SECONDS", 0.01)
    ear = Ear(await in_db(ana.as_actor)())
    with monkeypatch.context() as patch:
        patch.setattr("desk.hub.groups", away)
        await hub.enter(ear)
        counting = hub._counting
        assert counting is not None
        await counting
    assert ear.counted == []
    hub.mark(str(conversation.pk))
    await settled(hub)
    async with asyncio.timeout(5):
        await ear.numbered.wait()
    assert ear.counted[-1]["open"] == 1


async def test_a_browser_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MAX_OUTBOX", 3)
    socket = DeskConsumer()
    sent: list[dict[str, Any]] = []

    async def base_send(message: dict[str, Any]) -> None:
        sent.append(message)

    socket.base_send = base_send
    socket.prepare()
    for number in range(10):
        socket.offer(str(number))
    assert len(socket.outbox) == 0
    await socket._write()
    assert sent == [{"type": "websocket.close", "code": consumers.TRY_AGAIN}]


async def test_a_mistake_ends_the_socket_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    socket = DeskConsumer()
    sent: list[dict[str, Any]] = []

    async def base_send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def mistake() -> None:
        raise ValueError

    socket.base_send = base_send
    await socket._keep(mistake)
    assert sent == [{"type": "websocket.close", "code": consumers.INTERNAL}]
    assert "a desk socket failed" in caplog.text
