"""The cache of many processes, on a real Redis that comes and goes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from core import shared_cache
from core.shared_cache import SharedCache
from tests.core.test_shared_layer import Redis

pytestmark = pytest.mark.redis


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    monkeypatch.setattr(shared_cache, "AWAY_SECONDS", 0.5)
    monkeypatch.setattr(shared_cache._Client, "away_until", 0.0)
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def cache(redis: Redis) -> Iterator[SharedCache]:
    options = {"socket_connect_timeout": 0.3, "socket_timeout": 0.3}
    made = SharedCache(f"redis://127.0.0.1:{redis.port}", {"OPTIONS": options})
    yield made
    for pool in made._cache._pools.values():  # type: ignore[attr-defined]
        pool.disconnect()


def test_it_is_a_cache(cache: SharedCache) -> None:
    cache.set("a", ("run", "text"), 60)
    assert cache.get("a") == ("run", "text")
    assert (cache.add("n", 0), cache.incr("n"), cache.get("b")) == (True, 1, None)


def test_what_is_counted_ends(cache: SharedCache) -> None:
    assert [cache.count("n", 1) for _ in range(3)] == [1, 2, 3]
    cache.decr("n")
    assert cache.get("n") == 2
    time.sleep(1.1)
    assert (cache.get("n"), cache.count("n", 60)) == (None, 1)


def test_all_threads_count_together(cache: SharedCache) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: cache.count("n", 60), range(200)))
    assert sorted(counts) == list(range(1, 201))


def test_redis_that_hangs_costs_its_time_once(redis: Redis, cache: SharedCache) -> None:
    cache.set("a", 1)
    redis.hang()
    try:
        for _ in range(2):
            with pytest.raises(RedisError):
                cache.get("a")
        # The second did not ask: it is the same moment.
        assert time.monotonic() < shared_cache._Client.away_until
    finally:
        redis.go_on()
    time.sleep(0.6)
    assert cache.get("a") == 1


def test_redis_that_is_killed_is_asked_again_after_a_while(redis: Redis, cache: SharedCache) -> None:
    cache.set("a", 1)
    redis.kill()
    with pytest.raises(RedisError):
        cache.get("a")
    redis.start()
    with pytest.raises(RedisError):
        cache.get("a")
    time.sleep(0.6)
    assert cache.get("a") is None
