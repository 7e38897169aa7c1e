"""Refusals of the spine that callers tell apart by their code."""

from django.utils.translation import gettext_noop

from core.errors import Conflict, HelpdeskError


class WindowClosed(Conflict):
    """The customer has not written for too long; this channel takes only an approved template now."""

    code = "window_closed"


class NotYet(HelpdeskError):
    """It refers to a message that is not here yet."""

    code = "not_yet"


# The default message again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop(
        "The customer has not written for too long; this channel takes only an approved template now."
    ),
)
