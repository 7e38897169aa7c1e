"""Lists: pages that miss and repeat nothing, and a number of queries that does not grow."""

import base64
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from campaigns.models import Campaign
from conversations.actions import Sender, assign, note, receive
from conversations.models import Conversation, Inbox
from core.actor import Actor
from tests.api.conftest import KeyMaker, results
from tests.api.rows import GROW, ROWS, Who
from tests.api.test_matrix import Stage, address, put_there
from tests.api.test_matrix import stage as stage  # noqa: PLC0414 (a fixture, as that below)
from tests.api.test_matrix import strangers as strangers  # noqa: PLC0414
from tests.api.test_schema import names_of
from tickets.actions import create_ticket, update_ticket
from tickets.models import Ticket

MOST_QUERIES = 12


def crowd(inbox: Inbox, number: int, user: User) -> None:
    """One more customer with a conversation, a message of each kind and a ticket."""
    row = receive(inbox=inbox, sender=Sender(f"c{number}", name=f"C{number}"), text="Olá").conversation
    assign(conversation=row, by=Actor.system(), to=user)
    note(conversation=row, by=Actor.system(), text="Nota")
    ticket = create_ticket(by=Actor.system(), subject=f"Assunto {number}", conversation=row)
    update_ticket(ticket=ticket, by=Actor.system(), assignee=user)


def test_number_of_queries_does_not_grow(with_key: KeyMaker, as_ana: APIClient, stage: Stage) -> None:
    """Every route that reads, with 1, 3 and 50 rows of everything and all whole that can be."""
    key = with_key("admin")
    urls = {}
    for (route, verb), row in ROWS.items():
        if verb == "get":
            put_there(row, stage.support)
            url = address(route, stage.support, row)
            url += "&" if "?" in url else "?"
            if whole := names_of(route, "expand"):
                url += f"expand={','.join(whole)}&"
            urls[route] = url + ("limit=100" if row.lists is not None else "")
    counts = []
    for first, last in ((0, 1), (1, 3), (3, 50)):
        for number in range(first, last):
            for grow in GROW:
                grow(stage.support, number)
        found = {}
        for route, url in urls.items():
            caller = as_ana if ROWS[route, "get"].who == Who.PEOPLE else key
            caller.get(url)
            with CaptureQueriesContext(connection) as captured:
                assert caller.get(url).status_code == ROWS[route, "get"].own, url
            found[route] = len(captured)
        counts.append(found)
    assert counts[0] == counts[1] == counts[2]
    assert max(counts[0].values()) <= MOST_QUERIES


def walk(client: APIClient, url: str) -> list[dict[str, Any]]:
    """Follows `next` to the end."""
    rows: list[dict[str, Any]] = []
    following: str | None = url
    while following:
        page = client.get(following)
        rows += results(page)
        following = page.json()["next"]
    return rows


@pytest.fixture
def seven(inbox: Inbox, ana: User) -> None:
    for number in range(7):
        crowd(inbox, number, ana)
    # Equal times, as a bulk import makes them, must neither hide nor repeat a row.
    first = Conversation.objects.earliest("created_at").created_at
    Conversation.objects.update(updated_at=first)


@pytest.mark.parametrize(
    "query",
    [
        "conversations?",
        "conversations?ordering=updated_at",
        "conversations?ordering=-created_at",
        "tickets?",
        "tickets?ordering=number",
        "tickets?ordering=-updated_at",
        "messages?",
        "messages?ordering=created_at",
    ],
)
def test_pages_hold_every_row_once_in_order(as_ana: APIClient, seven: None, query: str) -> None:
    whole = results(as_ana.get(f"/api/v1/{query}&limit=100"))
    assert len({row["id"] for row in whole}) == len(whole) == (14 if "messages" in query else 7)
    for limit in (1, 2, 3, 7):
        assert walk(as_ana, f"/api/v1/{query}&limit={limit}") == whole, limit


