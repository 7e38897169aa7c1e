"""Handing messages to providers: in order for each conversation, once as far as that can be had.

A call is claimed in one transaction, made outside any, and settled in another. Whoever dies between leaves a
claim behind, and perhaps a note of how the call ended (`outcomes`). Without one the next knows that it does
not know: the delivery is `unknown` until a receipt, an echo or the end of its time settles it (`Repeat` says
what may then be done).
"""

import asyncio
import logging
from collections import Counter

from django.utils import timezone
from pydantic import ValidationError

from conversations.actions import outcomes
from conversations.actions.claiming import Claim, Wait, claim
from conversations.actions.settling import settle
from conversations.channels import InboxBroken, SendFailed, SendUnclear, adapter
from conversations.exchange import Sent
from conversations.tasks import deliver_later, plan_resuming
from core import queue
from core.crash_points import crash_point
from core.outages import DatabaseFailure
from core.reasons import reason
from core.threads import Kind, borrowed, in_network_thread, in_thread

logger = logging.getLogger(__name__)

# Between two tries to write what came of a call, in seconds: as long as the claim is ours.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0)
# Seconds for which a job waits by itself for a place in its inbox's rate, and how many do so for one inbox:
# more than take turns anyway would only hold places of others.
NEARLY, PATIENT_JOBS = 1.0, 2


# Jobs that wait for a place, by inbox.
_patient: Counter[int] = Counter()
# The loop itself forgets tasks that nobody holds.
_making: set["asyncio.Task[None]"] = set()


async def deliver(conversation_id: str) -> None:
    """Sends what waits in a conversation, one call after the other; plans the rest when it has to wait.

    Its job holds the conversation's lock, so that no two workers send for one conversation.
    """
    while True:
        found = await in_thread(claim, conversation_id)
        if found is None:
            return
        if isinstance(found, Wait):
            if await _waited_for_place(found):
                continue
            await in_thread(_plan_later, conversation_id, found)
            return
        crash_point("sending.claimed")
        made = asyncio.create_task(_make(found))
        _making.add(made)
        made.add_done_callback(_making.discard)
        # A job can be cut off, as when the database is away for long; a call cannot be taken back.
        await asyncio.shield(made)


async def _waited_for_place(wait: Wait) -> bool:
    """Waits until a place that comes sooner than a job could; says whether it did."""
    pause = (wait.until - timezone.now()).total_seconds()
    inbox = wait.inbox or 0
    if not wait.for_place or pause > NEARLY or _patient[inbox] >= PATIENT_JOBS:
        return False
    _patient[inbox] += 1
    try:
        await asyncio.sleep(max(pause, 0))
    finally:
        _patient[inbox] -= 1
    return True


async def _make(found: Claim) -> None:
    """Makes the call and writes what came of it."""
    outcome = await in_network_thread(_call_and_note, found)
    crash_point("sending.called")
    async with borrowed(Kind.URGENT):
        await _settle_surely(found, outcome)


async def _settle_surely(found: Claim, outcome: Sent | SendFailed) -> None:
    """Writes the outcome, waiting for a database that is away: whoever forgets it makes a double of it."""
    for pause in SETTLE_PAUSES:
        try:
            await in_thread(settle, found.key, found.attempt, outcome)
        except DatabaseFailure:
            logger.warning("the outcome of delivery %s could not be written yet", found.key)
            await asyncio.sleep(pause)
        else:
            return
    await in_thread(settle, found.key, found.attempt, outcome)


def _call_and_note(found: Claim) -> Sent | SendFailed:
    """Makes the call, and notes what came of it where this process's death leaves it."""
    outcome = _call(found)
    outcomes.note(found.key, found.attempt, outcome)
    return outcome


def _call(found: Claim) -> Sent | SendFailed:
    """Makes the call. What an adapter did not foresee may have happened after the message was taken."""
    channel = adapter(found.channel)
    try:
        config = channel.config.model_validate(found.config)
    except ValidationError:
        return InboxBroken(reason("The settings of this inbox are not complete."))
    try:
        return channel.send(found.outgoing, config)
    except SendFailed as error:
        return error
    except Exception as error:
        logger.exception("an adapter failed while it sent delivery %s", found.key)
        return SendUnclear(f"{type(error).__name__}: {error}")


def _plan_later(conversation_id: str, wait: Wait) -> None:
    """Wakes the conversation again, plans for the same second being one, or leaves that to its inbox.

    Thousands may wait for one provider: each looking for itself whether it is its turn would keep the worker
    from everything else.
    """
    if wait.inbox is not None:
        plan_resuming(wait.inbox, wait.until)
        return
    key = f"later:{conversation_id}:{int(wait.until.timestamp())}"
    queue.defer(deliver_later, queueing_lock=key, at=wait.until, conversation_id=conversation_id)
