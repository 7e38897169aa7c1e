"""Hints: told on commit to whoever listens, never of what was undone, and harmless when lost."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.db import transaction

from accounts.models import Team
from core.realtime import publish, send
from core.threads import borrowed, in_thread
from tests.live import close_database_threads

HINT = {"type": "hint", "seq": 1}


class Broken:
    """A layer whose server is away."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        raise ConnectionError(group)


@pytest.fixture
def layer() -> Iterator[Any]:
    """The layer of this test alone."""
    channel_layers.backends.clear()
    yield get_channel_layer()
    channel_layers.backends.clear()


@pytest.fixture
def broken(layer: Any) -> None:
    channel_layers.backends["default"] = Broken()


def listen(layer: Any, *groups: str, channel: str = "c") -> str:
    for group in groups:
        async_to_sync(layer.group_add)(group, channel)
    return channel


def heard(layer: Any, channel: str = "c") -> list[Any]:
    """What lies before the listener."""
    queue = layer.channels.get(channel)
    return [] if queue is None else [queue.get_nowait()[1] for _ in range(queue.qsize())]


@pytest.mark.django_db
def test_publish_waits_for_the_commit(layer: Any, django_capture_on_commit_callbacks: Any) -> None:
    listen(layer, "g")
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        publish(["g"], HINT)
        assert heard(layer) == []
    assert len(callbacks) == 1
    assert heard(layer) == [HINT]


@pytest.mark.django_db(transaction=True)
def test_publish_outside_a_transaction_tells_at_once(layer: Any) -> None:
    listen(layer, "g")
    publish(["g"], HINT)
    assert heard(layer) == [HINT]


@pytest.mark.django_db(transaction=True)
def test_publish_of_an_undone_transaction_is_never_told(layer: Any) -> None:
    listen(layer, "g")
    with pytest.raises(ValueError), transaction.atomic():  # noqa: PT011, PT012 (ours)
        publish(["g"], HINT)
        raise ValueError
    publish(["g"], {"type": "hint", "seq": 2})
    assert heard(layer) == [{"type": "hint", "seq": 2}]


@pytest.mark.django_db(transaction=True)
def test_publish_of_an_undone_inner_transaction_is_never_told(layer: Any) -> None:
    listen(layer, "g")
    with transaction.atomic():
        publish(["g"], HINT)
        with pytest.raises(ValueError), transaction.atomic():  # noqa: PT011, PT012 (ours)
            publish(["g"], {"type": "hint", "seq": 2})
            raise ValueError
    assert heard(layer) == [HINT]


@pytest.mark.django_db
def test_publish_reaches_each_group_and_no_other(layer: Any, django_capture_on_commit_callbacks: Any) -> None:
    listen(layer, "a", channel="first")
    listen(layer, "b", channel="second")
    listen(layer, "c", channel="third")
    with django_capture_on_commit_callbacks(execute=True):
        publish(["a", "b"], HINT)
    assert [heard(layer, name) for name in ("first", "second", "third")] == [[HINT], [HINT], []]


@pytest.mark.django_db
def test_publish_keeps_what_was_said_when_it_was_said(
    layer: Any, django_capture_on_commit_callbacks: Any
) -> None:
    listen(layer, "g")
    groups, message = ["g"], dict(HINT)
    with django_capture_on_commit_callbacks(execute=True):
        publish(groups, message)
        message["seq"] = 99
        groups.append("other")
    assert heard(layer) == [HINT]


@pytest.mark.django_db(transaction=True)
def test_broken_layer_loses_the_hint_and_nothing_else(broken: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), transaction.atomic():
        Team.objects.create(slug="x", name="x")
        publish(["a", "b"], HINT)
    assert Team.objects.count() == 1
    assert [record.getMessage() for record in caplog.records] == [
        "realtime hint to a was lost",
        "realtime hint to b was lost",
    ]


def test_send_without_any_layer_says_nothing(layer: Any, settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    channel_layers.backends.clear()
    async_to_sync(send)(["g"], HINT)
    assert get_channel_layer() is None


async def test_send_one_group_that_fails_keeps_none_from_the_others(layer: Any) -> None:
    await layer.group_add("good", "c")
    await send(["not a valid name!", "good"], HINT)
    assert heard(layer) == [HINT]


async def test_each_listener_gets_a_message_of_its_own(layer: Any) -> None:
    for channel in ("first", "second"):
        await layer.group_add("g", channel)
    await send(["g"], HINT)
    first, second = heard(layer, "first")[0], heard(layer, "second")[0]
    first["seq"] = 99
    assert second == HINT


@pytest.mark.django_db
async def test_publish_from_a_borrowed_thread_is_sent_by_the_loop(layer: Any) -> None:
    """The thread does not wait for the layer: in a server the loop tells."""
    await layer.group_add("g", "c")
    sent_by: list[asyncio.AbstractEventLoop] = []

    class Telling:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            sent_by.append(asyncio.get_running_loop())
            await layer.group_send(group, message)

    channel_layers.backends["default"] = Telling()
    async with borrowed():
        await in_thread(publish, ["g"], HINT)
        async with asyncio.timeout(5):
            assert await layer.receive("c") == HINT
    assert sent_by == [asyncio.get_running_loop()]
    await asyncio.to_thread(close_database_threads)


@pytest.mark.django_db(transaction=True)
async def test_publish_from_a_common_thread_tells_too(layer: Any) -> None:
    await layer.group_add("g", "c")
    await sync_to_async(publish)(["g"], HINT)
    assert heard(layer) == [HINT]
