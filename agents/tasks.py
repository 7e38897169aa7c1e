"""The agent's job."""

import asyncio
import logging
from uuid import UUID

from core import queue
from core.outages import DatabaseFailure
from core.threads import in_own_thread, in_thread

logger = logging.getLogger(__name__)
LONGEST_PAUSE = 15.0  # seconds


@queue.task(name="agents.answer")
async def answer(conversation_id: str) -> None:
    """Answers what the customer of a conversation has written; does nothing when nothing is unanswered.

    When the database fails, a new job takes this one's place. Procrastinate's own retry would not do: putting
    this job back fails when another waits under the same queueing lock, and both would then stay for ever.
    """
    from agents.runtime import answer as run_answer  # deferred: task calls action

    try:
        await run_answer(conversation_id)
    except DatabaseFailure:
        logger.exception(
            "the database failed an answer in conversation %s; it is tried again", conversation_id
        )
        await _plan_again(conversation_id)


async def _plan_again(conversation_id: str) -> None:
    """Adds the next job as soon as the database takes it."""
    from agents.actions import plan_answer  # deferred: task calls action

    pause = 1.0
    while True:
        await asyncio.sleep(pause)
        try:
            await in_thread(plan_answer, conversation_id)
        except DatabaseFailure:
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return


@queue.task(name="agents.remember", queue=queue.WAITING)
async def remember(conversation_id: str) -> None:
    """Shortens what was said in a long conversation, for the next answer."""
    from agents.memory import remember as run_remember  # deferred: task calls action

    await run_remember(conversation_id)


@queue.task(name="agents.check_answer", queue=queue.WAITING)
async def check_answer(message_id: str) -> None:
    """Has a second model look whether an answer rests on what was found."""
    from agents.actions import checking  # deferred: task calls action

    await checking.check_answer(UUID(message_id))


@queue.periodic(cron="* * * * * */10")
@queue.task(name="agents.sweep", queueing_lock="agents.sweep")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Plans anew the answers whose jobs were lost, and ends the approvals that nobody has given."""
    from agents.actions import expire_approvals, plan_overlooked  # deferred: task calls action

    await in_thread(plan_overlooked)
    await in_thread(expire_approvals)


@queue.periodic(cron="* * * * *")
@queue.task(name="agents.collect_unanswered", queueing_lock="agents.collect_unanswered")
async def collect_unanswered(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Puts on the list of articles to write what agents could not answer of late."""
    from agents.actions import gaps  # deferred: task calls action

    await in_own_thread(gaps.collect_unanswered)
