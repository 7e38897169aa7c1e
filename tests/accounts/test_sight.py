"""Who may see what, said of one row that was read and said in a query: the same, for everybody."""

import itertools
from typing import Any

import pytest

from accounts.models import ApiKey, Team, User
from accounts.sight import sees_as_staff
from agents.models import Agent
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox
from core import rows
from core.actor import Actor
from tickets.models import Ticket


@pytest.fixture
def conversations(inbox: Inbox, team: Team, other_team: Team, bruno: User, clara: User) -> list[Conversation]:
    """Every combination of team and person in charge, each with a customer of its own."""
    combinations = itertools.product([None, team, other_team], [None, bruno, clara])
    return [
        _conversation(inbox, f"customer{number}", team=where, assignee=who)
        for number, (where, who) in enumerate(combinations)
    ]


def _conversation(inbox: Inbox, who: str, **values: Any) -> Conversation:
    row = receive(inbox=inbox, sender=Sender(who), text="Help").conversation
    Conversation.objects.filter(pk=row.pk).update(**values)
    return Conversation.objects.get(pk=row.pk)


@pytest.fixture
def tickets(conversations: list[Conversation]) -> list[Ticket]:
    """A ticket for each of them, and one of nobody."""
    theirs = [
        Ticket.objects.create(subject="Late", team=row.team, assignee=row.assignee, requester=row.contact)
        for row in conversations
    ]
    return [*theirs, Ticket.objects.create(subject="Late")]


@pytest.fixture
def actors(conversations: list[Conversation], ana: User, bruno: User, clara: User) -> list[Actor]:
    """Every kind of actor."""
    key = ApiKey.objects.create(name="shop", prefix="hd_", key_hash="x", scopes=["read"])
    key.teams.set(bruno.teams.all())
    customer = conversations[0].contact
    agent = Agent.objects.create(name="Lia")
    return [one.as_actor() for one in (ana, bruno, clara, key, customer, agent)] + [Actor.system()]


def _is_staffs(row: Conversation | Ticket, actor: Actor) -> bool:
    return sees_as_staff(actor, team_id=row.team_id, assignee_id=row.assignee_id)


def test_row_that_was_read_is_seen_by_whom_the_query_gives_it(
    conversations: list[Conversation], tickets: list[Ticket], actors: list[Actor]
) -> None:
    both: list[Conversation | Ticket] = [*conversations, *tickets]
    for actor in actors:
        seen: set[Conversation | Ticket] = {*Conversation.objects.visible_to(actor)}
        seen.update(Ticket.objects.all().visible_to(actor))
        assert {row for row in both if row.is_visible_to(actor)} == seen, actor.name
        assert {rows.find(type(row), row.pk, where=row.sight(actor)) for row in both} - {None} == seen
        if actor.is_staff:
            assert {row for row in both if _is_staffs(row, actor)} == seen, actor.name


def test_not_everybody_sees_everything(conversations: list[Conversation], actors: list[Actor]) -> None:
    """So that the test above compares something."""
    seen = {actor.name: sum(row.is_visible_to(actor) for row in conversations) for actor in actors}
    assert (seen["Ana"], seen["Bruno"], seen["Lia"], seen["Helpdesk"]) == (9, 7, 0, 9)
