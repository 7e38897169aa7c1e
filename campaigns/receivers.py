"""What campaigns do when a customer writes."""

from typing import Any

from django.dispatch import receiver

from campaigns.actions.consent import heed
from campaigns.actions.replies import note_reply
from campaigns.tasks import confirm
from conversations import signals
from conversations.models import Conversation, Message
from core.queue import defer


@receiver(signals.message_received)
def take_notice(conversation: Conversation, message: Message, **_: Any) -> None:
    """Heeds a word to the machine; takes anything else for a reply to what they got last."""
    if message.is_automatic:
        return
    message.conversation = conversation
    if heed(message):
        key, identity_id = str(message.pk), conversation.identity_id
        defer(confirm, queueing_lock=f"confirm:{key}", identity_id=identity_id, message_id=key)
    else:
        note_reply(conversation, message)
