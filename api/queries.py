"""Rows as the API lists them: what the actor may see, with everything a shape shows fetched along."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from accounts.enums import NOBODYS
from accounts.queries import team_by_slug
from api.fields import LARGEST_ID
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from conversations.queries.contacts import contact_seen_by, contacts_seen_by, with_words
from conversations.queries.threads import messages_for_frames
from core import rows
from core.actor import Actor
from core.errors import NotFound
from tickets.models import Ticket

# What a conversation is shown with. Not with an inbox's secrets, which would be decrypted for each row.
SHOWN = ("inbox", "contact", "assignee", "team")
UNSHOWN = frozenset({"inbox__config", "inbox__secret"})


def conversations_for(actor: Actor) -> "QuerySet[Conversation]":
    """Returns the conversations the actor may see, with what they are shown with: one query."""
    return Conversation.objects.visible_to(actor).select_related(*SHOWN).defer(*UNSHOWN)


def conversations_about(words: str) -> "QuerySet[Conversation, Any]":
    """Returns the ids of those whose subject or whose customer has the words, each found by an index."""
    of_them = Conversation.objects.filter(contact__in=Contact.objects.filter(with_words(words)).values("pk"))
    about = Conversation.objects.filter(subject__icontains=words).exclude(subject="")
    return of_them.values("pk").union(about.values("pk"), all=True)


def tickets_about(words: str) -> "QuerySet[Ticket, Any]":
    """Returns the ids of the tickets whose subject or whose customer has the words, or whose number it is."""
    of_them = Ticket.objects.filter(requester__in=Contact.objects.filter(with_words(words)).values("pk"))
    found = of_them.values("pk").union(Ticket.objects.filter(subject__icontains=words).values("pk"), all=True)
    digits = words.removeprefix("#")[:20]
    if digits.isascii() and digits.isdecimal() and int(digits) <= LARGEST_ID:
        return found.union(Ticket.objects.filter(number=int(digits)).values("pk"), all=True)
    return found


def conversation_by_id(conversation_id: UUID, *, actor: Actor) -> Conversation:
    """Returns the conversation; raises NotFound when there is none or the actor may not see it."""
    seen = Conversation.sight(actor)
    found = rows.find(Conversation, conversation_id, *SHOWN, where=seen, without=UNSHOWN)
    if found is None:
        raise NotFound
    return found


def named_conversation(conversation_id: UUID) -> Conversation:
    """Returns what names a conversation to an action, which looks under its lock whether it may be seen.

    All but its id would be read if somebody asked for it.
    """
    return Conversation.from_db("default", ["id"], [conversation_id])


def seen_conversation(conversation_id: UUID, *, actor: Actor) -> Conversation:
    """Returns the conversation alone, for whom that is enough; raises NotFound as above."""
    found = rows.find(Conversation, conversation_id, where=Conversation.sight(actor))
    if found is None:
        raise NotFound
    return found


def messages_for(actor: Actor) -> "QuerySet[Message]":
    """Returns the messages, notes included, of the conversations the actor may see."""
    all_rows = messages_for_frames(Message.objects.all())
    seen = Conversation.objects.visible_to(actor)
    return all_rows if actor.is_admin else all_rows.filter(conversation__in=seen)


def message_by_id(message_id: UUID, *, actor: Actor) -> Message:
    """Returns the message; raises NotFound when there is none or the actor may not see it."""
    found = messages_for(actor).filter(pk=message_id).first()
    if found is None:
        raise NotFound
    return found


def contacts_for(actor: Actor) -> "QuerySet[Contact]":
    """Returns the customers whom the actor may see, without those for whom another one stands."""
    return contacts_seen_by(actor).filter(merged_into=None)


def with_identities(contacts: "QuerySet[Contact]", actor: Actor) -> "QuerySet[Contact]":
    """Fetches with customers by which ids the inboxes know them that the actor sees: two queries."""
    seen = ContactIdentity.objects.filter(inbox__in=Inbox.objects.visible_to(actor)).order_by("pk")
    return contacts.prefetch_related(Prefetch("identities", seen.select_related("inbox"), to_attr="known_as"))


def contact_by_id(contact_id: UUID, *, actor: Actor) -> Contact:
    """Returns the customer with their ids; raises NotFound for one whom the actor may not see."""
    contact = contact_seen_by(contact_id, actor=actor)
    return with_identities(Contact.objects.filter(pk=contact.pk), actor).get()


def narrowed(found: "QuerySet[Any]", wanted: dict[str, Any], fields: dict[str, str], *, actor: Actor) -> Any:
    """Narrows rows by those query parameters of which `fields` names the lookup.

    `none` as a team or an assignee means without one; `me` as an assignee means the actor. Only lookups that
    are written down here can be asked for. A team's slug is looked up before: of a join or a subquery
    PostgreSQL does not know how few rows a team has, and walks those of all teams.
    """
    chosen = Q()
    for name, lookup in fields.items():
        value = wanted.get(name)
        if value == NOBODYS:
            chosen &= Q(**{f"{lookup.partition('__')[0]}__isnull": True})
        elif lookup == "team__slug" and value is not None:
            team = team_by_slug(value)
            chosen &= Q(team=team.pk if team else 0)
        elif value is not None:
            chosen &= Q(**{lookup: _user_id(value, actor) if name == "assignee" else value})
    return found.filter(chosen)


def _user_id(value: str, actor: Actor) -> int:
    """Returns the id of a user for `me` or digits; a key is nobody's assignee."""
    if value != "me":
        return int(value)
    return int(actor.id) if actor.kind == "operator" else 0
