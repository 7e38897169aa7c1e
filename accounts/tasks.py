"""Jobs about people: their mails, and forgetting what nobody needs any more."""

from enum import StrEnum

from procrastinate import RetryStrategy

from accounts.mails import send
from core import queue
from core.outages import DatabaseFailure
from core.threads import in_network_thread, in_thread

# 4 s, 16 s, 64 s … about six hours in all. What a mail server refuses is an OSError too.
AGAIN = RetryStrategy(max_attempts=8, exponential_wait=4, retry_exceptions=[OSError, DatabaseFailure])


class MailKind(StrEnum):
    """What a mail is about, and so what `about` names: an address, or the number of a row."""

    RESET = "reset"
    INVITATION = "invitation"
    CONFIRMATION = "confirmation"


def plan_mail(kind: MailKind, about: str) -> None:
    """Has a mail written and sent. The job holds no token: one is made when the mail is written."""
    queue.defer(send_mail, kind=kind.value, about=about)


@queue.task(name="accounts.send_mail", queue=queue.WAITING, retry=AGAIN)
async def send_mail(kind: str, about: str) -> None:
    """Writes and sends a mail, unless there is nobody, or no reason any more, to send it to."""
    from accounts.actions.mailing import write  # deferred: task calls action

    ready = await in_thread(write, MailKind(kind), about)
    if ready is not None:
        await in_network_thread(send, ready)


@queue.periodic(cron="23 3 * * *")
@queue.task(name="accounts.forget", queueing_lock="accounts.forget")
async def forget(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Deletes sign-ins and registrations that ended long ago."""
    from accounts.actions.forgetting import forget_ended  # deferred: task calls action

    await in_thread(forget_ended)
