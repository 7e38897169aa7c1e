"""The list of conversations: who sees what, in which order, at what price."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertNumQueries

from accounts.models import Team, User
from conversations.actions import assign, hand_back, reply, resolve
from conversations.models import Contact, Conversation, Inbox
from core.errors import Invalid
from desk.enums import Queue
from desk.queries.rows import behind, counts, groups, in_queue, page
from tests.desk.conftest import said

pytestmark = pytest.mark.django_db


def moved(row: Conversation, **values: Any) -> Conversation:
    """Sets columns that only actions set otherwise."""
    Conversation.objects.filter(pk=row.pk).update(**values)
    row.refresh_from_db()
    return row


@pytest.fixture
def mixed(inbox: Inbox, team: Team, other_team: Team, bruno: User, clara: User) -> list[Conversation]:
    """Every combination of team and person in charge."""
    combinations = itertools.product([None, team, other_team], [None, bruno, clara])
    return [
        moved(said(inbox, f"customer{number}"), team=where, assignee=who)
        for number, (where, who) in enumerate(combinations)
    ]


def test_counts_are_the_lengths_of_the_queues(
    mixed: list[Conversation], ana: User, bruno: User, clara: User
) -> None:
    hand_back(conversation=mixed[0], by=ana.as_actor())
    resolve(conversation=mixed[1], by=ana.as_actor())
    reply(conversation=mixed[2], text="Hello", by=ana.as_actor())
    for user in (ana, bruno, clara):
        actor = user.as_actor()
        told = counts(actor, groups())
        for queue in (Queue.OPEN, Queue.MINE, Queue.UNASSIGNED, Queue.AGENT):
            assert told[queue] == in_queue(actor, queue).count(), (user, queue)
        assert told["waiting"] == in_queue(actor, Queue.OPEN).exclude(waiting_since=None).count()


def test_the_longest_waiting_stands_first_and_pages_join_without_gap(inbox: Inbox, ana: User) -> None:
    now = timezone.now()
    rows = [said(inbox, f"customer{number}") for number in range(9)]
    for number, row in enumerate(rows):
        # Two wait equally long, and three do not wait at all.
        waiting = None if number % 3 == 0 else now - timedelta(minutes=number // 2)
        moved(row, waiting_since=waiting, updated_at=now - timedelta(seconds=number // 2))
    actor = ana.as_actor()
    whole = [row.pk for row in in_queue(actor, Queue.OPEN).longest_waiting()]
    since = [row.waiting_since for row in in_queue(actor, Queue.OPEN).longest_waiting()]
    assert [value for value in since if value] == sorted(value for value in since if value)
    assert since[-3:] == [None, None, None]
    for limit in (1, 2, 4):
        read, following = [], "start"
        while following:
            after = "" if following == "start" else following
            found, following = page(actor, Queue.OPEN, after=after, limit=limit)
            read += [row.pk for row in found]
        assert read == whole


def test_resolved_conversations_go_by_newest_activity(inbox: Inbox, ana: User) -> None:
    actor = ana.as_actor()
    rows = [said(inbox, name) for name in ("one", "two", "three")]
    for row in rows:
        resolve(conversation=row, by=actor)
    first, following = page(actor, Queue.RESOLVED, limit=2)
    second, end = page(actor, Queue.RESOLVED, after=following, limit=2)
    assert [row.contact.name for row in first + second] == ["Three", "Two", "One"]
    assert end == ""


@pytest.mark.parametrize("after", ["x", "eA==", "fHx8", "é", "MXwyfDM="])
def test_a_made_up_cursor_is_refused(after: str) -> None:
    with pytest.raises(Invalid):
        behind(after, waiting_first=True)


def test_mine_is_what_is_open_and_mine(conversation: Conversation, bruno: User) -> None:
    actor = bruno.as_actor()
    assert not in_queue(actor, Queue.MINE).exists()
    assign(conversation=conversation, to=bruno, by=actor)
    assert in_queue(actor, Queue.MINE).get() == conversation
    assert not in_queue(actor, Queue.UNASSIGNED).exists()


@pytest.mark.parametrize("words", ["duarte", "davi@example", "onde está"])
def test_search_looks_at_name_address_and_preview(
    as_bruno: Client, inbox: Inbox, davi: Contact, words: str
) -> None:
    said(inbox, "somebody else", "Nothing of that")
    found = as_bruno.get("/admin/inbox/rows/", {"queue": "all", "q": words}).json()["rows"]
    assert [row["name"] for row in found] == ["Davi Duarte"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_costs_the_same_for_one_row_and_for_three(as_bruno: Client, inbox: Inbox, count: int) -> None:
    for number in range(count):
        said(inbox, f"customer{number}")
    # Session, user, teams, rows, counts, lights.
    with assertNumQueries(6):
        answer = as_bruno.get("/admin/inbox/rows/", {"queue": "open"})
    assert len(answer.json()["rows"]) == count


@pytest.mark.parametrize("count", [1, 3])
def test_a_thread_costs_the_same_for_one_message_and_for_three(
    as_bruno: Client, bruno: User, conversation: Conversation, count: int
) -> None:
    for number in range(count - 1):
        reply(conversation=conversation, text=f"Answer {number}", by=bruno.as_actor())
    # Session, user, teams; row; events, attachments; custom fields of conversation and customer; whether the
    # newest message is proven; tickets, runs, previous.
    with assertNumQueries(12):
        answer = as_bruno.get(f"/admin/inbox/{conversation.pk}/thread/")
    messages = [item for item in answer.json()["items"] if item.get("message")]
    assert len(messages) == count


@pytest.mark.parametrize("count", [1, 3])
def test_the_inbox_page_costs_the_same_for_one_row_and_for_three(
    as_bruno: Client, inbox: Inbox, count: int
) -> None:
    for number in range(count):
        said(inbox, f"customer{number}")
    # Session, user, teams, rows, counts, lights; inboxes, inboxes to write from, operators and teams to
    # choose; two of Django's for rights.
    with assertNumQueries(12):
        answer = as_bruno.get("/admin/inbox/")
    assert answer.status_code == 200
