"""What the documentation promises of every route, tried on every route."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from tests.api.conftest import KeyMaker
from tests.api.rows import IDS, ROWS, Row, Who
from tests.api.test_matrix import Stage, address, put_there
from tests.api.test_matrix import stage as stage  # noqa: PLC0414 (a fixture, as that below)
from tests.api.test_matrix import strangers as strangers  # noqa: PLC0414

UNKNOWN = "colour"
# They read the body before they look for its key: what is no question is refused by its field.
CHATS = {"api/v1/chat", "v1/chat"}
# Short lists without pages, which stand for nothing that could be changed.
FEW = {"api/v1/agents/tools", "api/v1/integrations/channels", "api/v1/webhooks/events"}


class Call(NamedTuple):
    """A request that succeeds, by somebody who may."""

    route: str
    row: Row
    send: Any
    url: str
    body: Any


@pytest.fixture
def callers(with_key: KeyMaker, as_ana: APIClient, settings: Any) -> tuple[APIClient, APIClient]:
    """Two who may do everything between them: a program, and a person."""
    settings.API_REQUESTS_PER_MINUTE = 0
    return with_key("admin"), as_ana


def calls(verbs: set[str], stage: Stage, callers: tuple[APIClient, APIClient]) -> Iterator[Call]:
    """Every route with one of these verbs, each as if nothing had been done before."""
    program, person = callers
    for (route, verb), row in sorted(ROWS.items(), key=lambda each: each[0]):
        if verb not in verbs:
            continue
        before = transaction.savepoint()
        put_there(row, stage.support)
        client: Any = person if row.who == Who.PEOPLE else program
        url = address(route, stage.support, row)
        yield Call(route, row, getattr(client, verb), url, row.body_for(stage.support))
        transaction.savepoint_rollback(before)


def refused_for(answer: Any) -> list[str]:
    """The fields that a refusal names."""
    if answer.status_code != 422:
        return [f"{answer.status_code}"]
    return [error["field"] for error in answer.json()["errors"]]


def test_every_post_sent_again_under_its_key_gets_its_answer(
    stage: Stage, callers: tuple[APIClient, APIClient]
) -> None:
    for route, row, send, url, body in calls({"post"}, stage, callers):
        first, again = (send(url, body, format="json", HTTP_IDEMPOTENCY_KEY="once") for _ in range(2))
        assert (first.status_code, again.status_code) == (row.own, row.own), route
        assert first.content == again.content, route
        if route not in CHATS and row.own < 300:
            assert again["Idempotent-Replayed"] == "true", route


def test_no_post_is_done_under_the_key_of_another_body(
    stage: Stage, callers: tuple[APIClient, APIClient]
) -> None:
    for route, row, send, url, body in calls({"post"}, stage, callers):
        if route in CHATS or row.own >= 300:
            continue
        send(url, body, format="json", HTTP_IDEMPOTENCY_KEY="once")
        other = send(url, {**(body or {}), UNKNOWN: 1}, format="json", HTTP_IDEMPOTENCY_KEY="once")
        assert refused_for(other) == ["Idempotency-Key"], route


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, "clé"])
def test_what_is_no_key_is_told_by_every_post(
    stage: Stage, callers: tuple[APIClient, APIClient], sent: str
) -> None:
    for route, _row, send, url, body in calls({"post"}, stage, callers):
        refused = send(url, body, format="json", HTTP_IDEMPOTENCY_KEY=sent)
        assert refused_for(refused) == ["Idempotency-Key"], route


def test_unknown_parameter_of_a_query_is_refused_everywhere(
    stage: Stage, callers: tuple[APIClient, APIClient]
) -> None:
    for route, _row, send, url, body in calls({"get", "post", "put", "patch", "delete"}, stage, callers):
        asked = f"{url}{'&' if '?' in url else '?'}{UNKNOWN}=red"
        assert refused_for(send(asked, body, format="json")) == [UNKNOWN], route


def test_unknown_field_of_a_body_is_refused_everywhere_and_nothing_is_done(
    stage: Stage, callers: tuple[APIClient, APIClient]
) -> None:
    for route, row, send, url, body in calls({"post", "put", "patch"}, stage, callers):
        refused = send(url, {**(body or {}), UNKNOWN: "red"}, format="json")
        assert refused_for(refused) == [UNKNOWN], route
        assert send(url, body, format="json").status_code == row.own, route


def test_every_answer_about_one_thing_is_sent_once_to_who_keeps_it(
    stage: Stage, callers: tuple[APIClient, APIClient]
) -> None:
    for route, row, send, url, _body in calls({"get"}, stage, callers):
        if row.lists is not None or route in FEW:
            continue
        etag = send(url)["ETag"]
        known = send(url, HTTP_IF_NONE_MATCH=etag)
        assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag), route
        assert send(url, HTTP_IF_NONE_MATCH='"of-another-time"').status_code == 200, route


def test_every_answer_stays_out_of_shared_caches_and_says_what_is_left(
    stage: Stage, callers: tuple[APIClient, APIClient], settings: Any, still_minute: None
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000
    left = 10_000
    for route, row, send, url, _body in calls({"get"}, stage, callers):
        answer = send(url)
        assert answer["Cache-Control"] == "private, no-cache", route
        if row.who != Who.PEOPLE:
            left -= 1
            told = (answer["RateLimit-Limit"], answer["RateLimit-Remaining"], answer["RateLimit-Reset"])
            assert told == ("10000", str(left), "42"), route


@pytest.mark.parametrize("number", [2**31, 2**63, 2**70, 10**400])
def test_number_that_no_database_holds_is_nobodys(
    stage: Stage, callers: tuple[APIClient, APIClient], number: int
) -> None:
    for route, row, send, url, body in calls({"get", "post", "put", "patch", "delete"}, stage, callers):
        if "<int:" not in route or row.who == Who.ANYBODY:
            continue
        name = re.search(r"<int:(\w+)>", route)
        assert name is not None
        own = str({**IDS, **row.ids}[name[1]](stage.support))
        missing = f"/{number}".join(url.rsplit(f"/{own}", 1))
        answer = send(missing, body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), missing[:99]
