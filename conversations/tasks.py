"""Housekeeping of the spine."""

from core import queue
from core.threads import in_thread


@queue.periodic(cron="37 4 * * *")
@queue.task(name="conversations.delete_unclaimed_attachments")
async def delete_unclaimed_attachments(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Removes files that were uploaded and never sent, once a day."""
    from conversations import actions  # deferred: task calls action

    await in_thread(actions.delete_unclaimed_attachments)
