"""Until when a channel takes free text: the rule that the desk shows and that replying obeys."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from conversations.adapters import BaseAdapter
from conversations.channels import Capabilities, ChannelAdapter, adapter
from conversations.models import Conversation, Inbox

NOTHING = Capabilities(sends=False)
# The provider's word for a template that may be sent, in whatever case it writes it.
APPROVED = "APPROVED"
# A list reads no settings of inboxes; what they say of their window is remembered for so many seconds.
KEPT_SECONDS = 30.0

_kept: dict[int, tuple[float, timedelta | None]] = {}


def capabilities(inbox: Inbox) -> Capabilities:
    """Returns what the inbox's channel can do; nothing, for a channel that settings no longer name."""
    found = _adapter(inbox)
    return found.capabilities if found else NOTHING


def channel_frame(inbox: Inbox) -> dict[str, Any]:
    """Returns the channel of an inbox for people: its kind, its name, and what may be sent by it."""
    found, can = _adapter(inbox), capabilities(inbox)
    return {
        "kind": inbox.channel,
        "label": str(found.label) if found else inbox.channel,
        "has_templates": can.templates,
        "quotes": can.quotes,
        "copies": can.copies,
    }


def window_of(inbox: Inbox) -> timedelta | None:
    """Returns how long after the customer's last message the inbox takes free text; None: always.

    Settings that cannot be read leave the channel's own rule.
    """
    found = _adapter(inbox)
    if found is None or getattr(type(found), "window", None) is BaseAdapter.window:
        return capabilities(inbox).window
    if "config" not in inbox.get_deferred_fields():
        return _own_window(found, inbox)
    until, kept = _kept.get(inbox.pk, (0.0, None))
    if time.monotonic() >= until:
        kept = _own_window(found, inbox)
        _kept[inbox.pk] = (time.monotonic() + KEPT_SECONDS, kept)
    return kept


def window_end(conversation: Conversation) -> datetime | None:
    """Returns when free text ends being taken; None without a window, or where the customer never wrote.

    The clock runs by the provider's time of the customer's last message, not by when it came here.
    """
    window = window_of(conversation.inbox)
    if window is None or conversation.last_contact_at is None:
        return None
    return conversation.last_contact_at + window


def is_window_open(conversation: Conversation) -> bool:
    """Says whether free text may be sent; closed where the customer never wrote, open without a window."""
    if window_of(conversation.inbox) is None:
        return True
    end = window_end(conversation)
    return end is not None and timezone.now() < end


def window_frame(conversation: Conversation) -> dict[str, Any] | None:
    """Returns the window as the desk shows it; None for a channel without one."""
    if window_of(conversation.inbox) is None:
        return None
    end = window_end(conversation)
    return {"until": end.isoformat() if end else None, "is_open": is_window_open(conversation)}


def _adapter(inbox: Inbox) -> ChannelAdapter | None:
    try:
        return adapter(inbox.channel)
    except KeyError:
        return None


def _own_window(found: ChannelAdapter, inbox: Inbox) -> timedelta | None:
    try:
        return found.window(found.config.model_validate(inbox.config))
    except ValueError:
        return found.capabilities.window
