"""Changing tickets: who may, what it leaves behind, and that nothing leaves nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import Team, User
from conversations.enums import EventType, Priority
from conversations.groups import DESK_ALL, desk_group
from conversations.models import Contact, Conversation, Event
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketEventType, TicketStatus
from tickets.models import Ticket
from tickets.queries import ticket_by_id, tickets_for, tickets_of, timeline


@pytest.fixture
def ticket(conversation: Conversation, agent: Actor) -> Ticket:
    return create_ticket(by=agent, subject="Pedido atrasado", conversation=conversation)


def test_change_tells_who_changed_what(ticket: Ticket, bruno: User, other_team: Team) -> None:
    update_ticket(
        ticket=ticket, by=bruno.as_actor(), priority=Priority.HIGH, assignee=bruno, subject="Pedido perdido"
    )
    told = timeline(ticket)[-1]
    assert (told.seq, told.type, told.actor_kind, told.actor_name) == (
        2, TicketEventType.UPDATED, "operator", "Bruno"
    )  # fmt: skip
    assert told.changes == {
        "subject": {"from": "Pedido atrasado", "to": "Pedido perdido"},
        "status": {"from": "new", "to": "open"},
        "priority": {"from": "normal", "to": "high"},
        "assignee": {"from": None, "to": "Bruno"},
    }


def test_change_reaches_the_conversations_log_but_not_the_customer(
    ticket: Ticket, bruno: User, conversation: Conversation
) -> None:
    update_ticket(ticket=ticket, by=bruno.as_actor(), status=TicketStatus.PENDING)
    conversation.refresh_from_db()
    event = Event.objects.get(type=EventType.TICKET_UPDATED)
    assert event.is_internal
    assert event.seq == conversation.last_seq
    assert event.payload["changes"] == {"status": {"from": "new", "to": "pending"}}
    assert event.payload["number"] == ticket.number


def test_same_values_leave_no_trace(ticket: Ticket, bruno: User, team: Team) -> None:
    update_ticket(ticket=ticket, by=bruno.as_actor(), status=TicketStatus.NEW, team=team, assignee=None)
    assert len(timeline(ticket)) == 1
    assert not Event.objects.filter(type=EventType.TICKET_UPDATED).exists()


def test_given_status_wins_over_the_one_that_assigning_sets(ticket: Ticket, bruno: User) -> None:
    row = update_ticket(ticket=ticket, by=bruno.as_actor(), status=TicketStatus.PENDING, assignee=bruno)
    assert row.status == TicketStatus.PENDING


def test_solved_time_follows_the_status(ticket: Ticket, bruno: User) -> None:
    by = bruno.as_actor()
    solved_at = update_ticket(ticket=ticket, by=by, status=TicketStatus.SOLVED).solved_at
    assert solved_at is not None
    assert solved_at <= timezone.now()
    assert update_ticket(ticket=ticket, by=by, status=TicketStatus.CLOSED).solved_at == solved_at
    assert update_ticket(ticket=ticket, by=by, status=TicketStatus.OPEN).solved_at is None


def test_solved_without_a_time_is_impossible(ticket: Ticket) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(status=TicketStatus.SOLVED)


def test_only_staff_who_see_it_may_change_it(
    ticket: Ticket, clara: User, davi: Contact, agent: Actor, ana: User
) -> None:
    with pytest.raises(NotFound):
        update_ticket(ticket=ticket, by=clara.as_actor(), status=TicketStatus.OPEN)
    for actor in (davi.as_actor(), agent):
        with pytest.raises(Forbidden):
            update_ticket(ticket=ticket, by=actor, status=TicketStatus.OPEN)
    update_ticket(ticket=ticket, by=ana.as_actor(), assignee=clara)
    assert update_ticket(ticket=ticket, by=clara.as_actor(), status=TicketStatus.PENDING).assignee == clara


def test_values_that_are_none_are_refused(ticket: Ticket, bruno: User, ana: User) -> None:
    bruno.is_active = False
    for wrong in ({"status": "lost"}, {"priority": 99}, {"subject": "  "}, {"assignee": bruno}):
        with pytest.raises(Invalid):
            update_ticket(ticket=ticket, by=ana.as_actor(), **wrong)
    assert len(timeline(ticket)) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_writers_leave_a_history_without_gaps(ticket: Ticket, ana: User) -> None:
    by = ana.as_actor()

    def rename(number: int) -> None:
        try:
            update_ticket(ticket=ticket, by=by, subject=f"Matter {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rename, range(24)))
    history = timeline(ticket)
    assert [event.seq for event in history] == list(range(1, 26))
    names = [event.changes["subject"] for event in history[1:]]
    assert [one["to"] for one in names[:-1]] == [other["from"] for other in names[1:]]


@pytest.mark.django_db(transaction=True)
def test_desks_of_both_teams_are_told_on_commit(
    ticket: Ticket, ana: User, team: Team, other_team: Team
) -> None:
    layer = get_channel_layer()
    groups = (desk_group(team.pk), desk_group(other_team.pk), DESK_ALL)
    for group in groups:
        async_to_sync(layer.group_add)(group, group)
    with transaction.atomic():
        update_ticket(ticket=ticket, by=ana.as_actor(), team=other_team)
        assert not any(layer.channels[group].qsize() for group in groups if group in layer.channels)
    for group in groups:
        told = [async_to_sync(layer.receive)(group) for _ in range(layer.channels[group].qsize())]
        assert {"type": "ticket", "ticket": str(ticket.pk), "seq": 2} in told


@pytest.mark.parametrize(
    ("name", "sees"), [("ana", True), ("bruno", True), ("clara", False), ("davi", True), ("agent", False)]
)
def test_lists_show_what_the_actor_may_see(
    request: pytest.FixtureRequest, ticket: Ticket, conversation: Conversation, *, name: str, sees: bool
) -> None:
    who = request.getfixturevalue(name)
    actor = who if isinstance(who, Actor) else who.as_actor()
    assert [row.pk for row in tickets_for(actor)] == [ticket.pk] * sees
    assert [row.pk for row in tickets_of(conversation, actor=actor)] == [ticket.pk] * sees
    if sees:
        assert ticket_by_id(ticket.pk, actor=actor).reference == ticket.reference
    else:
        with pytest.raises(NotFound):
            ticket_by_id(ticket.pk, actor=actor)
