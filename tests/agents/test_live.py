"""What a model writes, on its way to the screen: whatever the pieces, the text is rebuilt from the deltas."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.layers import get_channel_layer
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import live
from agents.live import LiveText
from conversations.actions import forget_text, partial_text, show_text
from conversations.groups import conversation_group

Json = dict[str, Any]


class Reader:
    """A member of a conversation's group: what an open socket gets."""

    def __init__(self, conversation_id: UUID) -> None:
        self.group = conversation_group(conversation_id)
        layer = get_channel_layer()
        assert layer is not None
        self.layer = layer

    async def join(self) -> "Reader":
        self.channel = await self.layer.new_channel()
        await self.layer.group_add(self.group, self.channel)
        return self

    async def waiting(self) -> list[Json]:
        """Everything that has been told so far."""
        got: list[Json] = []
        while self.layer.channels.get(self.channel) and not self.layer.channels[self.channel].empty():
            got.append(await self.layer.receive(self.channel))
        return got

    async def next(self) -> Json:
        async with asyncio.timeout(10):
            return dict(await self.layer.receive(self.channel))


async def written(pieces: list[str], pauses: list[int]) -> tuple[list[Json], LiveText]:
    """Writes the pieces, lets the loop turn between them, and returns the deltas."""
    conversation = uuid4()
    reader = await Reader(conversation).join()
    text = LiveText(conversation_id=conversation, run=uuid4())
    for piece, turns in zip(pieces, pauses, strict=True):
        await text.add(piece)
        for _ in range(turns):
            await asyncio.sleep(0)
    await text.close()
    return await reader.waiting(), text


def rebuilt(deltas: list[Json]) -> str:
    """What a client has on the screen after these deltas; a gap is an error."""
    shown = ""
    for delta in deltas:
        assert delta["offset"] == len(shown)
        shown += delta["text"]
    return shown


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=12), st.integers(0, 8)), max_size=25),
    st.sampled_from([0.0, 0.0005, 0.04]),
)
def test_deltas_rebuild_the_text_for_any_split(pieces: list[tuple[str, int]], window: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "WINDOW_SECONDS", window)
        deltas, text = asyncio.run(written([text for text, _ in pieces], [turns for _, turns in pieces]))
    assert rebuilt(deltas) == text.text == "".join(text for text, _ in pieces)
    assert all(delta["text"] for delta in deltas)
    assert {delta["run"] for delta in deltas} <= {str(text.run)}


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Reader, LiveText]]:
    """A reader and the text it will see."""
    conversation = uuid4()
    text = LiveText(conversation_id=conversation, run=uuid4())
    yield await Reader(conversation).join(), text
    await text.close()
    await forget_text(conversation_id=conversation)


async def test_first_piece_is_shown_at_once_and_the_rest_of_its_window_together(
    opened: tuple[Reader, LiveText], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WINDOW_SECONDS", 0.5)
    reader, text = opened
    await text.add("It ")
    assert [delta["text"] for delta in await reader.waiting()] == ["It "]
    for word in ("is ", "on ", "its ", "way."):
        await text.add(word)
    assert await reader.waiting() == []
    together = await reader.next()
    assert (together["offset"], together["text"]) == (3, "is on its way.")
    assert text.later is None


async def test_piece_after_the_window_is_shown_at_once(
    opened: tuple[Reader, LiveText], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, text = opened
    await text.add("one")
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    await text.add(" two")
    assert rebuilt(await reader.waiting()) == "one two"
    assert text.later is None


async def test_offsets_count_code_points(opened: tuple[Reader, LiveText]) -> None:
    reader, text = opened
    await text.add("👩‍👩‍👧 ")
    await text.add("ok")
    await text.close()
    assert [delta["offset"] for delta in await reader.waiting()] == [0, 6]


async def test_text_so_far_is_kept_for_who_comes_late_and_forgotten_after(
    opened: tuple[Reader, LiveText],
) -> None:
    _reader, text = opened
    assert await partial_text(text.conversation_id) is None
    await text.add("It is ")
    await text.add("on its way.")
    await text.close()
    assert await partial_text(text.conversation_id) == (str(text.run), "It is on its way.")
    await forget_text(conversation_id=text.conversation_id)
    assert await partial_text(text.conversation_id) is None


async def test_close_shows_the_rest_at_once_and_nothing_comes_after_it(
    opened: tuple[Reader, LiveText], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WINDOW_SECONDS", 5)
    reader, text = opened
    await text.add("one ")
    await text.add("two")
    assert text.later is not None
    await text.close()
    assert rebuilt(await reader.waiting()) == "one two"
    await text.close()
    await asyncio.sleep(0.1)
    assert await reader.waiting() == []


async def test_close_waits_for_a_piece_that_is_just_being_shown(
    opened: tuple[Reader, LiveText], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, text = opened
    shown, free = show_text, asyncio.Event()

    async def slowly(**values: Any) -> None:
        await free.wait()
        await shown(**values)

    monkeypatch.setattr(live, "show_text", slowly)
    monkeypatch.setattr(live, "WINDOW_SECONDS", 0.0)
    first = asyncio.create_task(text.add("one "))
    await asyncio.sleep(0)
    second = asyncio.create_task(text.add("two"))
    closing = asyncio.create_task(text.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    free.set()
    await asyncio.gather(first, second, closing)
    assert rebuilt(await reader.waiting()) == "one two"


async def test_close_of_a_text_that_nobody_wrote_shows_nothing(opened: tuple[Reader, LiveText]) -> None:
    reader, text = opened
    await text.add("")
    await text.close()
    assert await reader.waiting() == []
    assert await partial_text(text.conversation_id) is None


async def test_other_conversations_see_nothing_of_it(opened: tuple[Reader, LiveText]) -> None:
    _reader, text = opened
    stranger = await Reader(uuid4()).join()
    await text.add("secret-canary")
    assert await stranger.waiting() == []
