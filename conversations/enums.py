"""Closed sets of the spine."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


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
    MESSAGE_UPDATED = "message.updated", _("Message changed")
    MESSAGE_REACTED = "message.reacted", _("Reaction")
    DELIVERY_FAILED = "delivery.failed", _("Message not delivered")
    TICKET_CREATED = "ticket.created", _("Ticket created")
    TICKET_UPDATED = "ticket.updated", _("Ticket changed")
    APPROVAL_ASKED = "approval.asked", _("Approval asked")
    APPROVAL_DECIDED = "approval.decided", _("Approval decided")
    IDENTITY_VERIFIED = "identity.verified", _("Identity verified")


class DeliveryStatus(models.TextChoices):
    """How far a message has come; docs/reliability.md says what leads where."""

    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Sending")
    UNKNOWN = "unknown", _("Not confirmed")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", pgettext_lazy("a message was", "Read")
    FAILED = "failed", _("Not delivered")


class Withdrawn(StrEnum):
    """Why we took a message back before it was sent: the `error_code` of its deliveries."""

    CANCELLED = "cancelled"
    OPTED_OUT = "opted_out"


class Verdict(models.TextChoices):
    """What became of a raw receipt."""

    RECEIVED = "received", _("Waiting")
    DONE = "done", _("Taken in")
    IGNORED = "ignored", _("Nothing to do")
    QUARANTINED = "quarantined", _("Not understood")


class Light(models.TextChoices):
    """How an endpoint stands."""

    UNKNOWN = "unknown", _("Not tested")
    GREEN = "green", _("Working")
    YELLOW = "yellow", _("Struggling")
    RED = "red", _("Not working")


class FileStatus(models.TextChoices):
    """Whether the content of a file is here."""

    READY = "ready", _("Here")
    PENDING = "pending", _("Being fetched")
    FAILED = "failed", _("Could not be fetched")


class FieldEntity(models.TextChoices):
    """What a custom field is about."""

    CONTACT = "contact", _("Customer")
    CONVERSATION = "conversation", _("Conversation")
    TICKET = "ticket", _("Ticket")


class FieldKind(models.TextChoices):
    """What a custom field holds; `conversations.values` says what fits."""

    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    BOOLEAN = "boolean", _("Yes or no")
    DATE = "date", _("Date")
    CHOICE = "choice", _("Choice")
    URL = "url", _("Address of a page")
