"""Reading a conversation by number: snapshots, resumption, the agent's view of history."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from conversations.enums import Direction
from conversations.models import Attachment, Conversation, Event, Message
from core.errors import NotFound

# A reader further behind than this gets a snapshot instead of the events it missed.
REPLAY_LIMIT = 500
SNAPSHOT_MESSAGES = 200
UNSHOWN = (
    *("inbox__config", "inbox__secret"),
    *(f"reply_to__{name}" for name in ("html", "citations", "choices", "details", "reactions")),
)


def messages_for_frames(messages: "QuerySet[Message]") -> "QuerySet[Message]":
    """Fetches with the messages what their frames show: two queries whatever their number.

    Not an inbox's secrets, which would be decrypted for each message, nor what is not shown of an answered
    one.
    """
    attachments = Prefetch("attachments", Attachment.objects.order_by("created_at"))
    rows = messages.select_related("inbox", "reply_to").defer(*UNSHOWN)
    return rows.prefetch_related(attachments)


def events_of(conversation_id: UUID, *, after: int = 0, internal: bool = True) -> "QuerySet[Event]":
    """Returns the events after a number, with what their frames show: two queries whatever their number."""
    attachments = Prefetch("message__attachments", Attachment.objects.order_by("created_at"))
    events = Event.objects.filter(conversation_id=conversation_id, seq__gt=after)
    if not internal:
        events = events.filter(is_internal=False)
    rows = events.select_related("message", "message__inbox", "message__reply_to")
    return rows.prefetch_related(attachments)


def events_after(
    conversation_id: UUID, seq: int, *, internal: bool = False, limit: int = REPLAY_LIMIT
) -> list[Event]:
    """Returns the events after `seq`, oldest first; internal ones only when asked for."""
    rows = events_of(conversation_id, after=seq, internal=internal)
    return list(rows.order_by("seq")[:limit])


def last_messages(
    conversation_id: UUID,
    *,
    internal: bool = False,
    before: int | None = None,
    limit: int = SNAPSHOT_MESSAGES,
) -> list[Message]:
    """Returns the newest messages (before a number, when given), oldest first; notes only when asked for."""
    messages = Message.objects.filter(conversation_id=conversation_id)
    if not internal:
        messages = messages.exclude(direction=Direction.NOTE)
    if before is not None:
        messages = messages.filter(seq__lt=before)
    return list(messages_for_frames(messages).order_by("-seq")[:limit])[::-1]


def history(conversation: Conversation, *, after: int = 0, limit: int = 60) -> list[Message]:
    """Returns what the agent may remember: public messages since the last resolve, oldest first.

    The newest so many, and only those that came after a message's number.
    """
    since = max(after, conversation.context_from_seq)
    messages = Message.objects.filter(conversation=conversation, seq__gt=since)
    return list(messages.exclude(direction=Direction.NOTE).order_by("-seq")[:limit])[::-1]


def unsent_attachments(ids: Iterable[UUID], *, uploader: str) -> list[Attachment]:
    """Returns the files that this uploader may still attach; raises NotFound if one is not among them."""
    wanted = set(ids)
    found = list(Attachment.objects.filter(pk__in=wanted, uploader=uploader, message=None))
    if len(found) != len(wanted):
        raise NotFound(field="attachments")
    return found
