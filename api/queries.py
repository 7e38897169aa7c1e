"""Rows as the API lists them: what the actor may see, with everything a shape shows fetched along."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from conversations.queries.threads import messages_for_frames
from core.actor import Actor
from core.errors import NotFound


def conversations_for(actor: Actor) -> "QuerySet[Conversation]":
    """Returns the conversations the actor may see: one query with inbox, contact, assignee and team."""
    rows = Conversation.objects.visible_to(actor)
    return rows.select_related("inbox", "contact", "assignee", "team")


def conversation_by_id(conversation_id: UUID, *, actor: Actor) -> Conversation:
    """Returns the conversation; raises NotFound when there is none or the actor may not see it."""
    found = conversations_for(actor).filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def messages_for(actor: Actor) -> "QuerySet[Message]":
    """Returns the messages, notes included, of the conversations the actor may see."""
    rows = messages_for_frames(Message.objects.all())
    return rows if actor.is_admin else rows.filter(conversation__in=Conversation.objects.visible_to(actor))


def message_by_id(message_id: UUID, *, actor: Actor) -> Message:
    """Returns the message; raises NotFound when there is none or the actor may not see it."""
    found = messages_for(actor).filter(pk=message_id).first()
    if found is None:
        raise NotFound
    return found


def contacts_for(actor: Actor) -> "QuerySet[Contact]":
    """Returns the customers with whom the actor may see a conversation, or whom their inboxes know."""
    if actor.is_admin:
        return Contact.objects.all()
    spoken = Conversation.objects.visible_to(actor).filter(contact=OuterRef("pk"))
    known = ContactIdentity.objects.filter(contact=OuterRef("pk"), inbox__in=Inbox.objects.visible_to(actor))
    return Contact.objects.filter(Exists(spoken) | Exists(known))


def narrowed(rows: "QuerySet[Any]", wanted: dict[str, Any], fields: dict[str, str], *, actor: Actor) -> Any:
    """Narrows rows by those query parameters of which `fields` names the lookup.

    `none` as a team or an assignee means without one; `me` as an assignee means the actor. Only lookups that
    are written down here can be asked for.
    """
    chosen = Q()
    for name, lookup in fields.items():
        value = wanted.get(name)
        if value == "none":
            chosen &= Q(**{f"{lookup.partition('__')[0]}__isnull": True})
        elif value is not None:
            chosen &= Q(**{lookup: _user_id(value, actor) if name == "assignee" else value})
    return rows.filter(chosen)


def _user_id(value: str, actor: Actor) -> int:
    """Returns the id of a user for `me` or digits; a key is nobody's assignee."""
    if value != "me":
        return int(value)
    return int(actor.id) if actor.kind == "operator" else 0
