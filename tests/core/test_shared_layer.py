"""The channel layer of many processes, on a real Redis that comes and goes."""

import asyncio
import logging
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers

from core import shared_layer
from core.layer import hints_are_lost
from core.realtime import send
from core.shared_layer import SharedLayer

pytestmark = pytest.mark.redis


class Redis:
    """One redis-server on a port of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, cwd=self.home, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    monkeypatch.setattr(shared_layer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(shared_layer, "LISTEN_SECONDS", 0.2)
    monkeypatch.setattr(shared_layer, "SILENT_SECONDS", 0.7)
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def two(redis: Redis) -> AsyncIterator[tuple[SharedLayer, SharedLayer]]:
    """The layers of two processes; the first is the one of the settings."""
    address = {
        "address": f"redis://127.0.0.1:{redis.port}",
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
    }
    made = [SharedLayer(hosts=[address]) for _ in range(2)]
    channel_layers.set("default", made[0])
    yield made[0], made[1]
    channel_layers.backends.clear()
    for one in made:
        await one.flush()


async def listener(layer: SharedLayer, group: str) -> str:
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def hears(layer: SharedLayer, channel: str) -> Any:
    return (await asyncio.wait_for(layer.receive(channel), 5))["number"]


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.02)


async def test_group_is_heard_in_every_process(two: tuple[SharedLayer, SharedLayer]) -> None:
    here, there = two
    channels = [(one, await listener(one, "g")) for one in (here, there, there)]
    await here.group_send("g", {"type": "x", "number": 1})
    assert [await hears(*where) for where in channels] == [1, 1, 1]
    assert not hints_are_lost()


async def test_who_leaves_hears_nothing_and_the_rest_goes_on(two: tuple[SharedLayer, SharedLayer]) -> None:
    here, there = two
    gone, stays = await listener(there, "g"), await listener(there, "g")
    await there.group_discard("g", gone)
    await here.group_send("g", {"type": "x", "number": 1})
    assert await hears(there, stays) == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(there.receive(gone), 0.2)


async def test_who_joins_while_the_last_one_leaves_is_heard(two: tuple[SharedLayer, SharedLayer]) -> None:
    here, there = two
    for number in range(20):
        first, second = await listener(there, "g"), await there.new_channel()
        await asyncio.gather(there.group_discard("g", first), there.group_add("g", second))
        await here.group_send("g", {"type": "x", "number": number})
        assert await hears(there, second) == number
        await there.group_discard("g", second)


async def test_group_without_members_is_given_up(two: tuple[SharedLayer, SharedLayer]) -> None:
    here, _ = two
    channel = await listener(here, "g")
    shard = here._get_layer()._shards[0]
    assert len(shard._subscribed_to) == 1
    await here.group_discard("g", channel)
    await until(lambda: not shard._subscribed_to)


async def test_without_redis_sockets_come_and_go_and_hear_again_once_it_is_back(
    redis: Redis, two: tuple[SharedLayer, SharedLayer], caplog: pytest.LogCaptureFixture
) -> None:
    """Tiledesk #23: without its broker nothing arrived. Redis carries hints only, and may be away."""
    here, there = two
    old, left = await listener(there, "old"), await listener(there, "old")
    with caplog.at_level(logging.WARNING, "core.shared_layer"):
        redis.kill()
        await until(lambda: there.is_away)
        young = await listener(there, "young")
        await there.group_discard("old", left)
        await send(["old", "young"], {"type": "x", "number": 1})
        await until(hints_are_lost)
        redis.start()
        await until(lambda: not there.is_away)
    await until(lambda: len(there._get_layer()._shards[0]._subscribed_to) == 2)
    for group, channel in (("old", old), ("young", young)):
        # One wait throughout: a reader who gives up is forgotten with what comes meanwhile.
        hearing = asyncio.ensure_future(there.receive(channel))
        async with asyncio.timeout(10):
            while not hearing.done():
                # The first process notices with its next try that Redis is back.
                await here.group_send(group, {"type": "x", "number": 2})
                await asyncio.wait({hearing}, timeout=0.3)
        assert hearing.result()["number"] == 2
    assert not hints_are_lost()
    told = [record.getMessage() for record in caplog.records]
    # Once for each process, however often it was tried.
    assert sum(message.startswith("Redis is away") for message in told) <= 2
    assert "Redis is back" in told


async def test_redis_that_hangs_is_away_and_keeps_nobody_waiting(
    redis: Redis, two: tuple[SharedLayer, SharedLayer]
) -> None:
    here, there = two
    channel = await listener(there, "g")
    # A process that only publishes has to find out as well.
    await here.group_send("g", {"type": "x", "number": 1})
    assert await hears(there, channel) == 1
    redis.hang()
    try:
        async with asyncio.timeout(5):
            await asyncio.gather(*(here.group_send("g", {"type": "x", "number": 2}) for _ in range(20)))
        assert here.is_away
        await until(lambda: there.is_away)
        async with asyncio.timeout(0.3):
            for _ in range(20):
                await here.group_send("g", {"type": "x", "number": 3})
                await listener(there, "late")
        await asyncio.sleep(0.5)
        assert here.is_away
        assert there.is_away
    finally:
        redis.go_on()
    await until(lambda: not here.is_away and not there.is_away)
    late = await listener(there, "late")
    await here.group_send("late", {"type": "x", "number": 4})
    assert await hears(there, late) == 4


async def test_layer_that_never_saw_redis_lets_everybody_in(tmp_path: Path) -> None:
    alone = SharedLayer(hosts=[f"redis://127.0.0.1:{Redis(tmp_path).port}"])
    channel = await listener(alone, "g")
    await alone.group_send("g", {"type": "x"})
    await alone.group_discard("g", channel)
    assert alone.is_away
    await alone.flush()
