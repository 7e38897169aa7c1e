"""Closed sets of the desk."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Queue(models.TextChoices):
    """The lists people work from; the values are part of addresses."""

    OPEN = "open", pgettext_lazy("queue", "Open")
    MINE = "mine", _("Mine")
    UNASSIGNED = "unassigned", _("Unassigned")
    AGENT = "agent", _("AI agent")
    RESOLVED = "resolved", pgettext_lazy("queue", "Resolved")
    ALL = "all", _("All")


class TicketView(models.TextChoices):
    """The lists of tickets; the values are part of addresses."""

    OPEN = "open", _("To do")
    MINE = "mine", _("Mine")
    UNASSIGNED = "unassigned", _("Unassigned")
    DONE = "done", _("Done")
    ALL = "all", _("All")
