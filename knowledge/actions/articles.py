"""Articles saved, indexed, deleted."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.tags import checked_tags
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from core.queue import defer
from core.versions import require_version
from knowledge.models import Article, Chunk
from knowledge.tasks import index_article
from knowledge.text import PassageText, passages
from knowledge.vectors import Vectors, vectors_of

SAVED_FIELDS = (
    *("title", "slug", "body", "language", "team", "tags", "status", "category"),
    *("audience", "valid_from", "valid_until"),
    *("source_url", "source_key", "source_checksum", "title_key", "checksum", "updated_at"),
)
INDEX_BATCH = 32  # articles whose vectors are in memory at once


def require_staff(by: Actor) -> None:
    """Raises Forbidden unless an operator, a key or the system acts: no customer or model writes here."""
    if not by.is_staff:
        raise Forbidden


def require_lead(by: Actor) -> None:
    """Raises Forbidden for operators: what customers are told, leads, administrators and keys decide."""
    if not (by.is_staff and by.leads):
        raise Forbidden


@transaction.atomic
def write_article(*, by: Actor, **values: Any) -> Article:
    """Makes an article of these values, a draft unless they say otherwise.

    Raises Forbidden for operators, Invalid for tags that are none.
    """
    require_lead(by)
    article = Article(**_checked(values))
    require_order(article)
    return save_article(article=article, by=by)


@transaction.atomic
def change_article(*, article: Article, by: Actor, expected: str | None = None, **values: Any) -> Article:
    """Changes what is named and leaves the rest; `status` publishes, takes back or puts away.

    Raises as `write_article` does, and Changed where the article is not as it was read.
    """
    row = _locked(article, by, expected)
    for name, value in _checked(values).items():
        setattr(row, name, value)
    require_order(row)
    return save_article(article=row, by=by)


@transaction.atomic
def delete_article(*, article: Article, by: Actor, expected: str | None = None) -> None:
    """Deletes an article for good. Raises as `change_article` does."""
    delete_articles(articles=[_locked(article, by, expected)], by=by)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "tags": checked_tags(values["tags"])} if "tags" in values else values


def require_order(article: Article) -> None:
    """Raises Invalid where an article ends to be valid before it begins."""
    if article.valid_from and article.valid_until and article.valid_from >= article.valid_until:
        raise Invalid(_("It must begin to be valid before it ends."), field="valid_until")


def _locked(article: Article, by: Actor, expected: str | None) -> Article:
    require_lead(by)
    row = Article.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=article.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    return row


@transaction.atomic
def save_article(*, article: Article, by: Actor) -> Article:
    """Stores an article as it stands, new or changed, and has its passages made by a job where they must be.

    Until that job has run, the old passages answer. It embeds nothing itself.
    """
    require_staff(by)
    store(article)
    if article.checksum != article.indexed_checksum:
        # Edits in quick succession are one job; an edit while it runs brings another, after it.
        key = f"knowledge.index:{article.pk}"
        defer(index_article, lock=key, queueing_lock=key, article_id=article.pk)
    return article


def store(article: Article) -> None:
    """Writes the row with what follows from its title and text, and makes no passages."""
    article.prepare()
    if article.pk is None:
        article.save()
    else:
        article.save(update_fields=SAVED_FIELDS)


@transaction.atomic
def delete_articles(*, articles: Sequence[Article], by: Actor) -> int:
    """Deletes articles with their passages; returns how many there were."""
    require_staff(by)
    _total, counts = Article.objects.filter(pk__in=[article.pk for article in articles]).delete()
    return counts.get(Article._meta.label, 0)


def index_articles(*, article_ids: Sequence[int]) -> int:
    """Makes the passages of those articles whose text has changed since theirs were made; returns how many.

    Embeds first and writes after, each article in its own short transaction. An article that is edited
    meanwhile keeps its old passages: the edit has brought a job of its own.
    """
    done = 0
    for start in range(0, len(article_ids), INDEX_BATCH):
        batch = list(Article.objects.filter(pk__in=article_ids[start : start + INDEX_BATCH]).stale())
        cut = [passages(article.body) for article in batch]
        # The model takes its time: no transaction is open and no row locked meanwhile.
        vectors = vectors_of([(article.title, found) for article, found in zip(batch, cut, strict=True)])
        for article, found, meanings in zip(batch, cut, vectors, strict=True):
            done += _store_chunks(article, found, meanings)
    return done


@transaction.atomic
def _store_chunks(article: Article, found: Sequence[PassageText], vectors: Vectors) -> bool:
    """Replaces the passages if the article is still the one they were made from."""
    # Decided by the row: whoever edits it now waits for us, whoever did so before has changed the checksum.
    current = Article.objects.select_for_update().filter(pk=article.pk, checksum=article.checksum)
    if not current.update(indexed_checksum=article.checksum):
        return False
    article.chunks.all().delete()
    Chunk.objects.bulk_create(
        Chunk(
            article=article,
            position=position,
            heading=passage.heading[:300],
            text=passage.text,
            vector=vector,
        )
        for position, (passage, vector) in enumerate(zip(found, vectors, strict=True))
    )
    return True
