"""Jobs of this app."""

from core import queue
from core.queue import task
from core.threads import in_own_thread


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
