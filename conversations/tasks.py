"""Jobs of the spine: taking in what came, handing out what is to be sent, fetching files, housekeeping."""

import logging
from datetime import datetime
from uuid import UUID

from accounts.mails import send
from accounts.tasks import AGAIN
from core import queue
from core.outages import DatabaseFailure
from core.threads import in_network_thread, in_thread

logger = logging.getLogger(__name__)


def plan_intake(inbox_id: int) -> None:
    """Has what an inbox received taken in: one job, however many receipts wait."""
    lock = f"intake:{inbox_id}"
    queue.defer(take_in, lock=lock, queueing_lock=lock, inbox_id=inbox_id)


def plan_delivery(conversation_id: str) -> None:
    """Has what a conversation owes its customer sent, in order: one job, however many messages wait."""
    lock = f"deliver:{conversation_id}"
    queue.defer(deliver, lock=lock, queueing_lock=lock, conversation_id=conversation_id)


def plan_resuming(inbox_id: int, at: datetime) -> None:
    """Has what an inbox held up go on at a moment: one job, however many conversations wait."""
    queue.defer(resume, queueing_lock=f"resume:{inbox_id}", at=at, inbox_id=inbox_id)


def plan_erasing(contact_id: str) -> None:
    """Has a customer forgotten who has said too much to wait for it."""
    queue.defer(erase, queueing_lock=f"erase:{contact_id}", contact_id=contact_id)


@queue.takes_long
@queue.task(name="conversations.erase")
async def erase(contact_id: str) -> None:
    """Erases a customer."""
    from conversations.actions import erasing  # deferred: task calls action

    await in_thread(erasing.erase_now, UUID(contact_id))


def plan_code(verification_id: int) -> None:
    """Has the code of a verification mailed. The job does not hold it."""
    queue.defer(send_code, verification=verification_id)


@queue.task(name="conversations.send_code", queue=queue.WAITING, retry=AGAIN)
async def send_code(verification: int) -> None:
    """Mails a code, the same however often it is tried, unless it is of no use any more."""
    from conversations.actions import verification as codes  # deferred: task calls action

    ready = await in_thread(codes.write_code, verification)
    if ready is not None:
        await in_network_thread(send, ready)


@queue.takes_long
@queue.task(name="conversations.take_in")
async def take_in(inbox_id: int) -> None:
    """Takes in what an inbox received, oldest first, until nothing waits."""
    from conversations.actions import intake  # deferred: task calls action

    try:
        while await in_thread(intake.take_in_some, inbox_id):
            pass
    except (DatabaseFailure, OSError):
        logger.warning(
            "database or disk failed while receipts were taken in; the next sweep goes on", exc_info=True
        )


@queue.task(name="conversations.deliver", queue=queue.WAITING)
async def deliver(conversation_id: str) -> None:
    """Sends what a conversation owes its customer, in order, until nothing is left or it has to wait."""
    from conversations.actions import sending  # deferred: task calls action

    try:
        await sending.deliver(conversation_id)
    except DatabaseFailure:
        logger.warning("the database failed a delivery; the next sweep goes on", exc_info=True)


@queue.task(name="conversations.deliver_later")
async def deliver_later(conversation_id: str) -> None:
    """Plans a delivery. It carries no lock: waiting under one, it would hold up whatever comes meanwhile."""
    await in_thread(plan_delivery, conversation_id)


@queue.task(name="conversations.resume")
async def resume(inbox_id: int) -> None:
    """Lets the conversations go on that waited for their provider, those that have waited longest first."""
    from conversations.actions import resuming  # deferred: task calls action

    try:
        await in_thread(resuming.resume, inbox_id)
    except DatabaseFailure:
        logger.warning("the database failed; the next sweep finds what waits", exc_info=True)


@queue.task(name="conversations.fetch_file", queue=queue.WAITING)
async def fetch_file(attachment_id: str) -> None:
    """Fetches a file that a provider announced."""
    from conversations.actions import files  # deferred: task calls action

    await files.fetch(attachment_id)


@queue.task(name="conversations.mark_read", queue=queue.WAITING)
async def mark_read(conversation_id: str, *, typing: bool = False) -> None:
    """Tells the provider that the customer's newest message was read."""
    from conversations.actions import marking  # deferred: task calls action

    try:
        await marking.mark_read(conversation_id, typing=typing)
    except DatabaseFailure:
        logger.warning("the database failed while a message was marked as read", exc_info=True)


@queue.task(name="conversations.acknowledge", queue=queue.WAITING)
async def acknowledge(inbox_id: int, external_id: str) -> None:
    """Tells the provider that a message came for which the sender's app waits."""
    from conversations.actions import marking  # deferred: task calls action

    await marking.acknowledge(inbox_id, external_id)


@queue.task(name="conversations.ask_who", queue=queue.WAITING)
async def ask_who(identity_id: int) -> None:
    """Asks a provider for the name of a customer whom it told us by an id only."""
    from conversations.actions import profiles  # deferred: task calls action

    await profiles.learn(identity_id)


@queue.task(name="conversations.pull", queue=queue.WAITING)
async def pull(inbox_id: int) -> None:
    """Asks a provider that does not tell us what is new, for as long as the connection lives."""
    from conversations.actions import pulling  # deferred: task calls action

    await pulling.pull(inbox_id)


@queue.periodic(cron="* * * * * */5")
@queue.task(name="conversations.sweep", queueing_lock="conversations.sweep")
async def sweep(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Plans anew what nobody was woken for: receipts, deliveries that are due, files, inboxes to be asked."""
    from conversations.actions import sweeping  # deferred: task calls action

    await in_thread(sweeping.sweep)


@queue.periodic(cron="37 4 * * *")
@queue.task(name="conversations.clean_up")
async def clean_up(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Removes, once a day, files that nobody sent, the bytes of receipts understood long ago, old notes."""
    from conversations import actions  # deferred: task calls action
    from conversations.actions import outcomes  # deferred: task calls action

    await in_thread(actions.delete_unclaimed_attachments)
    await in_thread(actions.delete_old_receipts)
    await in_thread(outcomes.remove_old)
