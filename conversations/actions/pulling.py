"""Asking providers that do not tell: what they have is stored first, and only then may they forget it."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from conversations.actions.settling import note_trouble
from conversations.channels import SendFailed, adapter
from conversations.door import STORE
from conversations.exchange import Batch, Pulled
from conversations.models import Inbox, InboxState
from conversations.tasks import plan_intake
from core import rows
from core.outages import DatabaseFailure
from core.threads import in_network_thread, in_thread

logger = logging.getLogger(__name__)
# After so long a job ends and the sweep begins the next: new settings are read, another worker may have it.
TURN_SECONDS = 300


async def pull(inbox_id: int) -> None:
    """Asks one inbox's provider until the connection ends, storing each batch before asking for the next."""
    found = await in_thread(_begin, inbox_id)
    if found is None:
        return
    channel, config, cursor = found
    batches: Iterator[Batch] = iter(channel.pull(config, cursor))
    ends_at = time.monotonic() + TURN_SECONDS
    try:
        while time.monotonic() < ends_at:
            batch = await in_network_thread(next, batches, None)
            if batch is None:
                return
            await in_thread(store, inbox_id, batch)
    except SendFailed as error:
        await in_thread(note_trouble, inbox_id, error)
    except DatabaseFailure:
        raise
    except Exception as error:
        logger.exception("an adapter failed while it asked for what is new in inbox %s", inbox_id)
        await in_thread(note_trouble, inbox_id, SendFailed(f"{type(error).__name__}: {error}"))
    finally:
        await in_network_thread(_close, batches)


def _begin(inbox_id: int) -> tuple[Any, Any, Any] | None:
    inbox = Inbox.objects.filter(pk=inbox_id, is_active=True).first()
    if inbox is None:
        return None
    state, _ = InboxState.objects.get_or_create(inbox=inbox)
    if state.not_before is not None and state.not_before > timezone.now():
        return None
    channel = adapter(inbox.channel)
    return channel, channel.config.model_validate(inbox.config), state.cursor


@transaction.atomic(durable=True)
def store(inbox_id: int, batch: Batch) -> None:
    """Stores what a pull brought together with the cursor behind it, and has it taken in."""
    for event in batch.events:
        keep(inbox_id, event)
    InboxState.objects.filter(inbox_id=inbox_id).update(cursor=dict(batch.cursor))
    if batch.events:
        plan_intake(inbox_id)


def keep(inbox_id: int, event: Pulled) -> bool:
    """Stores one thing as it came; returns False, and stores nothing, where it is here already.

    The bytes go beside the statement. The ORM writes them into it, for which a mail is copied six times.
    """
    values = (inbox_id, event.event_id, json.dumps(dict(event.headers)), event.body)
    with rows.prepared_cursor() as cursor:
        cursor.execute(STORE, values)
        return bool(cursor.rowcount)


def _close(batches: Iterator[Batch]) -> None:
    """Ends the connection behind a generator that was not read to its end."""
    end = getattr(batches, "close", None)
    if end is not None:
        end()
