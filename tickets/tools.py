"""What an AI agent may do with tickets."""

from typing import Annotated, Literal

from accounts.queries import team_by_slug
from conversations.enums import Priority
from conversations.models import Conversation
from core.actor import Actor, ActorKind
from core.errors import Forbidden
from llm.tools import ToolContext, ToolResult, tool
from tickets import actions
from tickets.enums import TicketSource, TicketStatus

PRIORITIES = {
    "low": Priority.LOW,
    "normal": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.URGENT,
}


@tool(
    description=(
        "Opens a ticket for the team when the customer's matter needs work by people later on, or when the "
        "customer asks for a ticket. Opens it for the customer of this conversation and never twice for the "
        "same matter. Returns the ticket's number; tell it to the customer."
    )
)
def create_ticket(
    context: ToolContext,
    *,
    subject: Annotated[str, "What it is about, in one line and in the customer's language."],
    description: Annotated[
        str, "What the customer wants and all they said that helps: order number, dates."
    ] = "",
    team: Annotated[str, "Short name of the team, such as support or finance; empty if not sure."] = "",
    priority: Annotated[Literal["low", "normal", "high", "urgent"], "How urgent it is."] = "normal",
) -> ToolResult:
    """Opens a ticket in the agent's conversation; what a model must not choose comes from the context.

    A team that does not exist counts as none given: the ticket goes to the conversation's team.
    """
    conversation = _conversation(context)
    ticket = actions.create_ticket(
        by=context.actor,
        subject=subject,
        description=description,
        conversation=conversation,
        team=team_by_slug(team.lower()) if team else None,
        priority=PRIORITIES[priority],
        source=TicketSource.AGENT,
        idempotency_key=context.key,
    )
    if ticket.just_created or ticket.idempotency_key == context.key:
        where = f" with the team {ticket.team.name}" if ticket.team else ""
        return ToolResult(f"Ticket {ticket.reference} was created{where}.")
    status = TicketStatus(ticket.status).name.lower()
    return ToolResult(
        f"Ticket {ticket.reference} exists already for this matter ({status}); no other was created."
    )


def _conversation(context: ToolContext) -> Conversation:
    """Returns the conversation the agent was called in. An agent has no view of its own, a customer has."""
    viewer = Actor.system() if context.actor.kind == ActorKind.AGENT else context.actor
    if context.conversation_id is not None:
        found = Conversation.objects.visible_to(viewer).filter(pk=context.conversation_id).first()
        if found is not None:
            return found
    raise Forbidden("There is no conversation to open a ticket for.")
