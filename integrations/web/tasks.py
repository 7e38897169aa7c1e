"""Housekeeping of the widget."""

from core import queue


@queue.periodic(cron="17 4 * * *")
@queue.task(name="web.delete_expired_tokens")
def delete_expired_tokens(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Removes visitors' tokens past their time, once a day."""
    from integrations.web import actions  # deferred: task calls action

    actions.delete_expired_tokens()
