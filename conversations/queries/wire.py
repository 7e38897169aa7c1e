"""The shapes of the wire protocol (docs/protocol.md), the same for sockets, SSE and the API."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from django.core import signing
from django.urls import reverse

from conversations.enums import AuthorKind, EventType
from conversations.models import Attachment, Conversation, Event, Inbox, Message
from conversations.models.contacts import shown_name
from core.reasons import said

ATTACHMENT_SALT = "conversations.attachment"
# What of a payload a customer may know, where that is not all of it. What a message said before its author
# changed it is for staff only.
PUBLIC: dict[str, tuple[str, ...]] = {
    EventType.CONVERSATION_UPDATED: ("status", "assignee"),
    EventType.MESSAGE_UPDATED: (),
}
# What is stored in no language (see `core.reasons`).
REASONS = frozenset({"error", "reason"})
# Characters of an answered message that are shown above its answer.
QUOTED = 200


class Reader(StrEnum):
    """For whom the address of a file is made; `conversations.views` asks again each time it is opened."""

    # The conversation's customer, whose page sends nothing along with a picture's address.
    CUSTOMER = "c"
    # Operators who are signed in and may see the conversation.
    STAFF = "s"
    # A provider or an integrator's program: whoever holds it, for a short time.
    HOLDER = "h"


class Author(TypedDict):
    """Who wrote a message. `avatar` is an address or empty."""

    kind: str
    name: str
    avatar: str


def attachment_url(attachment: Attachment, reader: Reader) -> str:
    """Returns the address of a file, relative to the site, signed with its reader and the time."""
    signature = signing.dumps([str(attachment.pk), reader], salt=ATTACHMENT_SALT, compress=False)
    return reverse("conversations:attachment", kwargs={"signed": signature})


def attachment_frame(attachment: Attachment, reader: Reader) -> dict[str, Any]:
    """One file of a message; `size` in bytes. There is nothing at its address while it is being fetched."""
    return {
        "id": str(attachment.pk),
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "url": attachment_url(attachment, reader),
        "status": attachment.status,
    }


def author_name(message: Message, inbox: Inbox | None = None) -> str:
    """The name customers see: the agent's may be set per inbox (given where it was read already)."""
    if message.author_kind != AuthorKind.AGENT:
        return (
            shown_name(message.author_name)
            if message.author_kind == AuthorKind.CONTACT
            else message.author_name
        )
    return (inbox or message.inbox).agent_name or message.author_name


def reply_frame(message: Message) -> dict[str, Any] | None:
    """The message that another one answers: enough to recognise it."""
    if message.reply_to is None:
        return None
    name = author_name(message.reply_to, message.inbox)
    return {"id": str(message.reply_to.pk), "author": name, "text": message.reply_to.text[:QUOTED]}


def message_frame(
    message: Message, attachments: Iterable[Attachment] | None = None, *, reader: Reader = Reader.CUSTOMER
) -> dict[str, Any]:
    """One message; `messages_for_frames` fetches what it shows for many at once."""
    files = message.attachments.all() if attachments is None else attachments
    return {
        "id": str(message.pk),
        "seq": message.seq,
        "author": Author(kind=message.author_kind, name=author_name(message), avatar=""),
        "text": message.text,
        "html": message.html,
        "citations": message.citations,
        "choices": message.choices,
        "attachments": [attachment_frame(row, reader) for row in files],
        "client_id": str(message.client_id) if message.client_id else None,
        "run": str(message.run) if message.run else None,
        "direction": message.direction,
        "reply_to": reply_frame(message),
        "reactions": message.reactions,
        "helpful": message.helpful,
        "unhelpful_reason": message.unhelpful_reason,
        "edited_at": moment(message.edited_at),
        "deleted_at": moment(message.deleted_at),
        "created_at": message.created_at.isoformat(),
    }


def moment(value: datetime | None) -> str | None:
    """Returns a time as text, or None."""
    return value.isoformat() if value else None


def event_frame(event: Event, *, internal: bool = False) -> dict[str, Any]:
    """One event as clients get it: its payload's keys stand beside `event`.

    What only the desk may know (why the agent handed over, which team) is left out unless `internal`.
    """
    payload = event.payload
    if event.type in PUBLIC and not internal:
        payload = {name: payload[name] for name in PUBLIC[event.type] if name in payload}
    for name in REASONS.intersection(payload):
        payload = {**payload, name: said(str(payload[name]))}
    frame: dict[str, Any] = {"type": "event", "seq": event.seq, "event": event.type, **payload}
    if event.message is not None:
        reader = Reader.STAFF if internal else Reader.CUSTOMER
        frame["message"] = message_frame(event.message, reader=reader)
    return frame


def written_frame(message: Message) -> dict[str, Any]:
    """The event of a message without files that was just written, as `event_frame` would read it."""
    event = EventType.MESSAGE_CREATED.value
    return {"type": "event", "seq": message.seq, "event": event, "message": message_frame(message, ())}


def public_state(conversation: Conversation) -> dict[str, Any]:
    """What a customer may know of the conversation's state."""
    assignee = conversation.assignee
    person = {"name": assignee.display_name, "avatar": ""} if assignee else None
    return {"status": conversation.status, "assignee": person}
