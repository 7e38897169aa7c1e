"""Refusals of the spine that callers tell apart by their code."""

from django.utils.translation import gettext_noop

from core.errors import Conflict, HelpdeskError


class WindowClosed(Conflict):
    """The customer has not written for too long; this channel takes only an approved template now."""

    code = "window_closed"


class NotYet(HelpdeskError):
    """It refers to a message that is not here yet."""

    code = "not_yet"


class InUse(Conflict):
    """Customers, conversations or campaigns belong to this inbox. Switch it off instead."""

    code = "in_use"


class ShortcutTaken(Conflict):
    """There is a canned reply with this shortcut already."""

    code = "shortcut_taken"


# The default messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop(
        "The customer has not written for too long; this channel takes only an approved template now."
    ),
    gettext_noop("Customers, conversations or campaigns belong to this inbox. Switch it off instead."),
    gettext_noop("There is a canned reply with this shortcut already."),
)
