"""Text that is still being written: shown live, kept a while, never the truth."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from conversations.actions import forget_text, partial_text, request_stop, show_text, stop_requested
from conversations.actions.streaming import KEPT_SECONDS, partial_key, stop_key
from conversations.groups import conversation_group
from tests.conversations.conftest import Listener

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def test_shown_text_is_told_from_its_offset_on(listener: Listener) -> None:
    key, run = uuid4(), uuid4()
    group = conversation_group(key)
    await listener.layer.group_add(group, group)
    await show_text(conversation_id=key, run=run, so_far="Olá 👋🏽 Davi", offset=4)
    assert listener.heard(group) == [
        {"type": "delta", "conversation": str(key), "run": str(run), "offset": 4, "text": "👋🏽 Davi"}
    ]


async def test_shown_text_is_kept_whole_for_late_readers() -> None:
    key, run = uuid4(), uuid4()
    assert await partial_text(key) is None
    await show_text(conversation_id=key, run=run, so_far="abc", offset=2)
    assert await partial_text(key) == (str(run), "abc")
    assert await partial_text(uuid4()) is None


async def test_text_of_another_run_replaces_it() -> None:
    key, second = uuid4(), uuid4()
    await show_text(conversation_id=key, run=uuid4(), so_far="first", offset=0)
    await show_text(conversation_id=key, run=second, so_far="s", offset=0)
    assert await partial_text(key) == (str(second), "s")


async def test_text_is_forgotten_when_the_run_is_over() -> None:
    key, other = uuid4(), uuid4()
    for conversation_id in (key, other):
        await show_text(conversation_id=conversation_id, run=uuid4(), so_far="abc", offset=0)
        await request_stop(conversation_id=conversation_id)
    await forget_text(conversation_id=key)
    assert (await partial_text(key), await stop_requested(conversation_id=key)) == (None, False)
    assert await partial_text(other) is not None
    assert await stop_requested(conversation_id=other)


async def test_text_of_a_run_that_died_goes_by_itself() -> None:
    key = uuid4()
    with time_machine.travel(NOON, tick=False) as clock:
        await show_text(conversation_id=key, run=uuid4(), so_far="abc", offset=0)
        clock.shift(KEPT_SECONDS - 1)
        assert await partial_text(key) is not None
        clock.shift(2)
        assert await partial_text(key) is None


async def test_wish_to_stop_is_heard_for_a_minute() -> None:
    key = uuid4()
    with time_machine.travel(NOON, tick=False) as clock:
        assert not await stop_requested(conversation_id=key)
        await request_stop(conversation_id=key)
        clock.shift(59)
        assert await stop_requested(conversation_id=key)
        clock.shift(2)
        assert not await stop_requested(conversation_id=key)


def test_keys_of_the_cache_are_apart_and_the_same_for_text_and_uuid() -> None:
    key = uuid4()
    assert partial_key(key) == partial_key(str(key)) != stop_key(key) == stop_key(str(key))
    cache.set(partial_key(key), 1)


@examples(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=8))
def test_pieces_put_together_are_the_text(pieces: list[str]) -> None:
    """Offsets count code points, so a client that counts the same puts every piece in its place."""
    told: list[tuple[int, str]] = []

    class Ear:
        async def group_send(self, group: str, message: dict[str, str]) -> None:
            told.append((int(message["offset"]), message["text"]))

    async def write() -> None:
        so_far = ""
        for piece in pieces:
            offset, so_far = len(so_far), so_far + piece
            await show_text(conversation_id=uuid4(), run=uuid4(), so_far=so_far, offset=offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.realtime.get_channel_layer", Ear)
        asyncio.run(write())
    shown = ""
    for offset, text in told:
        assert offset == len(shown)
        shown = shown[:offset] + text
    assert shown == "".join(pieces)
