"""The channel layer of one process: delivers what Channels' own does, with less looking about."""

import asyncio
import time
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from core.layer import CLEAN_SECONDS, OneProcessLayer


@pytest.fixture(params=[OneProcessLayer, InMemoryChannelLayer], ids=lambda kind: kind.__name__)
def either(request: pytest.FixtureRequest) -> Any:
    """Ours and the one it stands for: what holds for one holds for both."""
    return request.param(capacity=3, expiry=60)


def waiting(layer: Any, channel: str) -> list[Any]:
    queue = layer.channels.get(channel)
    return [] if queue is None else [queue.get_nowait()[1] for _ in range(queue.qsize())]


async def test_group_reaches_its_members_in_order(either: Any) -> None:
    for channel in ("a", "b"):
        await either.group_add("g", channel)
    await either.group_add("other", "c")
    for number in range(3):
        await either.group_send("g", {"type": "x", "number": number})
    assert [message["number"] for message in waiting(either, "a")] == [0, 1, 2]
    assert [message["number"] for message in waiting(either, "b")] == [0, 1, 2]
    assert waiting(either, "c") == []


async def test_member_that_does_not_keep_up_misses_what_is_too_much(either: Any) -> None:
    await either.group_add("g", "slow")
    for number in range(5):
        await either.group_send("g", {"type": "x", "number": number})
    await either.group_add("g", "quick")
    await either.group_send("g", {"type": "x", "number": 5})
    assert [message["number"] for message in waiting(either, "slow")] == [0, 1, 2]
    assert [message["number"] for message in waiting(either, "quick")] == [5]


async def test_sending_to_one_that_is_full_raises(either: Any) -> None:
    for _ in range(3):
        await either.send("c", {"type": "x"})
    with pytest.raises(ChannelFull):
        await either.send("c", {"type": "x"})


async def test_group_without_members_swallows(either: Any) -> None:
    await either.group_send("empty", {"type": "x"})
    assert either.groups.get("empty", {}) == {}


@pytest.mark.parametrize("name", ["no spaces", "ü", "x" * 100, ""])
async def test_wrong_group_name_raises(either: Any, name: str) -> None:
    with pytest.raises(TypeError):
        await either.group_send(name, {"type": "x"})


async def test_member_that_left_gets_nothing(either: Any) -> None:
    await either.group_add("g", "c")
    await either.group_discard("g", "c")
    await either.group_send("g", {"type": "x"})
    assert waiting(either, "c") == []


async def test_receive_waits_for_what_is_sent(either: Any) -> None:
    await either.group_add("g", "c")
    receiving = asyncio.create_task(either.receive("c"))
    await asyncio.sleep(0)
    await either.group_send("g", {"type": "x"})
    assert await asyncio.wait_for(receiving, 5) == {"type": "x"}


async def test_members_do_not_share_one_message(either: Any) -> None:
    for channel in ("a", "b"):
        await either.group_add("g", channel)
    await either.group_send("g", {"type": "x", "list": [1]})
    first, second = waiting(either, "a")[0], waiting(either, "b")[0]
    first["list"].append(2)
    assert second["list"] == [1]


async def test_expired_messages_and_members_go_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = OneProcessLayer(expiry=1, group_expiry=1)
    await ours.group_add("g", "c")
    await ours.group_send("g", {"type": "x"})
    later = time.time() + 10
    soon = time.monotonic() + CLEAN_SECONDS + 1
    monkeypatch.setattr("time.time", lambda: later)
    monkeypatch.setattr("core.layer.time.monotonic", lambda: soon)
    await ours.group_send("g", {"type": "x"})
    assert ours.groups.get("g", {}) == {}
    assert ours.channels.get("c") is None or ours.channels["c"].empty()


async def test_search_for_the_expired_is_made_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    monkeypatch.setattr(InMemoryChannelLayer, "_clean_expired", lambda _: searches.append(1))
    now = [1000.0]
    monkeypatch.setattr("core.layer.time.monotonic", lambda: now[0])
    ours = OneProcessLayer()
    for _ in range(50):
        await ours.group_send("g", {"type": "x"})
    assert len(searches) == 1
    now[0] += CLEAN_SECONDS - 0.1
    await ours.group_send("g", {"type": "x"})
    assert len(searches) == 1
    now[0] += 0.1
    await ours.group_send("g", {"type": "x"})
    assert len(searches) == 2
