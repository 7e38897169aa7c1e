"""Wake-up calls to open sockets. Hints only: whatever matters is read again from Postgres.

Only actions publish (an import contract says so), and only on commit: a socket is never told of a row that
does not exist. Lost hints are harmless, since every reader knows the number of the last event it has seen.
"""

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)


def publish(groups: Iterable[str], message: Mapping[str, Any]) -> None:
    """Sends `message` (its `type` names the consumer's method) to the groups once the transaction commits."""
    transaction.on_commit(partial(async_to_sync(send), tuple(groups), dict(message)), robust=True)


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
