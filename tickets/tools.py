"""What an AI agent may do with tickets."""

from typing import Annotated, Literal

from django.utils.translation import gettext_noop

from accounts.queries import team_by_slug
from conversations.enums import Priority
from conversations.queries.proof import is_verified
from conversations.tools import conversation_of
from llm.tools import Effect, ToolContext, ToolResult, refusal, tool
from tickets import actions
from tickets.enums import DONE, TicketSource, TicketStatus
from tickets.models import Ticket
from tickets.queries import own_tickets

PRIORITIES = {
    "low": Priority.LOW,
    "normal": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.URGENT,
}


@tool(
    description=gettext_noop(
        "Opens a ticket for the team when the customer's matter needs work by people later on, or when the "
        "customer asks for a ticket. Opens it for the customer of this conversation and never twice for the "
        "same matter. Returns the ticket's number; tell it to the customer."
    ),
    effect=Effect.WRITE,
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
    conversation = conversation_of(context)
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


NO_SUCH_TICKET = (
    "this customer has no ticket of that number that may be spoken of here. If they say it is theirs, call "
    "request_verification if you have it, or hand over."
)
LISTED = 5


@tool(
    description=gettext_noop(
        "Adds what the customer says to a ticket of theirs on which work is left, such as a detail "
        "that was missing. Use it instead of opening another ticket for the same matter."
    ),
    effect=Effect.WRITE,
)
def update_ticket(
    context: ToolContext,
    *,
    number: Annotated[int, "The ticket's number, without the sign."],
    text: Annotated[str, "What the customer adds, in their words."],
    priority: Annotated[
        Literal["unchanged", "normal", "high"], "Higher only if the customer gives a reason."
    ] = "unchanged",
) -> ToolResult:
    """Adds to an unsolved ticket of the conversation's customer; a priority is raised to high at most."""
    conversation = conversation_of(context)
    found = own_tickets(conversation, everything=is_verified(conversation)).filter(number=number).first()
    if found is None:
        return refusal(NO_SUCH_TICKET)
    if found.status in DONE:
        return refusal(f"ticket {found.reference} is done. Open another if something is left to do.")
    actions.add_to_ticket(
        ticket=found,
        conversation=conversation,
        by=context.actor,
        text=text,
        priority=PRIORITIES.get(priority),
    )
    return ToolResult(f"It was added to ticket {found.reference}.")


@tool(
    description=gettext_noop(
        "Says how a ticket of this customer stands, by its number; without one, how their newest do."
    ),
    effect=Effect.READ,
)
def ticket_status(
    context: ToolContext, *, number: Annotated[int | None, "The ticket's number, without the sign."] = None
) -> ToolResult:
    """Tells of tickets of the customer; without proof of who that is, only of those of this conversation.

    A number of somebody else's is answered as one that does not exist.
    """
    conversation = conversation_of(context)
    found = own_tickets(conversation, everything=is_verified(conversation))
    told = [_standing(each) for each in (found if number is None else found.filter(number=number))[:LISTED]]
    return ToolResult("\n".join(told)) if told else refusal(NO_SUCH_TICKET)


def _standing(ticket: Ticket) -> str:
    team = f", with the team {ticket.team.name}" if ticket.team else ""
    return (
        f"Ticket {ticket.reference} of {ticket.created_at:%Y-%m-%d}, changed {ticket.updated_at:%Y-%m-%d}: "
        f"{TicketStatus(ticket.status).name.lower()}{team}. It is about: {ticket.subject}"
    )
