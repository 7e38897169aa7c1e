"""Closed sets of the API."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# In the filter of a webhook: everything but the names below. `ticket.*` is all of tickets.
EVERYTHING = "*"


class EventName(models.TextChoices):
    """What a webhook can be told. The values are part of the API."""

    MESSAGE_CREATED = "message.created", _("Message written")
    MESSAGE_UPDATED = "message.updated", _("Message changed or taken back")
    MESSAGE_REACTED = "message.reacted", _("Reaction to a message")
    NOTE_CREATED = "note.created", _("Internal note written")
    CONVERSATION_CREATED = "conversation.created", _("Conversation begun")
    CONVERSATION_UPDATED = "conversation.updated", _("Conversation changed")
    CONVERSATION_ASSIGNED = "conversation.assigned", _("Conversation given to a person or team")
    CONVERSATION_HANDED_OVER = "conversation.handed_over", _("Conversation handed to people by the AI agent")
    CONVERSATION_RESOLVED = "conversation.resolved", _("Conversation resolved")
    CONVERSATION_REOPENED = "conversation.reopened", _("Conversation reopened")
    DELIVERY_FAILED = "delivery.failed", _("Message not delivered")
    TICKET_CREATED = "ticket.created", _("Ticket created")
    TICKET_UPDATED = "ticket.updated", _("Ticket changed")
    TICKET_RESOLVED = "ticket.resolved", _("Ticket solved or closed")
    CONTACT_CREATED = "contact.created", _("Customer added")
    CONTACT_UPDATED = "contact.updated", _("Customer changed")
    CONTACT_MERGED = "contact.merged", _("Customers merged")
    CAMPAIGN_CREATED = "campaign.created", _("Campaign drafted")
    CAMPAIGN_UPDATED = "campaign.updated", _("Campaign changed its state")
    PING = "ping", _("Test")


# Internal notes, what is written among ourselves, leave the house only where somebody asked for them by name.
ONLY_BY_NAME = frozenset({EventName.NOTE_CREATED})


class Topic(models.TextChoices):
    """What something happened to. What happens to one of them is told in order."""

    CONVERSATION = "conversation", _("Conversation")
    TICKET = "ticket", _("Ticket")
    CONTACT = "contact", _("Customer")
    CAMPAIGN = "campaign", _("Campaign")
    PING = "ping", _("Test")


class CallStatus(models.TextChoices):
    """How far a call has come."""

    WAITING = "waiting", _("Waiting")
    CALLING = "calling", _("Being sent")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Not delivered")


UNFINISHED_CALLS = (CallStatus.WAITING, CallStatus.CALLING)
