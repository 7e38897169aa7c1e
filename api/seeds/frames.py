"""Frames of the older chat socket: what clients say in several ways, and what they are told."""

import json
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from conversations.enums import Direction, EventType
from conversations.models import Event
from conversations.queries.wire import message_frame
from core.errors import Invalid, TooLarge

MAX_FRAME = 64 * 1024
# In which field a client says what it says.
SAID = ("message", "text", "prompt")
Frame = dict[str, Any]


def parsed(raw: str) -> Frame:
    """Returns a frame: a JSON object as it is, anything else as a text that was said."""
    if len(raw) > MAX_FRAME:
        raise TooLarge
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        data = raw
    if isinstance(data, dict):
        return data
    return {"message": data if isinstance(data, str) else raw}


def text_of(frame: Frame) -> str:
    """Returns what a frame says; raises Invalid for one that says nothing."""
    for name in SAID:
        if isinstance(said := frame.get(name), str):
            return said
    raise Invalid(_("The frame says nothing: send a message."), field=SAID[0])


def id_of(frame: Frame) -> UUID | None:
    """Returns the id that a client gave to what it says; raises Invalid for one that is none."""
    given = frame.get("client_id")
    if given is None:
        return None
    try:
        return UUID(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid(field="client_id") from error


def shown(event: Event) -> Frame | None:
    """Returns what a client is told of an event: what was said to the customer, and who answers now."""
    if event.type == EventType.CONVERSATION_UPDATED:
        return {"type": "status", "status": event.payload.get("status")}
    if event.type in {EventType.RUN_CANCELLED, EventType.RUN_SUPERSEDED}:
        return {"type": "restart", "run": event.payload.get("run")}
    message = event.message
    if event.type != EventType.MESSAGE_CREATED or message is None or message.direction != Direction.OUT:
        return None
    frame = message_frame(message)
    return {
        "type": "message",
        "message_id": frame["id"],
        "response": frame["text"],
        "html": frame["html"],
        "author": frame["author"],
        "citations": frame["citations"],
        "choices": frame["choices"],
        "timestamp": frame["created_at"],
    }
