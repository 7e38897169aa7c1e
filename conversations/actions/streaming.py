"""Text that is still being written: shown live, kept a while for a reload, never the truth."""

import contextlib
import logging
from collections.abc import Iterator
from uuid import UUID

from django.core.cache import cache

from conversations.groups import conversation_group
from core.realtime import send

logger = logging.getLogger(__name__)
KEPT_SECONDS = 300


def partial_key(conversation_id: UUID | str) -> str:
    """The cache key of a conversation's unfinished text."""
    return f"partial:{conversation_id}"


def stop_key(conversation_id: UUID | str) -> str:
    """The cache key of a customer's wish that the agent stops."""
    return f"stop:{conversation_id}"


@contextlib.contextmanager
def cache_may_be_away() -> Iterator[None]:
    """Goes on without the cache: an answer is not lost because nobody can watch it grow."""
    try:
        yield
    except Exception:
        logger.warning("the cache is away; unfinished text is not kept", exc_info=True)


async def show_text(*, conversation_id: UUID, run: UUID, so_far: str, offset: int) -> None:
    """Shows what has been added since `offset` (code points) and keeps the text so far for late readers."""
    with cache_may_be_away():
        await cache.aset(partial_key(conversation_id), (str(run), so_far), KEPT_SECONDS)
    frame = {"type": "delta", "conversation": str(conversation_id), "run": str(run)}
    await send([conversation_group(conversation_id)], {**frame, "offset": offset, "text": so_far[offset:]})


async def forget_text(*, conversation_id: UUID) -> None:
    """Drops the unfinished text and the wish to stop; the run is over."""
    with cache_may_be_away():
        await cache.adelete_many([partial_key(conversation_id), stop_key(conversation_id)])


async def request_stop(*, conversation_id: UUID) -> None:
    """Asks the run of a conversation to stop. A hint: the run looks for it between two pieces of text."""
    with cache_may_be_away():
        await cache.aset(stop_key(conversation_id), 1, 60)


async def stop_requested(*, conversation_id: UUID) -> bool:
    """True when somebody asked the run to stop."""
    with cache_may_be_away():
        return bool(await cache.aget(stop_key(conversation_id)))
    return False


async def partial_text(conversation_id: UUID) -> tuple[str, str] | None:
    """Returns (run, text so far) while an answer is being written."""
    kept = None
    with cache_may_be_away():
        kept = await cache.aget(partial_key(conversation_id))
    return None if kept is None else (str(kept[0]), str(kept[1]))
