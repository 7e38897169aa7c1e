"""Jobs of campaigns: writing down the recipients, writing to them, reading lists, opting out."""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from procrastinate import RetryStrategy

from core import queue
from core.outages import DatabaseFailure
from core.threads import in_thread

logger = logging.getLogger(__name__)
# A campaign that has to wait longer gives its place up and is planned for the moment.
PATIENCE = 20.0
# What nobody else plans anew, should the database fail it. Without a queueing lock that another may hold:
# with one, Procrastinate could not put the job back.
AGAIN = RetryStrategy(max_attempts=50, wait=1, linear_wait=1, retry_exceptions=[DatabaseFailure])


def plan_running(campaign_id: UUID | str, at: datetime | None = None) -> None:
    """Has a campaign go on, now or at a moment: one job, however often it is planned."""
    key = f"campaign:{campaign_id}"
    if at is None:
        queue.defer(run, lock=key, queueing_lock=key, campaign_id=str(campaign_id))
    else:
        queue.defer(run_later, queueing_lock=f"{key}:later", at=at, campaign_id=str(campaign_id))


def plan_reading(upload_id: int) -> None:
    """Has a list read in."""
    key = f"campaigns.upload:{upload_id}"
    queue.defer(read_list, lock=key, queueing_lock=key, upload_id=upload_id)


def plan_taking_back(identity_id: int) -> None:
    """Has what is on its way to somebody taken back, in the current transaction."""
    queue.defer(take_back, identity_id=identity_id)


@queue.takes_long
@queue.task(name="campaigns.run", queue=queue.WAITING)
async def run(campaign_id: str) -> None:
    """Writes a campaign's recipients down and then to them, at its pace, until it is over or has to wait."""
    from campaigns.actions import feeding  # deferred: task calls action

    try:
        feed = feeding.Feeding(campaign_id)
        while (pause := await in_thread(feed.go_on)) is not None:
            if pause > PATIENCE:
                await in_thread(feeding.plan_after, campaign_id, pause)
                return
            await asyncio.sleep(pause)
    except DatabaseFailure:
        logger.warning("the database failed a campaign; the next sweep goes on", exc_info=True)


@queue.task(name="campaigns.run_later")
async def run_later(campaign_id: str) -> None:
    """Plans a campaign. It carries no lock: waiting under one, it would hold up whoever starts it again."""
    await in_thread(plan_running, campaign_id)


@queue.takes_long
@queue.task(name="campaigns.read_list")
async def read_list(upload_id: int) -> None:
    """Reads a list, some hundred lines at a time, until its end."""
    from campaigns.actions import importing  # deferred: task calls action

    try:
        reading = importing.Reading(upload_id)
        while await in_thread(reading.go_on):
            pass
    except DatabaseFailure:
        logger.warning("the database failed while a list was read; the next sweep goes on", exc_info=True)


@queue.task(name="campaigns.confirm", queue=queue.WAITING, retry=AGAIN)
async def confirm(identity_id: int, message_id: str) -> None:
    """Tells a customer that their word was understood, and takes back what is on its way to them."""
    from campaigns.actions import consent  # deferred: task calls action

    await in_thread(consent.confirm, identity_id, message_id)


@queue.task(name="campaigns.take_back", queue=queue.WAITING, retry=AGAIN)
async def take_back(identity_id: int) -> None:
    """Takes back what is on its way to somebody who wants nothing."""
    from campaigns.actions import consent  # deferred: task calls action

    await in_thread(consent.take_back, identity_id)


@queue.periodic(cron="* * * * * */5")
@queue.task(name="campaigns.sweep", queueing_lock="campaigns.sweep")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Plans what is due and may have no job: campaigns whose time has come, and lists."""
    from campaigns.actions import feeding  # deferred: task calls action

    await in_thread(feeding.sweep)
