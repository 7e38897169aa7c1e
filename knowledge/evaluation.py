"""How well search does on a set of articles and questions, beside full-text search alone."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from core.storable import storable
from knowledge.actions.articles import index_articles
from knowledge.apart import knowledge_apart
from knowledge.enums import ArticleStatus, Language
from knowledge.languages import detect, language_code
from knowledge.measure import Outcome
from knowledge.models import Article
from knowledge.queries import Passage, search

ARTICLES, QUESTIONS = "articles.jsonl", "queries.jsonl"
LOOKED_AT = 10
# What a good full-text search does with a chatty question: any of its words may match, in the language of
# each article. With all of them required it finds hardly anything.
FULL_TEXT = """
WITH told AS (
    SELECT id, title || ' ' || body AS text,
           CASE language WHEN 'pt' THEN 'portuguese' WHEN 'es' THEN 'spanish' ELSE 'english' END::regconfig
           AS config
      FROM knowledge_article WHERE status = 'published'
), matched AS (
    SELECT id, ts_rank_cd(to_tsvector(config, text),
                          replace(plainto_tsquery(config, %s)::text, '&', '|')::tsquery) AS score
      FROM told
)
SELECT id, score FROM matched WHERE score > 0 ORDER BY score DESC, id LIMIT %s
"""


class BadSet(Exception):
    """The set cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks. `expected`: the articles that answer it, none where nothing does."""

    text: str
    language: str
    expected: frozenset[int]


@dataclass(slots=True)
class Evaluation:
    """What came of each question, of the questions of each language, and of full-text search alone."""

    articles: int
    found: list[Outcome] = field(default_factory=list)
    by_language: dict[str, list[Outcome]] = field(default_factory=dict)
    full_text: list[Outcome] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def crossing(self) -> list[Outcome]:
        """Questions whose right articles are all in another language, and those that nothing answers."""
        return [one for one in self.found if one.crosses or one.rank is None]


def evaluate_set(folder: Path) -> Evaluation:
    """Indexes the articles of a set apart from the live knowledge and asks its questions there.

    The folder holds `articles.jsonl` (`id`, `lang`, `title`, `text`) and `queries.jsonl` (`id`, `lang`,
    `text`, `expected`: an article's id, a list of them, or null where none answers). Raises BadSet.
    """
    described = _lines(folder / ARTICLES)
    with knowledge_apart():
        rows = [_article(one, where) for where, one in described]
        Article.objects.bulk_create(rows)
        index_articles(article_ids=[row.pk for row in rows])
        names = {str(one["id"]): {row.pk} for (_where, one), row in zip(described, rows, strict=True)}
        if len(names) < len(rows):
            message = f"{folder / ARTICLES}: several articles have the same id"
            raise BadSet(message)
        return _asked(_questions(folder / QUESTIONS, names))


def evaluate_live(path: Path) -> Evaluation:
    """Asks questions of the knowledge as it is. Articles are named by their slug, or by the end of what they
    were imported from, without the ending (`pt/delivery-times`). Raises BadSet.
    """  # noqa: D205 (the first sentence is long)
    names: dict[str, set[int]] = {}
    for pk, key, slug in Article.objects.values_list("pk", "source_key", "slug"):
        tail = "/".join((key or "").partition(":")[2].split("/")[-2:]).rsplit(".", 1)[0]
        for name in {tail, slug} - {""}:
            names.setdefault(name, set()).add(pk)
    return _asked(_questions(path, names))


def _asked(questions: Sequence[Question]) -> Evaluation:
    languages = dict(Article.objects.current().values_list("pk", "language"))
    told = Evaluation(articles=len(languages))
    for question in questions:
        began = time.perf_counter()
        passages = search(question.text, limit=LOOKED_AT)
        told.seconds.append(time.perf_counter() - began)
        outcome = _of_search(question, passages, languages)
        told.found.append(outcome)
        told.by_language.setdefault(question.language, []).append(outcome)
        told.full_text.append(_of_full_text(question))
    return told


def _of_search(question: Question, found: Sequence[Passage], languages: dict[int, str]) -> Outcome:
    wanted = question.expected
    return Outcome(
        rank=_rank(question, [passage.article_id for passage in found]),
        score=found[0].score if found else 0.0,
        clear=bool(found) and found[0].is_clear,
        crosses=bool(wanted) and all(languages.get(pk) != question.language for pk in wanted),
    )


def _of_full_text(question: Question) -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute(FULL_TEXT, [question.text, LOOKED_AT])
        rows = cursor.fetchall()
    rank = _rank(question, [pk for pk, _score in rows])
    return Outcome(rank=rank, score=float(rows[0][1]) if rows else 0.0, clear=False)


def _rank(question: Question, found: Iterable[int]) -> int | None:
    if not question.expected:
        return None
    return next((place for place, pk in enumerate(found, start=1) if pk in question.expected), 0)


def _article(described: dict[str, Any], where: str) -> Article:
    title, text = (storable(str(described.get(name) or "")).strip() for name in ("title", "text"))
    if not title:
        message = f"{where}: an article needs a title"
        raise BadSet(message)
    row = Article(
        title=title[:200],
        body=text,
        language=language_code(str(described.get("lang") or "")) or detect(f"{title}\n{text}") or Language.EN,
        status=ArticleStatus.PUBLISHED,
    )
    row.prepare()
    return row


def _questions(path: Path, names: dict[str, set[int]]) -> list[Question]:
    found = [_question(one, where, names) for where, one in _lines(path)]
    if not found:
        message = f"{path}: there are no questions"
        raise BadSet(message)
    return found


def _question(described: dict[str, Any], where: str, names: dict[str, set[int]]) -> Question:
    expected = described.get("expected")
    wanted = expected if isinstance(expected, list) else [] if expected is None else [expected]
    known = [names[str(name)] for name in wanted if str(name) in names]
    if wanted and not known:
        message = f"{where}: there is no article {wanted[0]}"
        raise BadSet(message)
    text = storable(str(described.get("text") or ""))
    language = language_code(str(described.get("lang") or "")) or detect(text) or ""
    return Question(text, language, frozenset().union(*known))


def _lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        return list(_read(path))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}"
        raise BadSet(message) from error


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Gives each object with where it stands."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            described = json.loads(line)
            if not isinstance(described, dict) or (path.name == ARTICLES and "id" not in described):
                message = f"line {number} is no object, or has no id"
                raise ValueError(message)
            yield f"{path}, line {number}", described