def test_row_that_comes_meanwhile_shifts_nothing(
    as_ana: APIClient, seven: None, inbox: Inbox, ana: User
) -> None:
    first = as_ana.get("/api/v1/tickets?limit=3").json()
    before = results(as_ana.get("/api/v1/tickets?limit=100"))
    crowd(inbox, 8, ana)
    assert walk(as_ana, first["next"]) == before[3:]


def test_last_page_says_so(as_ana: APIClient, seven: None) -> None:
    assert as_ana.get("/api/v1/tickets?limit=7").json()["next"] is None
    assert as_ana.get("/api/v1/tickets?limit=6").json()["next"] is not None


def cursor(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


MADE_UP = [
    "x",
    "é",
    "a\x00",
    "====",
    "e30",
    "W10",
    cursor(),
    cursor("-number"),
    cursor("-number", 1, 2, 3),
    cursor("-number", "x", "y"),
    cursor("-number", 2**90, "y"),
    cursor("-number", 1, "y"),
    cursor("-number", 1.5, "y"),
    cursor("-number", None, None),
    cursor("-number", [], {}),
    cursor("-updated_at", "2026-01-01T00:00:00", "y"),
    cursor("-updated_at", 5, "y"),
    cursor("-updated_at", "9999-99-99T00:00:00Z", "y"),
    cursor("password", "x", "y"),
    "[" * 400,
]


@pytest.mark.parametrize("route", ["tickets", "conversations", "messages", "campaigns"])
def test_cursor_that_was_made_up_is_refused(as_ana: APIClient, route: str) -> None:
    for made_up in MADE_UP:
        refused = as_ana.get(f"/api/v1/{route}", {"cursor": made_up})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor"), made_up


@pytest.mark.parametrize("value", [2**90, -(2**90), "x", None, 1.5, []])
def test_cursor_of_recipients_that_was_made_up_is_refused(
    as_ana: APIClient, campaign: Campaign, value: Any
) -> None:
    url = f"/api/v1/campaigns/{campaign.pk}/recipients"
    for pk in ("1", str(2**90), "x"):
        refused = as_ana.get(url, {"cursor": cursor("id", value, pk)})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor"), pk


def test_cursor_of_another_order_is_refused(as_ana: APIClient, seven: None) -> None:
    following = as_ana.get("/api/v1/tickets?limit=1").json()["next"]
    assert as_ana.get(f"{following}&ordering=number").status_code == 422


def test_cursor_with_a_time_of_no_zone_is_refused(as_ana: APIClient, ticket: Ticket) -> None:
    query = {
        "cursor": cursor("-updated_at", "2026-01-01T00:00:00", str(ticket.pk)),
        "ordering": "-updated_at",
    }
    assert as_ana.get("/api/v1/tickets", query).status_code == 422


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.one_of(st.text(), st.integers(), st.none(), st.floats(), st.datetimes().map(str), st.booleans()),
        max_size=4,
    ),
    st.sampled_from(["-number", "updated_at", "-updated_at", "number"]),
)
def test_no_cursor_breaks_a_list(as_ana: APIClient, place: list[Any], order: str) -> None:
    query = {"cursor": cursor(order, *place), "ordering": order}
    assert as_ana.get("/api/v1/tickets", query).status_code in {200, 422}


WRONG = [
    ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("limit=x", "limit"),
    ("limit=1e5", "limit"),
    ("limit=99999999999999999999999999", "limit"),
    ("ordering=password", "ordering"),
    ("status=lost", "status"),
    ("team=a/b", "team"),
    ("assignee=bob", "assignee"),
    ("assignee=-1", "assignee"),
    ("assignee=1%00", "assignee"),
    ("page=2", "page"),
    ("status__in=open", "status__in"),
    ("format=api", "format"),
]


@pytest.mark.parametrize("route", ["tickets", "conversations"])
def test_wrong_queries_are_refused(as_ana: APIClient, route: str) -> None:
    for query, field in WRONG:
        refused = as_ana.get(f"/api/v1/{route}?{query}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), query
