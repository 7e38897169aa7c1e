import time
from collections.abc import Iterator

import pytest
import time_machine

from llm import breaker


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(0, tick=False) as traveller:
        yield traveller


def fail(times: int) -> None:
    for _ in range(times):
        breaker.note_failure("m")


def test_model_rests_after_five_failures_in_a_row():
    fail(4)
    assert not breaker.is_resting("m")
    fail(1)
    assert breaker.is_resting("m")
    assert not breaker.is_resting("other")


def test_success_in_between_starts_the_count_anew():
    fail(4)
    breaker.note_success("m")
    fail(4)
    assert not breaker.is_resting("m")


def test_after_a_rest_one_call_tries_the_model_and_the_others_go_on_without(monkeypatch: pytest.MonkeyPatch):
    fail(5)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + breaker.REST_SECONDS)
    assert [breaker.may_ask("m") for _ in range(3)] == [True, False, False]
    breaker.note_success("m")
    assert [breaker.may_ask("m") for _ in range(2)] == [True, True]


def test_a_trial_that_says_nothing_is_followed_by_another(monkeypatch: pytest.MonkeyPatch):
    fail(5)
    now = time.monotonic()
    for rests in (1, 2):
        monkeypatch.setattr(time, "monotonic", lambda past=rests: now + past * breaker.REST_SECONDS)
        assert [breaker.may_ask("m") for _ in range(2)] == [True, False]


def test_rest_ends_and_one_more_failure_begins_the_next(monkeypatch: pytest.MonkeyPatch):
    fail(5)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + breaker.REST_SECONDS)
    assert not breaker.is_resting("m")
    fail(1)
    assert breaker.is_resting("m")
