"""Measuring search on a set of articles and questions, apart from what is live."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from knowledge.actions.articles import index_articles
from knowledge.apart import knowledge_apart
from knowledge.evaluation import evaluate_live, evaluate_set
from knowledge.measure import recall
from knowledge.models import Article, Chunk
from knowledge.queries import search

ARTICLES = [
    {"id": "a", "lang": "pt", "title": "Prazo de entrega", "text": "O pedido chega em cinco dias úteis."},
    {"id": "b", "lang": "en", "title": "Reset your password", "text": "Open the link in our e-mail."},
    {"id": "c", "lang": "es", "title": "Devoluciones", "text": "Puedes devolver un producto en 30 días."},
]
QUERIES = [
    {"id": "1", "lang": "pt", "text": "quando chega meu pedido?", "expected": "a"},
    {"id": "2", "lang": "en", "text": "i forgot my password", "expected": ["b", "zz"]},
    {"id": "3", "lang": "en", "text": "can i return it", "expected": "c"},
    {"id": "4", "lang": "es", "text": "¿quién ganó el mundial?", "expected": None},
]


def lines(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines(tmp_path / "articles.jsonl", ARTICLES)
    lines(tmp_path / "queries.jsonl", QUERIES)
    return tmp_path


def printed(path: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("evaluate_retrieval", path, *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_set_is_indexed_apart_and_leaves_nothing(library: dict[str, Article], folder: Path) -> None:
    live = set(Article.objects.values_list("pk", flat=True)), Chunk.objects.count()
    told = evaluate_set(folder)
    assert (told.articles, len(told.found), recall(told.found, 1)) == (3, 4, 1)
    assert (set(Article.objects.values_list("pk", flat=True)), Chunk.objects.count()) == live
    assert search("troca de filtro")[0].article_id in live[0]


@pytest.mark.django_db
def test_live_articles_are_not_seen_apart(library: dict[str, Article]) -> None:
    with knowledge_apart():
        assert not Article.objects.exists()
        row = Article(title="Filtro", body="Troque o filtro.", language="pt", status="published")
        row.prepare()
        row.save()
        index_articles(article_ids=[row.pk])
        assert [passage.article_id for passage in search("troca de filtro")] == [row.pk]
    assert not Article.objects.filter(title="Filtro").exists()


def test_statement_that_was_planned_before_reads_what_is_apart(library: dict[str, Article]) -> None:
    with connection.cursor() as cursor:

        def counted() -> int:
            cursor.execute("EXECUTE counted")
            return int(cursor.fetchone()[0])

        # Where there was a temporary table before, PostgreSQL does not look again by itself.
        cursor.execute("CREATE TEMPORARY TABLE other (number int)")
        cursor.execute("PREPARE counted AS SELECT count(*) FROM knowledge_article")
        number = counted()
        with knowledge_apart():
            assert counted() == 0
        assert counted() == number > 0
        cursor.execute("DEALLOCATE counted")


@pytest.mark.django_db
def test_questions_are_told_by_language_and_beside_full_text(folder: Path) -> None:
    told = evaluate_set(folder)
    assert [one.rank for one in told.found] == [1, 1, 1, None]
    assert {language: len(outcomes) for language, outcomes in told.by_language.items()} == {
        "pt": 1, "en": 2, "es": 1
    }  # fmt: skip
    assert [one.crosses for one in told.found] == [False, False, True, False]
    assert [one.rank for one in told.full_text] == [1, 1, 0, None], "words are blind across languages"
    text = printed(folder)
    rows = [line.split() for line in text.splitlines()]
    assert ["all", "3", *["1.000"] * 4] in rows
    assert ["across", "languages", "1", *["1.000"] * 4] in rows
    assert "KNOWLEDGE_ANSWER_AT, recommended" in text


@pytest.mark.django_db
def test_programs_get_one_line(folder: Path) -> None:
    text = printed(folder, "--json")
    assert text.count("\n") == 1
    assert json.loads(text) == {"recall@1": 1, "recall@3": 1, "mrr@10": 1, "auc": 1, "n": 4}


def test_a_file_of_questions_is_asked_of_the_live_knowledge(
    library: dict[str, Article], tmp_path: Path
) -> None:
    path = tmp_path / "questions.jsonl"
    questions = [
        {"text": "troca de filtro", "lang": "pt", "expected": "como-trocar-o-filtro-do-purificador"},
        {"text": "motor warranty", "lang": "en", "expected": ["nothing", "qual-a-garantia-do-motor"]},
        {"text": "qual a capital da frança?", "lang": "pt", "expected": None},
    ]
    lines(path, questions)
    told = evaluate_live(path)
    assert [(one.rank, one.crosses) for one in told.found] == [(1, False), (1, True), (None, False)]
    assert json.loads(printed(path, "--json"))["n"] == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("queries.jsonl", [], "no questions"),
        ("queries.jsonl", [{"id": "1", "text": "x", "expected": "gone"}], "no article gone"),
        ("queries.jsonl", ["text"], "line 1"),
        ("articles.jsonl", [{"id": "a", "text": "x"}], "needs a title"),
        ("articles.jsonl", [{"title": "x"}], "no id"),
        ("articles.jsonl", [ARTICLES[0], ARTICLES[0]], "same id"),
    ],
)
def test_set_that_cannot_be_used_says_where(folder: Path, name: str, rows: list[Any], words: str) -> None:
    lines(folder / name, rows)
    with pytest.raises(CommandError, match=words):
        printed(folder)


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"not json", b"\xff\xfe", None])
def test_file_that_cannot_be_read_is_said(folder: Path, content: bytes | None) -> None:
    path = folder / "queries.jsonl"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for asked in (folder, path):
        with pytest.raises(CommandError, match="cannot be read"):
            printed(asked)
