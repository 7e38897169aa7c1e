"""Jobs of the API: telling webhooks what happened, calling them, housekeeping."""

import logging
from datetime import datetime

from core import queue
from core.outages import DatabaseFailure
from core.threads import in_thread

logger = logging.getLogger(__name__)


def plan_telling() -> None:
    """Has noted events made calls: one job, which goes on as long as a webhook is active."""
    queue.defer(tell, lock="webhooks:tell", queueing_lock="webhooks:tell")


def plan_calls(webhook_id: str) -> None:
    """Has a webhook called as long as anything is due: one job, however many calls wait."""
    lock = f"webhook:{webhook_id}"
    queue.defer(call, lock=lock, queueing_lock=lock, webhook_id=webhook_id)


def plan_calls_at(webhook_id: str, at: datetime) -> None:
    """Has a webhook called at a moment, plans for the same second being one."""
    key = f"webhook:{webhook_id}:{int(at.timestamp())}"
    queue.defer(call_later, queueing_lock=key, at=at, webhook_id=webhook_id)


@queue.task(name="api.tell", queue=queue.WAITING)
async def tell() -> None:
    """Makes calls of what happened, for a turn, and has the next turn follow while anybody listens."""
    from api.actions import telling  # deferred: task calls action

    try:
        await telling.tell()
    except DatabaseFailure:
        logger.warning("the database failed while webhooks were told; the next sweep goes on", exc_info=True)


@queue.task(name="api.call", queue=queue.WAITING)
async def call(webhook_id: str) -> None:
    """Calls one webhook, many conversations at once and each in order, until nothing is due."""
    from api.actions import calling  # deferred: task calls action

    try:
        await calling.call(webhook_id)
    except DatabaseFailure:
        logger.warning(
            "the database failed while a webhook was called; the next sweep goes on", exc_info=True
        )


@queue.task(name="api.call_later")
async def call_later(webhook_id: str) -> None:
    """Plans calls. It carries no lock: waiting under one, it would hold up whatever comes meanwhile."""
    await in_thread(plan_calls, webhook_id)


@queue.periodic(cron="* * * * * */5")
@queue.task(name="api.sweep", queueing_lock="api.sweep")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Plans anew what has no job: noted events, and calls that are due."""
    from api.actions import sweeping  # deferred: task calls action

    await in_thread(sweeping.sweep)


@queue.periodic(cron="52 4 * * *")
@queue.task(name="api.clean_up")
async def clean_up(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Removes, once a day, calls that ended long ago, with what was in them."""
    from api.actions import sweeping  # deferred: task calls action

    await in_thread(sweeping.remove_old)


@queue.periodic(cron="17 * * * *")
@queue.task(name="api.forget_answers", queueing_lock="api.forget_answers")
async def forget_answers(timestamp: int) -> None:
    """Deletes the answers that are kept for repeated requests once their day is over."""
    from api.idempotency import forget_old  # deferred: task calls action

    del timestamp
    await in_thread(forget_old)
