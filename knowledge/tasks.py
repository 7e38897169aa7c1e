"""Jobs of this app."""

from core.queue import task


@task(name="knowledge.index_article")
def index_article(article_id: int) -> None:
    """Makes the passages of an article anew. Running twice changes nothing more."""
    from knowledge.actions import index_articles  # deferred: task calls action

    index_articles(article_ids=[article_id])
