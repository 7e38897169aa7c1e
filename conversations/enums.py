"""Closed sets of the spine."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a conversation stands. `bot`: the AI agent answers; `open`: people do."""

    BOT = "bot", _("AI agent")
    OPEN = "open", _("Open")
    SNOOZED = "snoozed", _("Snoozed")
    RESOLVED = "resolved", _("Resolved")


class Priority(models.IntegerChoices):
    """Urgency; a higher number comes first."""

    LOW = 10, _("Low")
    NORMAL = 20, _("Normal")
    HIGH = 30, _("High")
    URGENT = 40, _("Urgent")


class AuthorKind(models.TextChoices):
    """Who wrote a message."""

    CONTACT = "contact", _("Customer")
    AGENT = "agent", _("AI agent")
    OPERATOR = "operator", _("Operator")
    SYSTEM = "system", _("System")


class Direction(models.TextChoices):
    """Towards us, towards the customer, or among ourselves."""

    IN = "in", _("In")
    OUT = "out", _("Out")
    NOTE = "note", _("Internal note")


class Validation(models.TextChoices):
    """Who stands behind an answer."""

    PENDING = "pending", _("Pending")
    HUMAN = "human", _("Human")
    AI = "ai", _("AI")


class EventType(models.TextChoices):
    """What can happen in a conversation. The values are part of the wire protocol."""

    MESSAGE_CREATED = "message.created", _("Message written")
    CONVERSATION_UPDATED = "conversation.updated", _("Conversation changed")
    RUN_CANCELLED = "run.cancelled", _("AI agent stopped")
    RUN_SUPERSEDED = "run.superseded", _("AI agent started over")
    TICKET_CREATED = "ticket.created", _("Ticket created")
    TICKET_UPDATED = "ticket.updated", _("Ticket changed")
