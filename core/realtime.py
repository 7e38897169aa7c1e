"""Wake-up calls to open sockets. Hints only: whatever matters is read again from Postgres.

Only actions publish (an import contract says so), and only on commit: a socket is never told of a row that
does not exist. Lost hints are harmless, since every reader knows the number of the last event it has seen.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from core.threads import serving_loop

logger = logging.getLogger(__name__)
_sending: set[asyncio.Task[None]] = set()


def publish(groups: Iterable[str], message: Mapping[str, Any]) -> None:
    """Sends `message` (its `type` names the consumer's method) to the groups once the transaction commits.

    In a server or worker the event loop does it, and the caller does not wait.
    """
    to, what = tuple(groups), dict(message)

    # A function with a name: Django asks for it when it logs that a robust callback failed.
    def tell() -> None:
        loop = serving_loop()
        if loop is None:
            async_to_sync(send)(to, what)
        else:
            loop.call_soon_threadsafe(_begin_to_send, to, what)

    transaction.on_commit(tell, robust=True)


def _begin_to_send(groups: Iterable[str], message: Mapping[str, Any]) -> None:
    task = asyncio.create_task(send(groups, message))
    _sending.add(task)  # a loop holds its tasks weakly
    task.add_done_callback(_sending.discard)


async def send(groups: Iterable[str], message: Mapping[str, Any]) -> None:
    """Sends at once, outside any transaction: for text that is still being written."""
    layer = get_channel_layer()
    if layer is None:
        return
    for group in groups:
        try:
            await layer.group_send(group, dict(message))
        except Exception:
            # Redis may be away; the readers' own polling and resume cover for it.
            logger.warning("realtime hint to %s was lost", group, exc_info=True)
