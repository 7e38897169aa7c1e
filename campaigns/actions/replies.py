"""Whose message answers which campaign."""

from datetime import timedelta

from django.utils import timezone

from campaigns.models import Recipient
from conversations.models import Conversation, Delivery, Message
from core import rows

# What somebody writes later than this answers something else.
COUNTS_FOR = timedelta(days=14)
# Asked for every message of every customer, so written out (see `core.rows`).
ANSWERED = f"""
UPDATE {Recipient._meta.db_table} SET replied_at = %s
WHERE replied_at IS NULL AND id = (
    SELECT id FROM {Recipient._meta.db_table} recipient
    WHERE conversation_id = %s AND state = 'written' AND written_at > %s AND NOT EXISTS (
        SELECT FROM {Delivery._meta.db_table} delivery
        WHERE delivery.message_id = recipient.message_id AND delivery.status = 'failed'
    )
    ORDER BY (message_id = %s) DESC NULLS LAST, written_at DESC LIMIT 1
)
"""  # noqa: S608 (names of ours)


def note_reply(conversation: Conversation, message: Message) -> None:
    """Counts a customer's first message after a campaign's as the reply to it.

    To the one that they answered in so many words, else to the newest. What they write after that is no reply
    to older ones, nor is anything to a message that did not arrive. Runs in the transaction that stores it.
    """
    now = timezone.now()
    with rows.prepared_cursor() as cursor:
        cursor.execute(ANSWERED, [now, conversation.pk, now - COUNTS_FOR, message.reply_to_id])
