"""The log of all conversations as a program follows it."""

import time
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.actions import Sender, note, receive, reply
from conversations.models import Conversation, Event, Inbox
from conversations.queries.feed import Place, present
from core.actor import Actor
from tests.api.conftest import KeyClient

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = "/api/v1/events"
SYSTEM = Actor.system()


def settled() -> None:
    """Waits until others' transactions on the cluster hold nothing back."""
    newest = Event.objects.order_by("position", "pk").last()
    assert newest is not None
    for _ in range(600):
        if present() == Place(newest.position, newest.pk):
            return
        time.sleep(0.1)
    raise AssertionError("a transaction of somebody else stays open")


def walk(client: APIClient, query: str = "") -> tuple[list[dict[str, Any]], str]:
    """Follows `next` to the end; returns the events and the last cursor."""
    found, url = [], f"{EVENTS}?limit=2&{query}"
    while url:
        told = client.get(url)
        assert told.status_code == 200, told.content
        found += told.json()["results"]
        cursor, url = told.json()["cursor"], told.json()["next"]
    return found, cursor


@pytest.fixture
def canary(other_team: Team, clara: User) -> Conversation:
    finance = Inbox.objects.create(name="Finance", team=other_team)
    row = receive(inbox=finance, sender=Sender("eva"), text="Canary merger").conversation
    note(conversation=row, text="Canary note", by=clara.as_actor())
    return row


def test_events_are_followed_from_the_beginning_and_from_where_one_was(
    key: KeyClient, conversation: Conversation, canary: Conversation
) -> None:
    settled()
    found, cursor = walk(key)
    assert len(found) == Event.objects.count()
    assert {(row["conversation"], row["seq"]) for row in found} == {
        (str(row.conversation_id), row.seq) for row in Event.objects.all()
    }
    assert walk(key, f"cursor={cursor}") == ([], cursor)
    reply(conversation=conversation, text="Olá", by=SYSTEM)
    settled()
    later, _ = walk(key, f"cursor={cursor}")
    assert [row["message"]["text"] for row in later if row["message"]] == ["Olá"]


def test_one_may_begin_with_what_comes_next(key: KeyClient, conversation: Conversation) -> None:
    settled()
    nothing, cursor = walk(key, "cursor=now")
    assert nothing == []
    reply(conversation=conversation, text="Olá", by=SYSTEM)
    settled()
    assert walk(key, f"cursor={cursor}")[0]


def test_nobody_follows_what_they_may_not_see(
    as_bruno: APIClient, as_clara: APIClient, conversation: Conversation, canary: Conversation
) -> None:
    settled()
    assert {row["conversation"] for row in walk(as_bruno)[0]} == {str(conversation.pk)}
    assert walk(as_bruno, f"conversation={canary.pk}")[0] == []
    assert walk(as_bruno, f"conversation={canary.pk}&cursor=now") == ([], "0-0")
    assert {row["internal"] for row in walk(as_clara)[0]} == {False, True}


def test_one_conversation_is_read_by_its_numbers_and_at_once(
    key: KeyClient, conversation: Conversation, canary: Conversation
) -> None:
    for text in ("Um", "Dois", "Três"):
        reply(conversation=conversation, text=text, by=SYSTEM)
    found, cursor = walk(key, f"conversation={conversation.pk}")
    assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
    assert {row["conversation"] for row in found} == {str(conversation.pk)}
    assert walk(key, f"conversation={conversation.pk}&cursor=now") == ([], cursor)
    said, _ = walk(key, f"conversation={conversation.pk}&types=message.created")
    assert [row["message"]["text"] for row in said][-3:] == ["Um", "Dois", "Três"]


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=1", "cursor=-1-2", "cursor=99999999999999999999-1", "cursor=1-%D9%A1", "types=all",
     "limit=101", "conversation=x", "since=2026-01-01"],
)  # fmt: skip
def test_wrong_queries_are_refused(key: KeyClient, query: str) -> None:
    assert key.get(f"{EVENTS}?{query}").status_code == 422
