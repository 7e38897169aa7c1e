"""How often one may ask: each key, user and address by itself, a number of its own for a key."""

from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from tests.api.conftest import KeyClient, KeyMaker

TICKETS = "/api/v1/tickets"


@pytest.fixture(autouse=True)
def slow(settings: Any, db: None, time_machine: Any) -> None:
    # A minute that does not end while the test runs.
    time_machine.move_to("2026-03-02T12:00:05Z", tick=False)
    cache.clear()
    settings.API_REQUESTS_PER_MINUTE = settings.API_REFUSALS_PER_MINUTE = 3


def test_whoever_asks_too_often_is_told_when_to_come_back(key: KeyClient, time_machine: Any) -> None:
    answers = [key.get(TICKETS) for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each["RateLimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert (answers[-1].json()["code"], answers[-1]["Retry-After"]) == ("too_many", "55")
    assert (answers[0]["RateLimit-Limit"], answers[0]["RateLimit-Reset"]) == ("3", "55")
    time_machine.shift(55)
    assert key.get(TICKETS).status_code == 200


def test_each_key_and_user_is_counted_by_itself(
    with_key: KeyMaker, as_ana: APIClient, as_bruno: APIClient
) -> None:
    for client in (with_key("read"), with_key("read"), as_ana, as_bruno):
        assert [client.get(TICKETS).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_guessing_keys_ends_soon(key: KeyClient) -> None:
    answers = [KeyClient("hd_wrong").get(TICKETS) for _ in range(4)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429]
    assert answers[-1]["Retry-After"] == "55"
    # Whoever has a key is none of them, even at the same address.
    assert key.get(TICKETS).status_code == 200


def test_cache_that_is_away_stops_nobody(key: KeyClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "incr", away)
    assert [key.get(TICKETS).status_code for _ in range(5)] == [200] * 5


def test_without_a_number_everybody_may_ask_as_they_like(key: KeyClient, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0
    answers = [key.get(TICKETS) for _ in range(5)]
    assert {each.status_code for each in answers} == {200}
    assert not any("RateLimit-Limit" in each for each in answers)
