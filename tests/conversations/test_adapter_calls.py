"""Calls of adapters to providers: how long one may be silent."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from conversations.adapters import call
from conversations.channels import SendLater
from core import http
from tests.fakes.site import Site, page


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    site = Site()
    yield site
    site.shutdown()
    site.server_close()


def thinking(seconds: float) -> Any:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        page(b"{}")(handler)

    return answer


def test_provider_may_be_silent_for_as_long_as_the_call_may_take(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[http.Request] = []
    fetch = http.Door.fetch

    def noted(door: http.Door, told: http.Request) -> http.Fetched:
        asked.append(told)
        return fetch(door, told)

    monkeypatch.setattr(http.Door, "fetch", noted)
    site.answers["/film"] = page(b"{}")
    call("GET", f"{site.url}/film", deadline=19)
    call("GET", f"{site.url}/film", deadline=19, silence=3)
    assert [(told.deadline, told.silence) for told in asked] == [(19, 19), (19, 3)]


def test_provider_that_is_silent_for_too_long_is_asked_later(site: Site) -> None:
    site.answers["/film"] = thinking(0.5)
    with pytest.raises(SendLater):
        call("GET", f"{site.url}/film", deadline=19, silence=0.05)
    assert call("GET", f"{site.url}/film", deadline=19).content == b"{}"
