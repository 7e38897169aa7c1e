"""Jobs of this app."""

import logging

from core import queue
from core.outages import is_outage
from core.queue import task
from core.threads import in_own_thread

logger = logging.getLogger(__name__)


def plan_reading(source_id: int) -> None:
    """Has a source read, in the current transaction: one job at a time, however often it is planned."""
    key = f"knowledge.source:{source_id}"
    queue.defer(read_source, lock=key, queueing_lock=key, source_id=source_id)


@task(name="knowledge.index_article")
async def index_article(article_id: int) -> None:
    """Makes the passages of an article anew. Running twice changes nothing more."""
    from knowledge.actions import index_articles  # deferred: task calls action

    await in_own_thread(index_articles, article_ids=[article_id])


@queue.periodic(cron="* * * * * */5")
@task(
    name="knowledge.embed_messages", lock="knowledge.embed_messages", queueing_lock="knowledge.embed_messages"
)
async def embed_messages(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Makes the vectors of messages that wait for theirs, until none does; a burst of any size is one run."""
    from knowledge.actions import embed_some  # deferred: task calls action

    # Between two batches the worker may be stopped.
    while await in_own_thread(embed_some):
        pass


@queue.periodic(cron="* * * * *")
@task(name="knowledge.close_answered", queueing_lock="knowledge.close_answered")
async def close_answered(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Closes articles to write that are written by now, whoever did it and however."""
    from knowledge.actions import closing  # deferred: task calls action

    await in_own_thread(closing.close_answered)


@task(name="knowledge.read_source", queue=queue.WAITING)
async def read_source(source_id: int) -> None:
    """Reads a source until its end, some pages at a time; one that was killed goes on where it was."""
    from knowledge.actions.syncing import Syncing  # deferred: task calls action

    try:
        syncing = Syncing(source_id)
        # Between two steps the worker may be stopped.
        while await in_own_thread(syncing.go_on):
            pass
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("database or files failed a source; the next sweep goes on", exc_info=True)


@queue.periodic(cron="* * * * *")
@task(name="knowledge.read_due_sources", queueing_lock="knowledge.read_due_sources")
async def read_due_sources(timestamp: int) -> None:  # noqa: ARG001 (Procrastinate passes it)
    """Has the sources read whose time has come."""
    from knowledge.actions import plan_due  # deferred: task calls action

    await in_own_thread(plan_due)
