"""Telling a provider that we have read: a courtesy to the customer, on which nothing depends."""

import logging

from django.core.cache import cache

from conversations.channels import SendFailed, adapter
from conversations.enums import Direction
from conversations.models import Conversation, Message
from conversations.tasks import mark_read as mark_read_task
from core import queue
from core.threads import in_network_thread, in_thread

logger = logging.getLogger(__name__)
# For so long it is remembered that a message was marked. Forgetting it does no harm: a mark may be repeated.
REMEMBERED_SECONDS = 24 * 3600


def plan_marking(conversation: Conversation, *, typing: bool = False) -> None:
    """Plans to tell the provider that the customer's newest message was read, where it can be told.

    `typing`: that an answer to it is being written, too.
    """
    if not adapter(conversation.inbox.channel).capabilities.marks_read:
        return
    key = f"mark-read:{conversation.pk}:{int(typing)}"
    queue.defer(mark_read_task, queueing_lock=key, conversation_id=str(conversation.pk), typing=typing)


async def mark_read(conversation_id: str, *, typing: bool = False) -> None:
    """Tells the provider, once for each newest message; a failure is logged and not tried again."""
    message = await in_thread(_unmarked, conversation_id, typing=typing)
    if message is None or message.external_id is None:
        return
    inbox = message.inbox
    channel = adapter(inbox.channel)
    try:
        config = channel.config.model_validate(inbox.config)
        await in_network_thread(channel.mark_read, message.external_id, config, typing=typing)
    except SendFailed as error:
        logger.info("message %s could not be marked as read: %s", message.pk, error.detail)
    except Exception:
        logger.exception("an adapter failed while it marked message %s as read", message.pk)


def _unmarked(conversation_id: str, *, typing: bool) -> Message | None:
    """Returns the customer's newest message, unless the provider was told of it before."""
    written = Message.objects.filter(conversation_id=conversation_id, direction=Direction.IN)
    message = written.exclude(external_id=None).select_related("inbox").order_by("-seq").first()
    if message is None:
        return None
    # Who is told that an answer is being written is told that the message was read.
    told = {f"marked-read:{message.pk}:1"} | (set() if typing else {f"marked-read:{message.pk}:0"})
    if cache.get_many(told):
        return None
    cache.set(f"marked-read:{message.pk}:{int(typing)}", 1, REMEMBERED_SECONDS)
    return message
