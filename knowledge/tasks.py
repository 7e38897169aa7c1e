"""Jobs of this app."""

from core.queue import task
from core.threads import in_own_thread


@task(name="knowledge.index_article")
async def index_article(article_id: int) -> None:
    """Makes the passages of an article anew. Running twice changes nothing more."""
    from knowledge.actions import index_articles  # deferred: task calls action

    await in_own_thread(index_articles, article_ids=[article_id])
