"""Calling a webhook: claimed in one transaction, called outside any, settled in another.

Whoever dies between leaves a claim behind; once nobody can hold it any more the call is made again, under
the same id. So a receiver gets everything at least once.
"""

import asyncio
import contextlib
import logging
import time
from uuid import UUID

from api.actions.answering import Answer, settle
from api.actions.claiming import DEADLINE_SECONDS, Claim, claim, look_at
from api.tasks import plan_calls_at
from core import signing
from core.crash_points import crash_point
from core.http import OutboundError, fetch
from core.outages import DatabaseFailure
from core.reasons import reason
from core.retry_after import retry_after
from core.threads import Kind, borrowed, in_network_thread, in_thread

logger = logging.getLogger(__name__)

USER_AGENT = "helpdesk/1 (+webhooks)"
READ_BYTES, KEPT_CHARACTERS = 64 * 1024, 2_000
# Between two looks while calls are open: another conversation may have something to tell.
LOOK_SECONDS = 0.5
# Between two tries to write what came of a call, in seconds: as long as the claim is ours.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)


async def call(webhook_id: str) -> None:
    """Makes what is due, several calls at once, until nothing is; plans when to look again.

    Its job holds the webhook's lock, so that no two workers call one receiver.
    """
    making: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            look = await in_thread(look_at, UUID(webhook_id))
            fresh = [each for each in look.calls if each not in making]
            if not fresh and not making:
                break
            for call_id in fresh:
                await _place(making, look.places)
                making[call_id] = asyncio.create_task(_make(call_id))
            await _place(making, len(making), LOOK_SECONDS)
    finally:
        # A job can be cut off; a call cannot be taken back.
        if making:
            await asyncio.shield(asyncio.wait(making.values()))
    if look.again_at is not None:
        await in_thread(plan_calls_at, webhook_id, look.again_at)


async def _place(making: dict[int, "asyncio.Task[None]"], places: int, seconds: float | None = None) -> None:
    """Waits until fewer calls than there are places are open, or for so long."""
    while making and len(making) >= places:
        done, _open = await asyncio.wait(
            making.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for call_id in [each for each, task in making.items() if task in done]:
            making.pop(call_id).result()
        if seconds is not None:
            return


async def _make(call_id: int) -> None:
    """Makes a call and then, one after the other, what waited for it."""
    following: int | None = call_id
    while following is not None:
        found = await in_thread(claim, following)
        if found is None:
            return
        crash_point("hooks.claimed")
        answer = await in_network_thread(made, found)
        crash_point("hooks.called")
        async with borrowed(Kind.URGENT):
            following = await _settle_surely(found, answer)


async def _settle_surely(found: Claim, answer: Answer) -> int | None:
    """Writes the outcome, waiting for a database that is away: whoever forgets it makes a double of it."""
    for pause in SETTLE_PAUSES:
        with contextlib.suppress(DatabaseFailure):
            return await in_thread(settle, found, answer)
        logger.warning("the outcome of webhook call %s could not be written yet", found.call_id)
        await asyncio.sleep(pause)
    return await in_thread(settle, found, answer)


def made(found: Claim) -> Answer:
    """Makes one call and returns what came of it; raises nothing."""
    began = time.monotonic()
    try:
        answer = _posted(found)
    except OutboundError as error:
        answer = Answer(None, error=error.detail)
    except Exception as error:
        logger.exception("webhook call %s failed in an unforeseen way", found.call_id)
        answer = Answer(None, error=f"{type(error).__name__}: {error}")
    answer.duration_ms = int((time.monotonic() - began) * 1000)
    return answer


def _posted(found: Claim) -> Answer:
    keys = [signing.key_of(secret) for secret in found.secrets]
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **signing.headers(keys, found.webhook_id, int(found.claimed_at.timestamp()), found.body),
    }
    fetched = fetch(
        found.url, method="POST", headers=headers, content=found.body,
        max_bytes=READ_BYTES, cut=True, deadline=DEADLINE_SECONDS, silence=DEADLINE_SECONDS, attempts=1,
    )  # fmt: skip
    text = fetched.content[: KEPT_CHARACTERS * 4].decode(errors="replace")[:KEPT_CHARACTERS]
    error = "" if 200 <= fetched.status < 300 else reason("The receiver answered %s.", fetched.status)  # noqa: PLR2004
    return Answer(fetched.status, error=error, text=text, retry_after=retry_after(fetched.headers) or 0.0)
