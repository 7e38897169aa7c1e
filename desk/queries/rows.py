"""The list of conversations: queues, pages, one row's shape, counts."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.utils.dateparse import parse_datetime

from accounts.sight import sees_as_staff
from conversations.enums import Light, Status
from conversations.models import Conversation, ConversationQuerySet, Inbox, InboxState
from conversations.queries.windows import channel_frame, window_frame
from core.actor import Actor
from core.errors import Invalid, NotFound
from core.reasons import said
from desk.enums import Queue

PAGE = 50
# Queues in which somebody may be waiting; the others show what happened last.
WAITING_FIRST = {Queue.OPEN, Queue.MINE, Queue.UNASSIGNED, Queue.AGENT}
TROUBLED = {Light.YELLOW, Light.RED}


@dataclass(frozen=True, slots=True)
class Group:
    """How many conversations share team, assignee, status and waiting: a handful of rows tell every count."""

    team_id: int | None
    assignee_id: int | None
    status: str
    is_waiting: bool
    total: int


def visible(actor: Actor) -> ConversationQuerySet:
    """Returns the conversations that the actor may see."""
    return ConversationQuerySet(Conversation).visible_to(actor)


def find(actor: Actor, conversation_id: UUID | str) -> Conversation:
    """Returns a conversation with what its row shows; raises NotFound when the actor may not see it."""
    found = with_row(visible(actor)).filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def found_with_identity(actor: Actor, conversation_id: UUID) -> Conversation:
    """Returns a conversation with all that thread and context show of its row; raises NotFound."""
    rows = with_row(visible(actor)).select_related("identity")
    found = rows.filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def with_row(rows: ConversationQuerySet) -> ConversationQuerySet:
    """Fetches along what `row_frame` shows, and no secrets."""
    related = rows.select_related("contact", "inbox", "inbox__state", "assignee", "team")
    return related.defer(
        "assignee__password",
        "inbox__secret",
        "inbox__config",
        "inbox__greeting",
        "inbox__allowed_origins",
        "inbox__state__details",
        "inbox__state__cursor",
    )


def in_queue(actor: Actor, queue: Queue) -> ConversationQuerySet:
    """Narrows what the actor sees to one queue."""
    narrowing = {
        Queue.OPEN: Q(status=Status.OPEN),
        Queue.MINE: Q(status=Status.OPEN, assignee_id=actor.id or None),
        Queue.UNASSIGNED: Q(status=Status.OPEN, assignee=None),
        Queue.AGENT: Q(status=Status.BOT),
        Queue.RESOLVED: Q(status=Status.RESOLVED),
        Queue.ALL: Q(),
    }
    return visible(actor).filter(narrowing[queue])


def page(
    actor: Actor,
    queue: Queue,
    *,
    search: str = "",
    after: str = "",
    inbox_id: int | None = None,
    limit: int = PAGE,
) -> tuple[list[Conversation], str]:
    """Returns one page of a queue and the cursor of the next one (empty at the end).

    With `inbox_id`, only the conversations of that inbox.
    Queues with people waiting go by waiting time, longest first; the others by newest activity. The cursor
    names the last row's place, so that rows that come and go neither repeat nor hide others. Raises Invalid
    for a cursor that is none.
    """
    waiting_first = queue in WAITING_FIRST
    rows = in_queue(actor, queue)
    rows = rows.longest_waiting() if waiting_first else rows.order_by("-updated_at", "id")
    if inbox_id is not None:
        rows = rows.filter(inbox_id=inbox_id)
    if words := search.strip():
        rows = rows.filter(matching(words))
    if after:
        rows = rows.filter(behind(after, waiting_first=waiting_first))
    found = list(with_row(rows)[: limit + 1])
    shown = found[:limit]
    return shown, cursor(shown[-1]) if len(found) > limit else ""


def matching(words: str) -> Q:
    """Finds conversations by who wrote or what they say in the list; not by their messages."""
    return (
        Q(contact__name__icontains=words)
        | Q(contact__email__icontains=words)
        | Q(contact__phone__icontains=words)
        | Q(preview__icontains=words)
        | Q(subject__icontains=words)
    )


def cursor(row: Conversation) -> str:
    """Returns the place of a row in its order, as one opaque word."""
    waiting = row.waiting_since.isoformat() if row.waiting_since else ""
    place = f"{waiting}|{row.updated_at.isoformat()}|{row.pk}"
    return base64.urlsafe_b64encode(place.encode()).decode()


def behind(after: str, *, waiting_first: bool) -> Q:
    """Narrows to what comes after a cursor in the order of its queue."""
    waiting, updated, last_id = _place(after)
    later = Q(updated_at__lt=updated) | Q(updated_at=updated, pk__gt=last_id)
    if not waiting_first:
        return later
    if waiting is None:
        return Q(waiting_since=None) & later
    return Q(waiting_since__gt=waiting) | Q(waiting_since=None) | (Q(waiting_since=waiting) & later)


def _place(after: str) -> tuple[datetime | None, datetime, UUID]:
    try:
        waiting, updated, last_id = base64.urlsafe_b64decode(after.encode()).decode().split("|")
        updated_at = parse_datetime(updated)
        if updated_at is None:
            raise Invalid(field="after")
        return (parse_datetime(waiting) if waiting else None), updated_at, UUID(last_id)
    except (ValueError, binascii.Error) as error:
        raise Invalid(field="after") from error


def rows_by_id(ids: Iterable[str]) -> list[Conversation]:
    """Returns the rows for everybody; whoever sends one on asks `sees` first."""
    return list(with_row(ConversationQuerySet(Conversation)).filter(pk__in=list(ids)))


def row_frame(row: Conversation) -> dict[str, Any]:
    """One row of the list, alike for all who may see it: what is "mine" the browser knows."""
    assignee, team = row.assignee, row.team
    return {
        "id": str(row.pk),
        "name": row.contact.display_name,
        "subject": row.subject,
        "preview": row.preview,
        "inbox": row.inbox.name,
        "inbox_id": row.inbox_id,
        "channel": channel_frame(row.inbox),
        "window": window_frame(row),
        "light": light_frame(row.inbox),
        "agent": row.inbox.agent_name,
        "status": row.status,
        "assignee": {"id": assignee.pk, "name": assignee.display_name} if assignee else None,
        "team": {"id": team.pk, "name": team.name} if team else None,
        "priority": row.priority,
        "tags": row.tags,
        "unread": row.is_unread,
        "waiting_since": row.waiting_since.isoformat() if row.waiting_since else None,
        "updated_at": row.updated_at.isoformat(),
        "read_by_contact": row.read_by_contact_seq,
        "seq": row.last_seq,
    }


def light_frame(inbox: Inbox) -> dict[str, str] | None:
    """What is wrong with an inbox, for a banner; None while nothing is known to be."""
    try:
        state = inbox.state
    except InboxState.DoesNotExist:
        return None
    return {"color": state.light, "detail": said(state.detail)} if state.light in TROUBLED else None


def groups() -> list[Group]:
    """Returns the open work of everybody in a few numbers; resolved conversations are not counted.

    A count of what is done and over only grows, so nobody acts on it, and it would cost a walk over the
    whole table.
    """
    rows = (
        Conversation.objects.exclude(status=Status.RESOLVED)
        .order_by()
        .values("team_id", "assignee_id", "status", is_waiting=Q(waiting_since__isnull=False))
        .annotate(total=Count("pk"))
    )
    return [Group(**row) for row in rows]


def counts(actor: Actor, found: Iterable[Group]) -> dict[str, int]:
    """Returns the numbers beside the actor's queues; `waiting` counts the customers who wait for a person."""
    mine = [row for row in found if sees_as_staff(actor, team_id=row.team_id, assignee_id=row.assignee_id)]
    open_rows = [row for row in mine if row.status == Status.OPEN]
    return {
        Queue.OPEN: sum(row.total for row in open_rows),
        Queue.MINE: sum(row.total for row in open_rows if str(row.assignee_id) == actor.id),
        Queue.UNASSIGNED: sum(row.total for row in open_rows if row.assignee_id is None),
        Queue.AGENT: sum(row.total for row in mine if row.status == Status.BOT),
        "waiting": sum(row.total for row in open_rows if row.is_waiting),
    }
