"""Tickets as the desk shows them: lists, pages, history."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q, QuerySet

from conversations.enums import FieldEntity, Priority
from conversations.models.contacts import shown_name
from core.actor import Actor
from core.errors import Invalid, NotFound
from desk.enums import TicketView
from desk.queries.fields import field_frames
from desk.queries.rows import row_frame, visible, with_row
from tickets.enums import DONE
from tickets.models import Ticket, TicketEvent
from tickets.queries import tickets_for, timeline

PAGE = 50


def in_view(actor: Actor, view: TicketView) -> "QuerySet[Ticket]":
    """Narrows the tickets that the actor sees to one list."""
    narrowing = {
        TicketView.OPEN: ~Q(status__in=DONE),
        TicketView.MINE: ~Q(status__in=DONE) & Q(assignee_id=actor.id or None),
        TicketView.UNASSIGNED: ~Q(status__in=DONE) & Q(assignee=None),
        TicketView.DONE: Q(status__in=DONE),
        TicketView.ALL: Q(),
    }
    return tickets_for(actor).filter(narrowing[view])


def ticket_page(
    actor: Actor, view: TicketView, *, search: str = "", before: str = ""
) -> tuple[list[Ticket], str]:
    """Returns one page, newest number first, and the number before which the next begins (empty at the end).

    A search for a number finds that ticket; other words look in subject and customer.
    """
    rows = in_view(actor, view)
    if words := search.strip():
        rows = rows.filter(matching(words))
    if before:
        rows = rows.filter(number__lt=_number(before))
    found = list(rows[: PAGE + 1])
    return found[:PAGE], str(found[PAGE - 1].number) if len(found) > PAGE else ""


def matching(words: str) -> Q:
    """Finds tickets by number, subject or customer."""
    found = (
        Q(subject__icontains=words)
        | Q(requester__name__icontains=words)
        | Q(requester__email__icontains=words)
    )
    digits = words.removeprefix("#")
    return found | Q(number=int(digits)) if digits.isdecimal() and len(digits) < 18 else found  # noqa: PLR2004


def _number(value: str) -> int:
    if not value.isdecimal() or len(value) > 18:  # noqa: PLR2004 (what a bigint holds)
        raise Invalid(field="before")
    return int(value)


def ticket_counts(actor: Actor) -> dict[str, int]:
    """Returns the numbers beside the lists of work that is left, in one query."""
    found = (
        in_view(actor, TicketView.OPEN)
        .order_by()
        .aggregate(
            open=Count("pk"),
            mine=Count("pk", filter=Q(assignee_id=actor.id or None)),
            unassigned=Count("pk", filter=Q(assignee=None)),
        )
    )
    return {name: int(value) for name, value in found.items()}


def find_ticket(actor: Actor, number: int) -> Ticket:
    """Returns the ticket with a number; raises NotFound when the actor may not see it."""
    found = tickets_for(actor).filter(number=number).first()
    if found is None:
        raise NotFound
    return found


def tickets_by_id(ids: Iterable[str]) -> list[Ticket]:
    """Returns tickets for everybody; whoever sends one on asks `sees` first."""
    rows = Ticket.objects.filter(pk__in=list(ids))
    return list(rows.select_related("team", "assignee", "requester"))


def ticket_frame(ticket: Ticket) -> dict[str, Any]:
    """One line of a list of tickets."""
    assignee, team, requester = ticket.assignee, ticket.team, ticket.requester
    return {
        "id": str(ticket.pk),
        "number": ticket.number,
        "subject": ticket.subject,
        "status": ticket.status,
        "priority": ticket.priority,
        "team": {"id": team.pk, "name": team.name} if team else None,
        "assignee": {"id": assignee.pk, "name": assignee.display_name} if assignee else None,
        "requester": requester.display_name if requester else "",
        "source": ticket.source,
        "created_at": ticket.created_at.isoformat(),
        "updated_at": ticket.updated_at.isoformat(),
        "seq": ticket.last_seq,
    }


def ticket_detail(ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """Everything on the page of a ticket; of its conversations those that the actor may open."""
    linked = with_row(visible(actor)).filter(tickets=ticket).order_by("-updated_at")
    return {
        "ticket": ticket_frame(ticket),
        "description": ticket.description,
        "fields": field_frames(FieldEntity.TICKET, ticket.attributes),
        "created_by": {"kind": ticket.created_by_kind, "name": ticket.created_by_name},
        "conversations": [row_frame(row) for row in linked],
        "history": [history_frame(event) for event in timeline(ticket)],
    }


def history_frame(event: TicketEvent) -> dict[str, Any]:
    """One line of a ticket's history."""
    return {
        "seq": event.seq,
        "type": event.type,
        "changes": event.changes,
        "text": event.text,
        "by": {"kind": event.actor_kind, "name": shown_name(event.actor_name)},
        "at": event.created_at.isoformat(),
    }


def priorities() -> list[dict[str, Any]]:
    """Returns the urgencies, for menus, highest first."""
    return [{"value": value, "label": str(label)} for value, label in reversed(Priority.choices)]
