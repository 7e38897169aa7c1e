"""Reads about tickets."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.lookups import Unaccent
from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import F, Q

from conversations.models import Contact, Conversation
from core.actor import Actor, ActorKind
from core.errors import NotFound
from tickets.matters import ALIKE, TELLING_LENGTH, contradict, normalised
from tickets.models import Ticket, TicketEvent, TicketQuerySet

# Of more unsolved tickets that look alike than this, the oldest are not looked at.
COMPARED = 50


def tickets_for(actor: Actor) -> TicketQuerySet:
    """Returns the tickets the actor may see, with what a list shows of each, highest number first."""
    rows = Ticket.objects.all().visible_to(actor)
    return rows.select_related("team", "assignee", "requester").order_by("-number")


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
    found = tickets_for(actor).filter(pk=ticket_id).first()
    if found is None:
        raise NotFound
    return found


def ticket_file(ticket: Ticket, *, actor: Actor) -> TicketFile:
    """Returns the ticket with everything that belongs to it: two queries, none of them about the ticket."""
    seen = Conversation.objects.visible_to(actor).filter(tickets=ticket)
    return TicketFile(
        ticket, timeline(ticket), list(seen.order_by("created_at").values_list("pk", flat=True))
    )


def tickets_of(conversation: Conversation, *, actor: Actor) -> list[Ticket]:
    """Returns the tickets of a conversation that the actor may see, highest number first."""
    return list(tickets_for(actor).filter(conversations=conversation))


def timeline(ticket: Ticket) -> list[TicketEvent]:
    """Returns who did what to the ticket, oldest first."""
    return list(TicketEvent.objects.filter(ticket=ticket).order_by("seq"))


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


def same_matter(conversation: Conversation, *, subject: str, description: str) -> Ticket | None:
    """Returns the newest unsolved ticket of the conversation that is about the same matter, or None.

    The same: subjects that are equal or alike (see `tickets.matters`), or descriptions of some length that
    are. Never the same: texts that name different orders. Decides nothing unless the row is locked.
    """
    open_tickets = Ticket.objects.filter(conversations=conversation).unsolved()
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


def same_words(text: str, others: Iterable[str]) -> bool:
    """True when the text says nothing that one of the others does not say word for word."""
    return not text.strip() or normalised(text) in {normalised(other) for other in others}
