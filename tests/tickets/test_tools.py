"""The agent's tool: ids from the context, values checked, results a model can tell on."""

import json
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Team
from conversations.actions import Sender, receive
from conversations.enums import Priority
from conversations.models import Contact, Conversation, Inbox
from core.actor import Actor
from llm.tools import ToolContext, ToolResult, get_tool
from tickets.enums import TicketSource
from tickets.models import Ticket
from tickets.tools import create_ticket as registered


def call(actor: Actor, conversation_id: UUID | None, *, key: str = "run:1", **arguments: Any) -> ToolResult:
    context = ToolContext(actor, conversation_id, key)
    assert get_tool("create_ticket").function is registered
    return get_tool("create_ticket").run(context, json.dumps({"subject": "Pedido atrasado", **arguments}))


def test_tool_opens_a_ticket_and_says_its_number(conversation: Conversation, agent: Actor) -> None:
    result = call(agent, conversation.pk, priority="urgent")
    ticket = Ticket.objects.get()
    assert result == ToolResult(f"Ticket #{ticket.number} was created with the team Support.")
    assert (ticket.priority, ticket.source, ticket.idempotency_key) == (
        Priority.URGENT, TicketSource.AGENT, "run:1"
    )  # fmt: skip


def test_repeated_call_says_the_same(conversation: Conversation, agent: Actor) -> None:
    assert call(agent, conversation.pk) == call(agent, conversation.pk)
    assert Ticket.objects.count() == 1


def test_other_call_for_the_same_matter_says_that_it_exists(conversation: Conversation, agent: Actor) -> None:
    call(agent, conversation.pk)
    result = call(agent, conversation.pk, key="run:2", subject="Meu pedido atrasado")
    number = Ticket.objects.get().number
    assert result.text == f"Ticket #{number} exists already for this matter (new); no other was created."


@pytest.mark.parametrize(
    ("named", "expected"), [("Finance", "finance"), ("marketing", "support"), ("", "support")]
)
def test_named_team_gets_it_if_there_is_one(
    conversation: Conversation, agent: Actor, other_team: Team, named: str, expected: str
) -> None:
    call(agent, conversation.pk, team=named)
    ticket = Ticket.objects.get()
    assert ticket.team is not None
    assert ticket.team.slug == expected


def test_tool_runs_with_the_customers_rights(conversation: Conversation, davi: Contact, inbox: Inbox) -> None:
    stranger = receive(inbox=inbox, sender=Sender("eva"), text="oi").conversation.contact
    assert call(stranger.as_actor(), conversation.pk).failed
    assert not Ticket.objects.exists()
    assert not call(davi.as_actor(), conversation.pk).failed


def test_tool_without_a_conversation_is_refused(agent: Actor, db: None) -> None:
    assert call(agent, None).failed


@pytest.mark.parametrize(
    "wrong",
    [{"priority": "maximum"}, {"subject": ""}, {"conversation": "x"}, {"subject": "x" * 201}, {"team": 7}],
)
def test_wrong_arguments_write_nothing_and_say_so(
    conversation: Conversation, agent: Actor, wrong: dict[str, Any]
) -> None:
    result = call(agent, conversation.pk, **wrong)
    assert result.failed
    assert result.text.startswith("Nothing was done: ")
    assert not Ticket.objects.exists()
