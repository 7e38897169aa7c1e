"""Saving, indexing and deleting articles."""

import asyncio
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from core.actor import Actor, ActorKind
from core.errors import Forbidden
from knowledge import actions
from knowledge.actions import articles as module
from knowledge.models import Article, Chunk
from knowledge.queries import search
from knowledge.tasks import index_article
from knowledge.vectors import vectors_of
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
LONG = "\n\n".join(
    f"## Part {n}\n\n{' '.join(f'Sentence {n} {i} is here.' for i in range(30))}" for n in range(3)
)


def new(**more: Any) -> Article:
    return Article(**{"title": "Prazo de entrega!", "body": "Dois dias.", "language": "pt", **more})


def jobs() -> list[dict[str, Any]]:
    waiting = ProcrastinateJob.objects.filter(task_name="knowledge.index_article", status="todo")
    return [job.args for job in waiting]


def test_save_article_sets_what_follows_and_asks_for_passages() -> None:
    article = actions.save_article(article=new(), by=SYSTEM)
    assert (article.slug, article.title_key) == ("prazo-de-entrega", "prazo de entrega")
    assert jobs() == [{"article_id": article.pk}]
    assert not article.chunks.exists()


def test_save_article_that_is_undone_leaves_no_job() -> None:
    with transaction.atomic():
        actions.save_article(article=new(), by=SYSTEM)
        transaction.set_rollback(True)
    assert jobs() == []


def test_save_article_twice_before_the_job_runs_is_one_job() -> None:
    article = actions.save_article(article=new(), by=SYSTEM)
    article.body = "Três dias."
    actions.save_article(article=article, by=SYSTEM)
    assert len(jobs()) == 1


def test_save_article_without_a_change_of_text_asks_for_nothing(write: Write) -> None:
    article = write("Title", "Text")
    ProcrastinateJob.objects.all().delete()
    article.status = "archived"
    actions.save_article(article=article, by=SYSTEM)
    assert jobs() == []
    assert Article.objects.get().status == "archived"


@pytest.mark.parametrize("kind", [ActorKind.CONTACT, ActorKind.AGENT])
def test_only_staff_may_write(kind: ActorKind, write: Write) -> None:
    actor = Actor(kind, "1", "x")
    article = write("Title")
    with pytest.raises(Forbidden):
        actions.save_article(article=new(), by=actor)
    with pytest.raises(Forbidden):
        actions.delete_articles(articles=[article], by=actor)
    assert Article.objects.count() == 1


@pytest.mark.parametrize(("title", "slug"), [("???", "article"), ("日本", "article"), ("a" * 200, "a" * 80)])
def test_slug_is_never_empty_and_fits(title: str, slug: str) -> None:
    assert actions.save_article(article=new(title=title), by=SYSTEM).slug == slug


def test_indexing_makes_the_passages() -> None:
    article = actions.save_article(article=new(body=LONG), by=SYSTEM)
    actions.index_articles(article_ids=[article.pk])
    chunks = list(article.chunks.order_by("position"))
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert len(chunks) > 3
    assert {chunk.heading for chunk in chunks} == {"", "Part 0", "Part 1", "Part 2"}
    article.refresh_from_db()
    assert article.indexed_checksum == article.checksum


def test_indexing_twice_changes_nothing_more(write: Write) -> None:
    article = write("Title", LONG)
    before = list(article.chunks.values_list("pk", flat=True))
    actions.index_articles(article_ids=[article.pk])
    assert list(article.chunks.values_list("pk", flat=True)) == before


def test_indexing_a_deleted_article_does_nothing() -> None:
    assert actions.index_articles(article_ids=[404]) == 0
    assert actions.index_articles(article_ids=[]) == 0


def test_edited_article_answers_with_its_old_passages_until_the_job_has_run(write: Write) -> None:
    article = write("Prazo de entrega", "Dois dias úteis.", "pt")
    article.body = "Cinco dias úteis."
    actions.save_article(article=article, by=SYSTEM)
    assert search("quando chega a entrega?")[0].text == "Dois dias úteis."
    actions.index_articles(article_ids=[article.pk])
    assert search("quando chega a entrega?")[0].text == "Cinco dias úteis."


def test_article_edited_while_it_is_embedded_keeps_its_old_passages(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = write("Prazo", "Dois dias.", "pt")
    article.body = "Três dias."
    actions.save_article(article=article, by=SYSTEM)
    embed = vectors_of

    def edited_meanwhile(texts: Any) -> Any:
        vectors = embed(texts)
        article.body = "Quatro dias."
        actions.save_article(article=article, by=SYSTEM)
        return vectors

    monkeypatch.setattr(module, "vectors_of", edited_meanwhile)
    assert actions.index_articles(article_ids=[article.pk]) == 0
    assert [chunk.text for chunk in article.chunks.all()] == ["Dois dias."]
    monkeypatch.undo()
    assert actions.index_articles(article_ids=[article.pk]) == 1
    assert [chunk.text for chunk in article.chunks.all()] == ["Quatro dias."]


def test_index_articles_embeds_outside_any_transaction_of_its_own(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model takes its time; no row may be locked meanwhile."""
    article = actions.save_article(article=new(), by=SYSTEM)
    depth = len(transaction.get_connection().savepoint_ids)
    depths: list[int] = []
    embed = vectors_of

    def watched(texts: Any) -> Any:
        depths.append(len(transaction.get_connection().savepoint_ids))
        return embed(texts)

    monkeypatch.setattr(module, "vectors_of", watched)
    actions.index_articles(article_ids=[article.pk])
    assert depths == [depth]


def test_delete_articles_takes_the_passages_along(write: Write) -> None:
    one, two = write("One"), write("Two")
    assert actions.delete_articles(articles=[one], by=SYSTEM) == 1
    assert [chunk.article_id for chunk in Chunk.objects.all()] == [two.pk]
    assert actions.delete_articles(articles=[], by=SYSTEM) == 0


@pytest.mark.parametrize(
    "values",
    [{"title": ""}, {"language": "fr"}, {"status": "gone"}, {"source_key": ""}],
)
def test_database_refuses_what_makes_no_sense(values: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        new(**values).save()


def test_database_refuses_two_articles_of_one_source() -> None:
    new(source_key="demo:a").save()
    new().save()
    new().save()
    with pytest.raises(IntegrityError), transaction.atomic():
        new(source_key="demo:a").save()


def test_visible_to_shows_drafts_to_staff_only(write: Write) -> None:
    write("Draft", status="draft")
    public = write("Public")
    assert Article.objects.visible_to(SYSTEM).count() == 2
    for kind in (ActorKind.CONTACT, ActorKind.AGENT):
        assert list(Article.objects.visible_to(Actor(kind, "1", "x"))) == [public]


@pytest.mark.django_db(transaction=True)
def test_index_job_makes_the_passages_and_leaves_no_connection() -> None:
    article = actions.save_article(article=new(body=LONG), by=SYSTEM)
    asyncio.run(index_article.func(article.pk))
    assert article.chunks.count() > 3
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
            " AND query ILIKE '%knowledge_chunk%' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (0,)
