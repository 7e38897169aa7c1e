"""What a model outside may do with a key: read articles and tickets, draft a reply, open a ticket.

Each goes through the query or action that the REST API uses, with the rights of whoever sent the key. What
customers wrote goes out as data between markers, since it will be read by a model.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from django.utils.translation import gettext as _

from accounts.enums import Scope
from accounts.queries import team_by_slug
from api.permissions import may
from api.queries import conversation_by_id
from api.shown.common import TicketFileSerializer, TicketSerializer
from conversations.actions import note
from conversations.enums import Direction, Priority
from conversations.models import Conversation, Message
from core.actor import Actor
from core.errors import Invalid, NotFound
from knowledge.enums import Audience
from knowledge.queries import article_by_id, search
from llm.fence import fence
from llm.tools import Effect, Tool, ToolContext, ToolResult, refusal
from tickets import actions
from tickets.enums import TicketSource, TicketStatus
from tickets.models import Ticket
from tickets.queries import TicketFile, contact_by_id, ticket_file, tickets_for

MOST_ARTICLES, MOST_TICKETS, LAST_MESSAGES = 10, 50, 20
# So that all messages of a ticket fit between the markers, which cut off what is too long (characters).
LONGEST_MESSAGE, LONGEST_DESCRIPTION = 600, 4_000
LISTED = ("number", "subject", "status", "priority", "team", "assignee", "created_at", "updated_at")
LONGEST_KEY = 100
PRIORITIES = {each.name.lower(): each for each in Priority}

Number = Annotated[int, "The ticket's number, without the sign."]
Key = Annotated[
    str,
    "A name of your own for this one deed, such as a UUID. Send the same one again when you do not know "
    "whether a call arrived: it is done once.",
]


def search_articles(
    context: ToolContext,
    *,
    query: Annotated[str, "A question, or words."],
    limit: Annotated[int, "How many articles, at most 10."] = 5,
) -> ToolResult:
    """Returns the passages that may answer, best first; of published articles, those for staff too."""
    audiences = tuple(Audience) if context.actor.is_staff else (Audience.PUBLIC,)
    found = search(query, limit=_within(limit, MOST_ARTICLES), audiences=audiences)
    told = [
        {
            "article": each.article_id,
            "title": each.title,
            "heading": each.heading,
            "score": round(each.score, 3),
            "certain": each.is_certain,
            "url": each.url,
            "text": each.text,
        }
        for each in found
    ]
    return _told(told, "articles")


def read_article(
    context: ToolContext, *, article: Annotated[int, "Its number, as search_articles tells it."]
) -> ToolResult:
    """Returns one article whole, a draft too."""
    row = article_by_id(article, actor=context.actor)
    told = {
        "article": row.pk,
        "title": row.title,
        "language": row.language,
        "status": row.status,
        "audience": row.audience,
        "url": row.public_url,
        "body": row.body,
    }
    return _told(told, "article")


def list_tickets(
    context: ToolContext,
    *,
    status: Annotated[TicketStatus | None, "Only those that stand so."] = None,
    team: Annotated[str, "Short name of a team; empty for all."] = "",
    limit: Annotated[int, "How many, at most 50."] = 20,
) -> ToolResult:
    """Returns the tickets the actor may see, newest first."""
    rows = tickets_for(context.actor)
    if status is not None:
        rows = rows.filter(status=status)
    if team:
        rows = rows.filter(team__slug=team)
    shown = (TicketSerializer.told(each) for each in rows[: _within(limit, MOST_TICKETS)])
    return _told([{name: each[name] for name in LISTED} for each in shown], "tickets")


def read_ticket(context: ToolContext, *, number: Number) -> ToolResult:
    """Returns one ticket with its history, and what was said last in the newest of its conversations."""
    file = _file(number, actor=context.actor)
    told = dict(TicketFileSerializer(file).data)
    told["description"] = told["description"][:LONGEST_DESCRIPTION]
    told["messages"] = _said(_newest(file, actor=context.actor))
    # The history comes last: it has no bounds, and is what may be cut off.
    told["history"] = told.pop("history")
    return _told(told, "ticket")


def draft_ticket_reply(
    context: ToolContext,
    *,
    number: Number,
    text: Annotated[str, "The reply as the customer would read it. A person reads, changes and sends it."],
    key: Key,
) -> ToolResult:
    """Writes a suggested reply as a note into the ticket's newest conversation; the customer gets nothing."""
    name = _name_of(key, "note", context.actor)
    ticket = _file(number, actor=context.actor)
    conversation = _newest(ticket, actor=context.actor)
    if conversation is None:
        return refusal("the ticket has no conversation that you may see, so there is nobody to reply to.")
    draft = _("Suggested reply to ticket %(reference)s:\n\n%(text)s") % {
        "reference": ticket.ticket.reference,
        "text": text,
    }
    note(conversation=conversation, text=draft, by=context.actor, client_id=uuid5(NAMESPACE_URL, name))
    return ToolResult("The draft stands as a note in the conversation. Nothing was sent to the customer.")


