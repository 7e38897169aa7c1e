"""Until when a channel takes free text: the rule that the desk shows and that replying obeys."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from conversations.channels import Capabilities, adapter
from conversations.models import Conversation, Inbox

NOTHING = Capabilities(sends=False)


def capabilities(inbox: Inbox) -> Capabilities:
    """Returns what the inbox's channel can do; nothing, for a channel that settings no longer name."""
    try:
        return adapter(inbox.channel).capabilities
    except KeyError:
        return NOTHING


def channel_frame(inbox: Inbox) -> dict[str, Any]:
    """Returns the channel of an inbox for people: its kind, its name, and whether it has templates."""
    try:
        label = str(adapter(inbox.channel).label)
    except KeyError:
        label = inbox.channel
    return {"kind": inbox.channel, "label": label, "has_templates": capabilities(inbox).templates}


def window_end(conversation: Conversation) -> datetime | None:
    """Returns when free text ends being taken, or None where nothing is known of what the customer wrote.

    Only of use for a channel that has a window. The clock runs by the provider's time of the customer's last
    message, not by when it came here.
    """
    window = capabilities(conversation.inbox).window
    if window is None or conversation.last_contact_at is None:
        return None
    return conversation.last_contact_at + window


def is_window_open(conversation: Conversation) -> bool:
    """Says whether free text may be sent; closed where the customer never wrote, open without a window."""
    if capabilities(conversation.inbox).window is None:
        return True
    end = window_end(conversation)
    return end is not None and timezone.now() < end


def window_frame(conversation: Conversation) -> dict[str, Any] | None:
    """Returns the window as the desk shows it; None for a channel without one."""
    if capabilities(conversation.inbox).window is None:
        return None
    end = window_end(conversation)
    return {"until": end.isoformat() if end else None, "is_open": is_window_open(conversation)}
