"""The open thread: what was said and what happened, by number."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from conversations.models import Attachment, Event
from conversations.models.contacts import shown_name
from conversations.queries.delivered import parts_of
from conversations.queries.threads import REPLAY_LIMIT
from conversations.queries.wire import event_frame
from desk.queries.messages import desk_message

THREAD_PAGE = 100


def thread_events(
    conversation_id: UUID | str,
    *,
    after: int = 0,
    upto: int | None = None,
    before: int | None = None,
    limit: int = THREAD_PAGE,
) -> Sequence[Event]:
    """Returns the newest events in a range of numbers, internal ones included, oldest first.

    `after` and `before` exclude their number, `upto` includes it. Two queries whatever their number.
    """
    events = Event.objects.filter(conversation_id=conversation_id, seq__gt=after)
    if upto is not None:
        events = events.filter(seq__lte=upto)
    if before is not None:
        events = events.filter(seq__lt=before)
    attachments = Prefetch("message__attachments", Attachment.objects.order_by("created_at"))
    found = events.select_related("message", "message__inbox", "message__reply_to")
    found = found.prefetch_related(attachments).annotate(parts=parts_of("message_id"))
    return list(found.order_by("-seq")[:limit])[::-1]


def missed_events(conversation_id: UUID | str, *, after: int, upto: int) -> Sequence[Event] | None:
    """Returns the events that a reader at `after` has missed, or None when a fresh page is cheaper."""
    if upto - after > REPLAY_LIMIT:
        return None
    return thread_events(conversation_id, after=after, upto=upto, limit=REPLAY_LIMIT)


def item_frame(event: Event) -> dict[str, Any]:
    """One event as the desk gets it: as on the wire to customers, with who did it, when, and who may know.

    Events come from `thread_events`, which reads along how far their messages have come.
    """
    frame = event_frame(event, internal=True)
    if event.message is not None:
        frame["message"] = desk_message(frame["message"], event.message, getattr(event, "parts", ()))
    return {
        **frame,
        "internal": event.is_internal,
        "by": {"kind": event.actor_kind, "name": shown_name(event.actor_name)},
        "at": event.created_at.isoformat(),
    }