def create_ticket(
    context: ToolContext,
    *,
    subject: Annotated[str, "What it is about, in one line."],
    key: Key,
    description: Annotated[str, "All that helps whoever works on it."] = "",
    conversation: Annotated[str, "Id of the conversation it came up in, if any."] = "",
    contact: Annotated[str, "Id of the customer, where there is no conversation."] = "",
    team: Annotated[str, "Short name of the team; empty for the conversation's."] = "",
    priority: Annotated[Literal["low", "normal", "high", "urgent"], "How urgent it is."] = "normal",
) -> ToolResult:
    """Opens a ticket, never twice under one key nor for one matter in one conversation."""
    actor = context.actor
    named = team_by_slug(team) if team else None
    if team and named is None:
        return refusal("there is no team of this short name.")
    customer = contact_by_id(_uuid(contact, "contact"), actor=actor) if contact else None
    if contact and customer is None:
        raise NotFound
    thread = conversation_by_id(_uuid(conversation, "conversation"), actor=actor) if conversation else None
    ticket = actions.create_ticket(
        by=actor,
        subject=subject,
        description=description,
        conversation=thread,
        contact=customer,
        team=named,
        priority=PRIORITIES[priority],
        source=TicketSource.API,
        idempotency_key=_name_of(key, "ticket", actor),
    )
    if ticket.just_created:
        return ToolResult(f"Ticket {ticket.reference} was created.")
    return ToolResult(
        f"Ticket {ticket.reference} exists already for this key or matter; no other was created."
    )


def offered_to(actor: Actor) -> list[Tool]:
    """Returns the tools that the scopes allow: those that change something need `write`."""
    return [tool for tool in TOOLS if may(actor, Scope.READ if tool.only_reads else Scope.WRITE)]


def _reading(function: Callable[..., ToolResult], description: str) -> Tool:
    return Tool(function, description, effect=Effect.READ)


def _writing(function: Callable[..., ToolResult], description: str) -> Tool:
    return Tool(function, description, effect=Effect.WRITE)


TOOLS = (
    _reading(search_articles, "Find passages of the help centre that answer a question."),
    _reading(read_article, "Read one article of the help centre."),
    _reading(list_tickets, "List tickets, newest first."),
    _reading(read_ticket, "Read a ticket, its history, and what was said last in its conversation."),
    _writing(
        draft_ticket_reply,
        "Leave a suggested reply to a ticket's customer for the team. It is a note; nothing is sent.",
    ),
    _writing(create_ticket, "Open a ticket for the team."),
)


def _told(shown: Any, label: str) -> ToolResult:
    return ToolResult(fence(json.dumps(shown, ensure_ascii=False, indent=1, default=str), label=label))


def _within(wanted: int, most: int) -> int:
    if not 1 <= wanted <= most:
        raise Invalid(_("A number from 1 to %d.") % most, field="limit")
    return wanted


def _name_of(key: str, deed: str, actor: Actor) -> str:
    """Returns the key as this deed's of this caller: two callers may use the same one."""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid(_("The key must have 1 to %d characters.") % LONGEST_KEY, field="key")
    return f"mcp:{deed}:{actor.kind}:{actor.id}:{key}"


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid(_("This is no id."), field=field) from error


def _file(number: int, *, actor: Actor) -> TicketFile:
    row: Ticket | None = tickets_for(actor).filter(number=number).first()
    if row is None:
        raise NotFound
    return ticket_file(row, actor=actor)


def _newest(file: TicketFile, *, actor: Actor) -> Conversation | None:
    ids = file.conversation_ids
    return conversation_by_id(ids[-1], actor=actor) if ids else None


def _said(conversation: Conversation | None) -> list[dict[str, str]]:
    """Returns the ends of what customer and team said to each other; no notes, nothing taken back."""
    if conversation is None:
        return []
    rows = Message.objects.filter(conversation=conversation, deleted_at=None)
    last = rows.exclude(direction=Direction.NOTE).order_by("-seq")[:LAST_MESSAGES]
    return [
        {"by": each.author_kind, "at": each.created_at.isoformat(), "text": each.text[:LONGEST_MESSAGE]}
        for each in reversed(last)
    ]
