"""How an inbox stands with its provider."""

from datetime import datetime, timedelta

from django.utils import timezone

from conversations.models import Inbox, InboxState

SHOWN_REFUSAL = timedelta(days=1)


def state_of(inbox: Inbox) -> InboxState:
    """Returns the state of an inbox; one that nobody has asked yet has none."""
    try:
        return inbox.state
    except InboxState.DoesNotExist:
        return InboxState(inbox=inbox)


def paused_until(state: InboxState) -> datetime | None:
    """Returns until when nothing is sent, or None where it is."""
    return state.not_before if state.not_before and state.not_before > timezone.now() else None


def refused_of_late(state: InboxState) -> datetime | None:
    """Returns when a webhook was refused within a day, unless something was received after it."""
    if state.refused_at is None or state.refused_at < timezone.now() - SHOWN_REFUSAL:
        return None
    is_over = state.last_received_at is not None and state.last_received_at > state.refused_at
    return None if is_over else state.refused_at
