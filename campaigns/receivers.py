"""What campaigns do when a customer writes, or has told their provider that they want nothing."""

from typing import Any

from django.dispatch import receiver

from campaigns.actions.consent import heed, heed_provider
from campaigns.actions.replies import note_reply
from campaigns.tasks import confirm, plan_taking_back
from conversations import signals
from conversations.models import Conversation, Delivery, Message
from core.queue import defer


@receiver(signals.message_received)
def take_notice(conversation: Conversation, message: Message, **_: Any) -> None:
    """Heeds a word to the machine; takes anything else for a reply to what they got last."""
    message.conversation = conversation
    if heed(message):
        key, identity_id = str(message.pk), conversation.identity_id
        defer(confirm, queueing_lock=f"confirm:{key}", identity_id=identity_id, message_id=key)
    elif not message.is_automatic:
        note_reply(conversation, message)


@receiver(signals.delivery_failed)
def take_no(delivery: Delivery, **_: Any) -> None:
    """Takes for a no what the provider refused because somebody told it so."""
    if heed_provider(delivery):
        plan_taking_back(delivery.conversation.identity_id)
