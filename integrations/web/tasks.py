"""Housekeeping of the widget."""

from core import queue
from core.threads import in_thread


# A job that is no coroutine would run on a thread of its own, whose connection nobody looks after.
@queue.periodic(cron="17 4 * * *")
@queue.task(name="web.delete_expired_tokens")
async def delete_expired_tokens(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Removes visitors' tokens past their time, once a day."""
    from integrations.web import actions  # deferred: task calls action

    await in_thread(actions.delete_expired_tokens)
