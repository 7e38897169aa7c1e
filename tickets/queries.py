"""Reads about tickets."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from django.contrib.postgres.lookups import Unaccent
from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Count, F, Q

from conversations.models import Contact, Conversation
from conversations.queries.reports import GROUPS, Line, Lines, Narrowed, may_count, tally
from core import rows
from core.actor import Actor, ActorKind
from core.errors import NotFound
from core.spans import Span
from tickets.enums import DONE, TicketStatus
from tickets.matters import ALIKE, TELLING_LENGTH, contradict, normalised
from tickets.models import Ticket, TicketEvent, TicketQuerySet

TICKET_GROUPS = {name: GROUPS[name] for name in ("team", "operator")}
# Of more unsolved tickets that look alike than this, the oldest are not looked at.
COMPARED = 50
# Of one customer, beside a conversation.
MOST_OPEN = 10


def tickets_for(actor: Actor) -> TicketQuerySet:
    """Returns the tickets the actor may see, with what a list shows of each, highest number first."""
    seen = Ticket.objects.all().visible_to(actor)
    return seen.select_related("team", "assignee", "requester").order_by("-number")


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket, its history, and those of its conversations that the reader may see."""

    ticket: Ticket
    history: list[TicketEvent]
    conversation_ids: list[UUID]


def ticket_by_id(ticket_id: UUID | str, *, actor: Actor) -> Ticket:
    """Returns the ticket with team, assignee and customer at hand.

    Raises NotFound when there is none or the actor may not see it.
    """
    found = rows.find(Ticket, ticket_id, "team", "assignee", "requester", where=Ticket.sight(actor))
    if found is None:
        raise NotFound
    return found


def ticket_file(ticket: Ticket, *, actor: Actor) -> TicketFile:
    """Returns the ticket with everything that belongs to it: two queries, none of them about the ticket."""
    links = rows.those(Ticket.conversations.through, "ticket", ticket.pk, "conversation", order="id")
    seen = [link.conversation for link in links if link.conversation.is_visible_to(actor)]
    seen.sort(key=attrgetter("created_at"))
    return TicketFile(ticket, timeline(ticket), [conversation.pk for conversation in seen])


def tickets_of(conversation: Conversation, *, actor: Actor) -> list[Ticket]:
    """Returns the tickets of a conversation that the actor may see, highest number first."""
    return list(tickets_for(actor).filter(conversations=conversation))


def open_tickets_of_contact(contact_id: UUID, *, actor: Actor) -> list[Ticket]:
    """Returns a customer's tickets that are not solved and that the actor may see, highest number first."""
    rows = tickets_for(actor).filter(requester_id=contact_id)
    return list(rows.exclude(status__in=DONE)[:MOST_OPEN])


def timeline(ticket: Ticket) -> list[TicketEvent]:
    """Returns who did what to the ticket, oldest first."""
    return rows.those(TicketEvent, "ticket", ticket.pk, order="seq")


def contact_by_id(contact_id: UUID, *, actor: Actor) -> Contact | None:
    """Returns the customer if there is one and the actor may open a ticket for them."""
    found = Contact.objects.filter(pk=contact_id).first()
    return found if found is not None and may_be_requester(found, actor=actor) else None


def may_be_requester(contact: Contact, *, actor: Actor) -> bool:
    """True when the actor may open a ticket for that customer: itself, or one it has a conversation with."""
    if actor.is_admin:
        return True
    if actor.kind == ActorKind.CONTACT:
        return str(contact.pk) == actor.id
    seen = Conversation.objects.visible_to(actor)
    return bool(seen.filter(contact=contact).exists())


def same_matter(conversation: Conversation, *, subject: str, description: str, actor: Actor) -> Ticket | None:
    """Returns the newest unsolved ticket of the conversation that is about the same matter, or None.

    The same: subjects that are equal or alike (see `tickets.matters`), or descriptions of some length that
    are. Never the same: texts that name different orders. Decides nothing unless the row is locked.
    """
    open_tickets = Ticket.objects.filter(conversations=conversation).unsolved()
    if actor.is_staff:
        # Whoever works elsewhere is told nothing of it. Customers and agents are told its number.
        open_tickets = open_tickets.visible_to(actor)
    alike = Q(subject__iexact=subject) | Q(subject_alike__gte=ALIKE)
    details = normalised(description)
    if len(details) >= TELLING_LENGTH:
        alike |= Q(description_alike__gte=ALIKE)
    measured = open_tickets.annotate(
        subject_alike=TrigramSimilarity(Unaccent(F("subject")), normalised(subject)),
        description_alike=TrigramSimilarity(Unaccent(F("description")), details),
    )
    text = f"{subject} {description}"
    for ticket in measured.filter(alike).select_related("team").order_by("-number")[:COMPARED]:
        if not contradict(text, f"{ticket.subject} {ticket.description}"):
            return ticket
    return None


def own_tickets(conversation: Conversation, *, everything: bool) -> TicketQuerySet:
    """Returns the tickets of a conversation's customer, newest first, each with its team.

    Without `everything` only those of this very conversation: whoever writes in it has seen them opened.
    """
    theirs = TicketQuerySet(Ticket).filter(requester=conversation.contact_id).select_related("team")
    return (theirs if everything else theirs.filter(conversations=conversation)).order_by("-number")


def same_words(text: str, others: Iterable[str]) -> bool:
    """True when the text says nothing that one of the others does not say word for word."""
    if not normalised(text):  # nothing but signs, such as emoji
        return text.strip() in {"", *(other.strip() for other in others)}
    return normalised(text) in {normalised(other) for other in others}


def opened_and_solved(span: Span, *, actor: Actor, narrowed: Narrowed) -> list[Line]:
    """Returns how many tickets were `opened` and `solved` in each step, and the `backlog` at its end.

    Who may count which is as with conversations. A ticket that was opened again counts as never solved. Told
    apart by groups there is no backlog: a ticket may have changed its team since.
    """
    counted, group = _counted(actor, narrowed), TICKET_GROUPS.get(narrowed.by or "")
    lines = Lines(span, narrowed.by, {"opened": 0, "solved": 0, "backlog": None})
    lines.add(tally(span.within(counted, "created_at"), group, opened=Count("pk")))
    lines.add(tally(span.within(counted, "solved_at"), group, solved=Count("pk")))
    found = lines.ordered()
    if group is None:
        left = counted.filter(created_at__lt=span.begin).exclude(solved_at__lt=span.begin).count()
        for line in found:
            left += line.figures["opened"] - line.figures["solved"]
            line.figures["backlog"] = left
    return found


def unsolved_now(*, actor: Actor, narrowed: Narrowed) -> dict[str, int]:
    """Returns how many tickets stand in each status in which work is left, at this moment."""
    counted = _counted(actor, narrowed).unsolved().values("status").annotate(n=Count("pk"))
    found = dict(counted.order_by().values_list("status", "n"))
    return {status.value: found.get(status.value, 0) for status in TicketStatus if status not in DONE}


def _counted(actor: Actor, narrowed: Narrowed) -> TicketQuerySet:
    counted = Ticket.objects.filter(may_count(actor))
    return counted if narrowed.team is None else counted.filter(team=narrowed.team)
