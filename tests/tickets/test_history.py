"""What a ticket's history says, and goes on saying when people and teams are called otherwise or are gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import translation

from accounts.models import Team, User
from conversations.actions import Sender, create_field, delete_field, receive
from conversations.enums import EventType, FieldEntity, FieldKind
from conversations.models import Contact, Conversation, CustomField, Event
from core.actor import Actor, ActorKind
from core.errors import Changed, Invalid
from core.versions import version_of
from tickets.actions import create_ticket, update_ticket
from tickets.enums import TicketStatus
from tickets.models import Ticket
from tickets.queries import ticket_file, timeline

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def ticket(conversation: Conversation, agent: Actor) -> Ticket:
    return create_ticket(by=agent, subject="Pedido atrasado", conversation=conversation)


@pytest.fixture
def fields(ana: User) -> None:
    """What may be said of a ticket besides: its size and whether it is paid."""
    for key, kind in (("size", FieldKind.TEXT), ("paid", FieldKind.BOOLEAN), ("days", FieldKind.NUMBER)):
        create_field(entity=FieldEntity.TICKET, key=key, label=key, kind=kind, by=ana.as_actor())


def last_change(ticket: Ticket) -> dict[str, Any]:
    changes: dict[str, Any] = timeline(ticket)[-1].changes
    return changes


# --- What a line says --------------------------------------------------------------------------------------


def test_line_stays_as_it_was_when_everybody_it_names_is_gone(
    ticket: Ticket, ana: User, bruno: User, other_team: Team
) -> None:
    update_ticket(ticket=ticket, by=bruno.as_actor(), assignee=bruno, team=other_team)
    before = [(line.actor_name, line.changes) for line in timeline(ticket)]
    Team.objects.filter(pk=other_team.pk).update(slug="billing", name="Billing")
    User.objects.filter(pk=bruno.pk).update(first_name="Other")
    bruno.delete()
    Team.objects.filter(pk=other_team.pk).delete()
    assert [(line.actor_name, line.changes) for line in timeline(ticket)] == before
    assert before[-1][1]["assignee"] == {"from": None, "to": "Bruno"}
    assert before[-1][1]["team"] == {"from": "support", "to": "finance"}
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.team, ticket.status) == (None, None, TicketStatus.OPEN)


@pytest.mark.parametrize("language", ["en", "pt-br", "es"])
def test_line_says_the_same_whatever_language_its_writer_reads(
    ticket: Ticket, ana: User, fields: None, language: str
) -> None:
    """Programs read histories, too: what a status is called does not hang on who changed it."""
    with translation.override(language):
        wanted: dict[str, Any] = {"status": TicketStatus.SOLVED, "priority": 40, "attributes": {"paid": True}}
        update_ticket(ticket=ticket, by=ana.as_actor(), **wanted)
    assert last_change(ticket) == {
        "status": {"from": "new", "to": "solved"},
        "priority": {"from": "normal", "to": "urgent"},
        "attributes.paid": {"from": None, "to": "true"},
    }


def test_attributes_are_told_one_by_one_and_the_others_stay(ticket: Ticket, ana: User, fields: None) -> None:
    by = ana.as_actor()
    update_ticket(ticket=ticket, by=by, attributes={"size": "M", "paid": False, "days": 2.5})
    update_ticket(ticket=ticket, by=by, attributes={"size": "L", "paid": None, "days": 2.5})
    assert last_change(ticket) == {
        "attributes.size": {"from": "M", "to": "L"},
        "attributes.paid": {"from": "false", "to": None},
    }
    assert Ticket.objects.get().attributes == {"size": "L", "days": 2.5}


@pytest.mark.parametrize("attributes", [{"size": None}, {}, {"size": None, "nowhere": None}])
def test_taking_away_what_is_not_there_leaves_no_trace(
    ticket: Ticket, ana: User, fields: None, attributes: dict[str, Any]
) -> None:
    before = version_of(Ticket.objects.get())
    update_ticket(ticket=ticket, by=ana.as_actor(), attributes=attributes)
    assert (len(timeline(ticket)), version_of(Ticket.objects.get())) == (1, before)


@pytest.mark.parametrize(
    ("attributes", "field"),
    [({"colour": "red"}, "colour"), ({"days": "two"}, "days"), ({"paid": 1}, "paid"), ({"size": ""}, "size")],
)
def test_attribute_that_fits_no_field_changes_nothing_at_all(
    ticket: Ticket, ana: User, fields: None, attributes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        update_ticket(ticket=ticket, by=ana.as_actor(), priority=40, attributes=attributes)
    assert refused.value.extra["field"] == f"attributes.{field}"
    assert (Ticket.objects.get().priority, len(timeline(ticket))) == (20, 1)
    with pytest.raises(Invalid):
        create_ticket(by=ana.as_actor(), subject="Outro", attributes=attributes)
    assert Ticket.objects.count() == 1


def test_value_of_a_field_that_is_gone_can_be_taken_away_and_not_written(
    ticket: Ticket, ana: User, fields: None
) -> None:
    by = ana.as_actor()
    update_ticket(ticket=ticket, by=by, attributes={"size": "M", "days": 1})
    delete_field(field=CustomField.objects.get(key="size"), by=by)
    with pytest.raises(Invalid):
        update_ticket(ticket=ticket, by=by, attributes={"size": "L"})
    update_ticket(ticket=ticket, by=by, attributes={"size": None})
    assert Ticket.objects.get().attributes == {"days": 1}


# --- What sets what ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TicketStatus.NEW, TicketStatus.OPEN),
        (TicketStatus.OPEN, TicketStatus.OPEN),
        (TicketStatus.PENDING, TicketStatus.PENDING),
        (TicketStatus.SOLVED, TicketStatus.SOLVED),
        (TicketStatus.CLOSED, TicketStatus.CLOSED),
    ],
)
def test_first_person_in_charge_opens_what_is_new_and_nothing_else(
    ticket: Ticket, bruno: User, before: TicketStatus, after: TicketStatus
) -> None:
    by = bruno.as_actor()
    update_ticket(ticket=ticket, by=by, status=before)
    row = update_ticket(ticket=ticket, by=by, assignee=bruno)
    assert (row.status, row.solved_at is None) == (after, before not in {"solved", "closed"})
    assert set(last_change(ticket)) == ({"assignee", "status"} if before == "new" else {"assignee"})


def test_nobody_in_charge_any_more_makes_nothing_new_again(ticket: Ticket, bruno: User) -> None:
    by = bruno.as_actor()
    update_ticket(ticket=ticket, by=by, assignee=bruno)
    assert update_ticket(ticket=ticket, by=by, assignee=None).status == TicketStatus.OPEN
    assert last_change(ticket) == {"assignee": {"from": "Bruno", "to": None}}


def test_ticket_that_is_solved_again_was_solved_then(ticket: Ticket, bruno: User) -> None:
    """Reports count it on the day on which it was solved for good."""
    by = bruno.as_actor()
    with time_machine.travel(NOON, tick=False) as clock:
        for status, hours in (("solved", 0), ("open", 1), ("solved", 2), ("closed", 9)):
            clock.move_to(NOON + timedelta(hours=hours))
            update_ticket(ticket=ticket, by=by, status=status)
        update_ticket(ticket=ticket, by=by, priority=40)
    row = Ticket.objects.get()
    assert (row.status, row.solved_at) == (TicketStatus.CLOSED, NOON + timedelta(hours=2))
    assert row.updated_at == NOON + timedelta(hours=9)


def test_who_has_not_seen_the_last_change_is_refused_and_leaves_nothing(ticket: Ticket, ana: User) -> None:
    by = ana.as_actor()
    read = version_of(Ticket.objects.get())
    update_ticket(ticket=ticket, by=by, expected=read, priority=40)
    with pytest.raises(Changed):
        update_ticket(ticket=ticket, by=by, expected=read, priority=10, assignee=ana)
    row = Ticket.objects.get()
    assert (row.priority, row.assignee, len(timeline(ticket))) == (40, None, 2)


# --- Several conversations ---------------------------------------------------------------------------------


def test_each_conversation_of_a_ticket_is_told_and_each_reader_of_theirs_only(
    ticket: Ticket, conversation: Conversation, ana: User, clara: User, other_team: Team
) -> None:
    other = receive(inbox=conversation.inbox, sender=Sender("eva"), text="Oi").conversation
    Conversation.objects.filter(pk=other.pk).update(team=other_team)
    ticket.conversations.add(other)
    update_ticket(ticket=ticket, by=ana.as_actor(), team=other_team, assignee=clara)
    told = Event.objects.filter(type=EventType.TICKET_UPDATED)
    assert {event.conversation_id for event in told} == {conversation.pk, other.pk}
    assert all(event.is_internal for event in told)
    assert ticket_file(ticket, actor=clara.as_actor()).conversation_ids == [other.pk]
    assert ticket_file(ticket, actor=ana.as_actor()).conversation_ids == [conversation.pk, other.pk]


def test_ticket_outlives_its_conversation_and_its_customer(ticket: Ticket, davi: Contact, ana: User) -> None:
    Conversation.objects.all().delete()
    davi.delete()
    row = update_ticket(ticket=ticket, by=ana.as_actor(), status=TicketStatus.CLOSED)
    assert (row.requester, ticket_file(row, actor=ana.as_actor()).conversation_ids) == (None, [])
    assert len(timeline(ticket)) == 2


# --- Who wrote ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [120, 121, 500])
def test_long_name_of_a_writer_is_cut_and_stops_nobody(db: None, length: int) -> None:
    by = Actor(ActorKind.OPERATOR, "0", "é" * length, is_admin=True)
    ticket = create_ticket(by=by, subject="Pedido")
    update_ticket(ticket=ticket, by=by, priority=40)
    assert Ticket.objects.get().created_by_name == "é" * 120
    assert {line.actor_name for line in timeline(ticket)} == {"é" * 120}


@pytest.mark.parametrize(("length", "is_good"), [(200, True), (201, False)])
def test_subject_is_measured_as_it_is_kept(ana: User, length: int, *, is_good: bool) -> None:
    """Spaces around it and line breaks in it do not count twice."""
    subject = f"  {'👩' * (length - 2)} \r\n x  "
    if is_good:
        assert len(create_ticket(by=ana.as_actor(), subject=subject).subject) == 200
    else:
        with pytest.raises(Invalid) as refused:
            create_ticket(by=ana.as_actor(), subject=subject)
        assert refused.value.extra["field"] == "subject"


@pytest.mark.parametrize(("length", "is_good"), [(10_000, True), (10_001, False)])
def test_description_may_have_ten_thousand_letters(ana: User, length: int, *, is_good: bool) -> None:
    ticket = create_ticket(by=ana.as_actor(), subject="Pedido", description="antes")
    text = f" \n{'ç' * length}\n "
    if is_good:
        assert update_ticket(ticket=ticket, by=ana.as_actor(), description=text).description == "ç" * length
    else:
        with pytest.raises(Invalid) as refused:
            update_ticket(ticket=ticket, by=ana.as_actor(), description=text)
        assert refused.value.extra["field"] == "description"
        assert Ticket.objects.get().description == "antes"
