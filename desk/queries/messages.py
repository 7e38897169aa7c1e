"""A message as the desk shows it: more than customers are told."""

from collections.abc import Iterable, Mapping
from typing import Any

from conversations.models import Message
from conversations.queries.delivered import delivery_frame
from conversations.queries.wire import moment
from core.reasons import said

# What of a message's details is long, or for machines; the whole text of a mail is read when asked for.
APART = {"full_text", "raw", "reacted", "reacted_at"}
# A provider's clock that differs by less tells nobody anything.
WORTH_TELLING = 120


def desk_message(
    frame: dict[str, Any], message: Message, parts: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Adds to a message's frame what only the desk may know: how it was addressed, what became of it."""
    errors = {str(row.pk): said(row.error) for row in message.attachments.all()}
    return {
        **frame,
        "attachments": [{**file, "error": errors.get(file["id"], "")} for file in frame["attachments"]],
        "delivery": delivery_frame(parts),
        "details": details_frame(message.details),
        "sent_at": moment(message.sent_at) if came_late(message) else None,
        "is_automatic": message.is_automatic,
        "validated_by": message.validated_by,
    }


def details_frame(details: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the details without what is long, and whether there is a longer text to ask for."""
    shown = {name: value for name, value in details.items() if name not in APART}
    return {**shown, "has_full_text": True} if details.get("full_text") else shown


def came_late(message: Message) -> bool:
    """Says whether the provider's time of a message is another one than ours."""
    if message.sent_at is None:
        return False
    return abs((message.created_at - message.sent_at).total_seconds()) > WORTH_TELLING
