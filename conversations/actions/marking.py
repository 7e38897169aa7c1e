"""Telling a provider what came and what was read: courtesies to the customer, on which nothing depends."""

import logging
from collections.abc import Sequence
from itertools import takewhile

from django.core.cache import cache

from conversations.channels import SendFailed, adapter
from conversations.enums import Direction
from conversations.models import Conversation, Inbox, Message
from conversations.tasks import acknowledge as acknowledge_task
from conversations.tasks import mark_read as mark_read_task
from core import queue
from core.outages import DatabaseFailure
from core.reasons import in_english
from core.threads import in_network_thread, in_thread

logger = logging.getLogger(__name__)
# For so long it is remembered that a message was marked. Forgetting it does no harm: a mark may be repeated.
REMEMBERED_SECONDS = 24 * 3600
# More are not told at once: who has written so much looks at the last of it.
MOST_MARKED = 20


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
    messages = await in_thread(_unmarked, conversation_id, typing=typing)
    if not messages:
        return
    newest = messages[-1]
    identity, inbox = newest.conversation.identity, newest.inbox
    channel = adapter(inbox.channel)
    try:
        config = channel.config.model_validate(inbox.config)
        ids = [message.external_id or "" for message in messages]
        to = identity.address or identity.external_id
        await in_network_thread(channel.mark_read, ids, config, to=to, typing=typing)
    except SendFailed as error:
        logger.info("message %s could not be marked as read: %s", newest.pk, in_english(error.detail))
    except Exception:
        logger.exception("an adapter failed while it marked message %s as read", newest.pk)


def _unmarked(conversation_id: str, *, typing: bool) -> Sequence[Message]:
    """Returns what the customer wrote since the provider was last told, oldest first."""
    written = Message.objects.filter(conversation_id=conversation_id, direction=Direction.IN)
    related = written.exclude(external_id=None).select_related("inbox", "conversation__identity")
    messages = list(related.order_by("-seq")[:MOST_MARKED])
    keys = {message.pk: [f"marked-read:{message.pk}:{kind}" for kind in (0, 1)] for message in messages}
    known = cache.get_many([key for pair in keys.values() for key in pair])
    # Who is told that an answer is being written is told that the message was read.
    if not messages or known.keys() & (keys[messages[0].pk][1:] if typing else keys[messages[0].pk]):
        return ()
    cache.set(keys[messages[0].pk][int(typing)], 1, REMEMBERED_SECONDS)
    newer = takewhile(lambda message: not known.keys() & keys[message.pk], messages[1:])
    return [*reversed([*newer]), messages[0]]


def plan_acknowledging(inbox: Inbox, external_id: str) -> None:
    """Plans to tell the provider that a message came for which the sender's app waits."""
    key = f"acknowledge:{inbox.pk}:{external_id}"
    queue.defer(acknowledge_task, queueing_lock=key, inbox_id=inbox.pk, external_id=external_id)


async def acknowledge(inbox_id: int, external_id: str) -> None:
    """Tells the provider; a failure is logged and not tried again, since the message is here."""
    try:
        inbox = await in_thread(Inbox.objects.get, pk=inbox_id)
        channel = adapter(inbox.channel)
        config = channel.config.model_validate(inbox.config)
        await in_network_thread(channel.acknowledge, external_id, config)
    except (SendFailed, DatabaseFailure, Inbox.DoesNotExist) as error:
        logger.info("message %s could not be acknowledged: %s", external_id, in_english(str(error)))
    except Exception:
        logger.exception("an adapter failed while it acknowledged message %s", external_id)
