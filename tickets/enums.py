"""Closed sets of tickets."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class TicketStatus(models.TextChoices):
    """Where a ticket stands. Solved and closed ones have a time at which they were solved."""

    NEW = "new", _("New")
    OPEN = "open", pgettext_lazy("ticket", "Open")
    PENDING = "pending", _("Waiting for the customer")
    SOLVED = "solved", _("Solved")
    CLOSED = "closed", _("Closed")


# The statuses in which work is over.
DONE = (TicketStatus.SOLVED, TicketStatus.CLOSED)


class TicketSource(models.TextChoices):
    """The door a ticket came in by."""

    AGENT = "agent", _("AI agent")
    DESK = "desk", _("Desk")
    API = "api", _("API")
    CHAT = "chat", _("Customer")
    SYSTEM = "system", _("System")


class TicketEventType(models.TextChoices):
    """What can happen to a ticket."""

    CREATED = "created", _("Created")
    UPDATED = "updated", _("Changed")
    REPEATED = "repeated", _("Asked again")
