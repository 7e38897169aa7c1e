"""Whose message answers which campaign."""

from datetime import timedelta

from django.utils import timezone

from campaigns.models import Recipient
from conversations.models import Conversation, Message
from core import rows

# What somebody writes later than this answers something else.
COUNTS_FOR = timedelta(days=14)
# Asked for every message of every customer, so written out (see `core.rows`).
ANSWERED = f"""
UPDATE {Recipient._meta.db_table} SET replied_at = %s
WHERE id = (
    SELECT id FROM {Recipient._meta.db_table}
    WHERE conversation_id = %s AND replied_at IS NULL AND state = 'written' AND written_at > %s
    ORDER BY (message_id = %s) DESC NULLS LAST, written_at DESC LIMIT 1
)
"""  # noqa: S608 (names of ours)


def note_reply(conversation: Conversation, message: Message) -> None:
    """Counts a customer's first message after a campaign's as the reply to it.

    To the one that they answered in so many words, else to the newest that has none. Runs in the transaction
    that stores the message.
    """
    now = timezone.now()
    with rows.prepared_cursor() as cursor:
        cursor.execute(ANSWERED, [now, conversation.pk, now - COUNTS_FOR, message.reply_to_id])
