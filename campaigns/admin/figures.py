"""The numbers of a campaign that have recipients behind them: their words, in the order of its report."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

NAMES: Mapping[str, str | Promise] = {
    "waiting": _("Waiting"),
    "sending": _("Being sent"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "read": pgettext_lazy("a message was", "Read"),
    "replied": _("Replied"),
    "unknown": _("Not confirmed"),
    "failed": _("Not delivered"),
    "skipped": _("Left out"),
    "opted_out": _("Opted out"),
}
# How a number is coloured where it is not nought.
TONES = {
    "delivered": "green",
    "read": "green",
    "replied": "green",
    "unknown": "amber",
    "failed": "red",
    "opted_out": "amber",
}
