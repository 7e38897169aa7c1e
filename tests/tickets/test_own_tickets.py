"""The tools on tickets that exist: a customer's own, by number; another's number is none."""

import json
from typing import Any

import pytest

from conversations.actions import Sender, receive
from conversations.enums import EventType, Priority
from conversations.models import ContactIdentity, Conversation, Event, Inbox
from core.actor import Actor, ActorKind
from core.errors import Conflict, NotFound
from llm.tools import ToolContext, ToolResult, get_tool
from tickets.actions import add_to_ticket, create_ticket, update_ticket
from tickets.enums import TicketEventType
from tickets.models import Ticket, TicketEvent
from tickets.tools import NO_SUCH_TICKET

LIA = Actor(ActorKind.AGENT, "1", "Lia")


def call(name: str, conversation: Conversation, **arguments: Any) -> ToolResult:
    return get_tool(name).run(ToolContext(LIA, conversation.pk, "k"), json.dumps(arguments))


@pytest.fixture
def here(conversation: Conversation) -> Ticket:
    """Davi's ticket of this conversation."""
    return create_ticket(by=LIA, subject="Broken lamp", conversation=conversation)


@pytest.fixture
def elsewhere(conversation: Conversation) -> Ticket:
    """Davi's ticket of another day."""
    return create_ticket(by=Actor.system(), subject="Lost kettle", contact=conversation.contact)


@pytest.fixture
def hers(inbox: Inbox) -> Ticket:
    """Eva's ticket."""
    row = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation
    return create_ticket(by=LIA, subject="CANARY", conversation=row)


def verify(conversation: Conversation) -> None:
    ContactIdentity.objects.filter(pk=conversation.identity_id).update(is_verified=True)


def test_status_of_a_ticket_of_this_conversation(conversation: Conversation, here: Ticket) -> None:
    result = call("ticket_status", conversation, number=here.number)
    assert result.text.startswith(f"Ticket {here.reference} of ")
    assert "new, with the team Support. It is about: Broken lamp" in result.text


def test_other_tickets_are_told_to_verified_customers_only(
    conversation: Conversation, here: Ticket, elsewhere: Ticket
) -> None:
    number = elsewhere.number
    assert call("ticket_status", conversation, number=number).failed
    assert "Lost kettle" not in call("ticket_status", conversation).text
    assert call("update_ticket", conversation, number=number, text="It is red").failed
    verify(conversation)
    assert "Lost kettle" in call("ticket_status", conversation, number=number).text
    assert call("ticket_status", conversation).text.count("Ticket #") == 2
    assert not call("update_ticket", conversation, number=number, text="It is red").failed


def test_the_number_of_another_customer_is_none(conversation: Conversation, hers: Ticket) -> None:
    verify(conversation)
    before = Ticket.objects.values().get(pk=hers.pk)
    for number in (hers.number, 99_999_999):
        for tool, more in (("ticket_status", {}), ("update_ticket", {"text": "x", "priority": "high"})):
            result = call(tool, conversation, number=number, **more)
            assert (result.failed, result.text) == (True, f"Nothing was done: {NO_SUCH_TICKET}")
    assert Ticket.objects.values().get(pk=hers.pk) == before


def test_what_the_customer_adds_stands_in_the_history_once(conversation: Conversation, here: Ticket) -> None:
    for _ in range(2):
        assert not call("update_ticket", conversation, number=here.number, text="It is the red one").failed
    line = TicketEvent.objects.get(type=TicketEventType.REPEATED)
    assert (line.text, line.actor_kind) == ("It is the red one", ActorKind.AGENT)


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (Priority.NORMAL, "high", Priority.HIGH),
        (Priority.NORMAL, "unchanged", Priority.NORMAL),
        (Priority.HIGH, "normal", Priority.HIGH),
        (Priority.URGENT, "high", Priority.URGENT),
    ],
)
def test_a_priority_only_rises_and_to_high_at_most(
    conversation: Conversation, here: Ticket, before: int, wanted: str, after: int
) -> None:
    Ticket.objects.update(priority=before)
    call("update_ticket", conversation, number=here.number, text="Now", priority=wanted)
    here.refresh_from_db()
    assert here.priority == after
    assert call("update_ticket", conversation, number=here.number, text="x", priority="urgent").failed
    told = Event.objects.filter(type=EventType.TICKET_UPDATED, is_internal=True)
    assert told.count() == int(after != before)


def test_the_action_itself_raises_to_high_at_most(conversation: Conversation, here: Ticket) -> None:
    add_to_ticket(ticket=here, conversation=conversation, by=LIA, text="x", priority=Priority.URGENT)
    here.refresh_from_db()
    assert here.priority == Priority.HIGH


def test_a_ticket_that_is_done_takes_nothing_more(conversation: Conversation, here: Ticket) -> None:
    update_ticket(ticket=here, by=Actor.system(), status="solved")
    assert call("update_ticket", conversation, number=here.number, text="More").failed
    with pytest.raises(Conflict):
        add_to_ticket(ticket=here, conversation=conversation, by=LIA, text="More")


def test_the_action_refuses_another_customers_ticket(conversation: Conversation, hers: Ticket) -> None:
    with pytest.raises(NotFound):
        add_to_ticket(ticket=hers, conversation=conversation, by=LIA, text="More")
