"""Asking for updates instead of being told (https://core.telegram.org/bots/api#getupdates).

Telegram forgets an update once a later offset is asked for, so the offset of a batch is only sent when the
batch is stored. It is sent right after a batch and never else: once nobody has written for a week the numbers
start anew, and an offset from before would throw away what is below it.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from conversations.adapters import SEND_SECONDS
from conversations.exchange import Batch, Details, Pulled
from integrations.telegram.client import ask, tell
from integrations.telegram.config import TelegramConfig
from integrations.telegram.updates import name_of

# Short, so that a worker that is told to end is soon free of it.
POLL_SECONDS = 8
BATCH = 100
# Telegram keeps updates for a day; an older offset has nothing left to confirm.
OFFSET_SECONDS = 86_400
# Asked for by name: reactions are not told otherwise.
ALLOWED_UPDATES = (
    *("message", "edited_message", "callback_query", "message_reaction", "my_chat_member", "channel_post"),
    *("business_connection", "business_message", "edited_business_message", "deleted_business_messages"),
)


def batches(config: TelegramConfig, cursor: Details) -> Iterator[Batch]:
    """Yields what is new for ever; a webhook that is still set is taken away first."""
    if ask(config, "getWebhookInfo", result=dict).get("url"):
        tell(config, "deleteWebhook", {"drop_pending_updates": False})
    while True:
        batch = _batch(config, cursor)
        cursor = batch.cursor
        yield batch


def _batch(config: TelegramConfig, cursor: Details) -> Batch:
    updates = ask(
        config,
        "getUpdates",
        result=list,
        deadline=SEND_SECONDS,
        **_offset(cursor),
        timeout=POLL_SECONDS,
        limit=BATCH,
        allowed_updates=list(ALLOWED_UPDATES),
    )
    events = tuple(Pulled(name_of(update), json.dumps(update).encode()) for update in updates)
    if not events:
        return Batch((), {})
    newest = max(update["update_id"] for update in updates)
    return Batch(events, {"offset": newest + 1, "at": int(time.time())})


def _offset(cursor: Details) -> dict[str, Any]:
    offset, at = cursor.get("offset"), cursor.get("at")
    fresh = isinstance(at, int) and time.time() - at < OFFSET_SECONDS
    return {"offset": offset} if fresh and isinstance(offset, int) else {}
