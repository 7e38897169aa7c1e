"""The shapes of the wire protocol (docs/protocol.md), the same for sockets, SSE and the API."""

from collections.abc import Iterable
from typing import Any, TypedDict

from django.core import signing
from django.urls import reverse

from conversations.enums import AuthorKind, EventType
from conversations.models import Attachment, Conversation, Event, Message

ATTACHMENT_SALT = "conversations.attachment"
PUBLIC_STATE = ("status", "assignee")


class Author(TypedDict):
    """Who wrote a message. `avatar` is an address or empty."""

    kind: str
    name: str
    avatar: str


def attachment_url(attachment: Attachment) -> str:
    """Returns the address of a file, relative to the site, signed with the time it was made."""
    signature = signing.dumps(str(attachment.pk), salt=ATTACHMENT_SALT, compress=False)
    return reverse("conversations:attachment", kwargs={"signed": signature})


def attachment_frame(attachment: Attachment) -> dict[str, Any]:
    """One file of a message; `size` in bytes."""
    return {
        "id": str(attachment.pk),
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "url": attachment_url(attachment),
    }


def author_name(message: Message) -> str:
    """The name customers see: the agent's may be set per inbox."""
    if message.author_kind == AuthorKind.AGENT and message.inbox.agent_name:
        return message.inbox.agent_name
    return message.author_name


def message_frame(message: Message, attachments: Iterable[Attachment] | None = None) -> dict[str, Any]:
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
        "attachments": [attachment_frame(row) for row in files],
        "client_id": str(message.client_id) if message.client_id else None,
        "run": str(message.run) if message.run else None,
        "direction": message.direction,
        "created_at": message.created_at.isoformat(),
    }


def event_frame(event: Event, *, internal: bool = False) -> dict[str, Any]:
    """One event as clients get it: its payload's keys stand beside `event`.

    What only the desk may know (why the agent handed over, which team) is left out unless `internal`.
    """
    payload = event.payload
    if event.type == EventType.CONVERSATION_UPDATED and not internal:
        payload = {name: payload[name] for name in PUBLIC_STATE if name in payload}
    frame: dict[str, Any] = {"type": "event", "seq": event.seq, "event": event.type, **payload}
    if event.message is not None:
        frame["message"] = message_frame(event.message)
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
