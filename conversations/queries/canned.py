"""Canned replies: which there are for somebody, and what they say in a conversation."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, Value, When

from conversations.models import CannedReply, Conversation
from conversations.models.canned import CannedReplyQuerySet
from core.actor import Actor, ActorKind
from core.errors import NotFound
from core.places import filled, places, plain_name

# By the name under which a place is compared.
PLACES = {
    plain_name(name): name
    for name in ("contact.name", "contact.email", "operator.name", "conversation.id", "inbox.name")
}
OFFERED = 20


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text with its places filled. `missing`: the places of which nothing is known, left empty."""

    text: str
    missing: tuple[str, ...]


def canned_for(actor: Actor) -> CannedReplyQuerySet:
    """Returns the canned replies that the actor may use, each with its team: one query."""
    return CannedReplyQuerySet(CannedReply).visible_to(actor).select_related("team")


def canned_by_id(reply_id: int, *, actor: Actor) -> CannedReply:
    """Returns the canned reply; raises NotFound when there is none or the actor may not see it."""
    found = canned_for(actor).filter(pk=reply_id).first()
    if found is None:
        raise NotFound
    return found


def offered(actor: Actor, *, search: str) -> list[CannedReply]:
    """Returns what holds what was typed, shortcuts that begin with it first; `OFFERED` at most."""
    words = search.strip().removeprefix("/")
    found = Q(shortcut__icontains=words) | Q(title__icontains=words) | Q(text__icontains=words)
    begins = When(shortcut__istartswith=words, then=Value(0))
    rank = Case(begins, default=Value(1), output_field=IntegerField())
    rows = canned_for(actor).filter(found if words else Q())
    return list(rows.order_by(rank, "shortcut", "pk")[:OFFERED])


def rendered(reply: CannedReply, conversation: Conversation, *, by: Actor) -> Rendered:
    """Returns what a canned reply says in a conversation when the actor writes it. It sends nothing.

    A place of which nothing is known is left empty, or says what stands behind its bar: {{contact.name|you}}.
    A program has no name to write under.
    """
    text, missing = filled(reply.text, _values(conversation, by))
    return Rendered(text, tuple(PLACES.get(name, name) for name in missing))


def unknown_places(text: str) -> list[str]:
    """Returns the places of a text that nothing is known for, ever."""
    return [name for name in places(text) if name not in PLACES]


def _values(conversation: Conversation, by: Actor) -> Mapping[str, str]:
    contact = conversation.contact
    values = {
        "contact.name": contact.name,
        "contact.email": contact.email,
        "operator.name": by.name if by.kind == ActorKind.OPERATOR else "",
        "conversation.id": str(conversation.pk),
        "inbox.name": conversation.inbox.title or conversation.inbox.name,
    }
    # A customer chooses their name; it must not bring lines of its own.
    return {plain_name(name): " ".join(value.split()) for name, value in values.items()}
