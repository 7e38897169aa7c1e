"""Counting within a minute: aligned windows, shared by whoever shares the cache, open when it is away."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import time_machine
from django.core.cache import cache

from core.errors import TooMany
from core.limits import Allowance, count, counted, seconds_left
from tests.conversations.test_receive import in_parallel

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Away:
    """A cache server that nobody reaches."""

    def __getattr__(self, name: str):
        raise ConnectionError(name)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.limits.cache", Away())


def test_count_rises_by_one() -> None:
    with time_machine.travel(NOON, tick=False):
        assert [count("a") for _ in range(4)] == [1, 2, 3, 4]


def test_counted_reads_without_counting() -> None:
    with time_machine.travel(NOON, tick=False):
        assert counted("a") == 0
        count("a")
        assert [counted("a"), counted("a")] == [1, 1]
        assert count("a") == 2


def test_keys_count_apart() -> None:
    with time_machine.travel(NOON, tick=False):
        count("a")
        assert (count("b"), counted("a"), counted("c")) == (1, 1, 0)


def test_next_window_starts_over() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert [count("a"), count("a")] == [1, 2]
        clock.shift(59.9)
        assert count("a") == 3
        clock.shift(0.1)
        assert (counted("a"), count("a")) == (0, 1)


def test_windows_of_another_length_count_apart() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        count("a", seconds=10)
        count("a", seconds=3600)
        clock.shift(10)
        assert (count("a", seconds=10), count("a", seconds=3600)) == (1, 2)


def test_windows_are_aligned_to_the_clock() -> None:
    """So twice the limit can pass at an edge, and never more."""
    with time_machine.travel(NOON.replace(second=59), tick=False) as clock:
        assert [count("a") for _ in range(5)] == [1, 2, 3, 4, 5]
        clock.shift(1)
        assert [count("a") for _ in range(5)] == [1, 2, 3, 4, 5]
        clock.shift(59)
        assert count("a") == 6


def test_count_is_forgotten_after_its_window() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        count("a")
        name = f"limit:a:{int(NOON.timestamp()) // 60}"
        assert cache.get(name) == 1
        clock.shift(121)
        assert cache.get(name) is None


def test_forty_at_once_are_forty() -> None:
    with time_machine.travel(NOON, tick=False):
        got = in_parallel([lambda: count("a")] * 40)
        assert sorted(got) == list(range(1, 41))


def test_a_thousand_other_keys_make_no_count_forgotten() -> None:
    with time_machine.travel(NOON, tick=False):
        count("a")
        for number in range(1000):
            count(f"name:{number}")
        assert (counted("a"), counted("name:0")) == (1, 1)


def test_cache_away_counts_nothing_and_says_so(away: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "core.limits"):
        assert count("message:7") == 0
        assert counted("message:7") == 0
    assert [record.getMessage() for record in caplog.records] == [
        "the cache is away; message:7 is not counted",
        "the cache is away; message:7 is not read",
    ]


def test_cache_that_forgets_in_between_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(cache._connections["default"]), "add", lambda *_, **__: True)  # type: ignore[attr-defined]
    assert count("a") == 0


def test_cache_with_rubbish_fails_open() -> None:
    with time_machine.travel(NOON, tick=False):
        cache.set(f"limit:a:{int(NOON.timestamp()) // 60}", "rubbish")
        assert (counted("a"), count("a")) == (0, 0)


def test_seconds_left_end_where_the_count_begins_anew() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert (seconds_left(), seconds_left(seconds=10)) == (60, 10)
        clock.shift(59.9)
        assert (seconds_left(), seconds_left(seconds=100)) == (1, 41)


def test_allowance_is_spent_and_comes_back_with_the_next_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [500.0]
    monkeypatch.setattr("core.limits.time", SimpleNamespace(monotonic=lambda: now[0]))
    allowance = Allowance(2)
    for _ in range(2):
        allowance.take()
    now[0] += 59.5
    with pytest.raises(TooMany) as refused:
        allowance.take()
    assert refused.value.extra["retry_after"] == 1
    now[0] += 0.5
    allowance.take()
