"""Measures search on questions whose right articles are known."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import measure
from knowledge.measure import Outcome
from knowledge.models import Article
from knowledge.queries import Passage, search

LOOKED_AT = 10


class Command(BaseCommand):
    """Asks every question of a file and prints how often the right article came first, and what the two
    thresholds of the settings make of them; they are worth finding anew for a help centre of one's own.

    The file holds one JSON object a line: `text`, `lang` (optional) and `expected`, the right article, a list
    of them, or null where there is none. An article is named by the end of what it was imported from, without
    the ending (`pt/delivery-times`), or by its slug. Writes nothing but its table.
    """  # noqa: D205 (the first sentence is long)

    help = "Measures search on a file of questions (JSON lines: text, lang, expected)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("questions", type=Path)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        asked = list(outcomes_of(options["questions"]))
        if not asked:
            raise CommandError("There are no questions in this file.")
        self._tell([outcome for outcome, _seconds in asked], [seconds for _outcome, seconds in asked])

    def _tell(self, outcomes: list[Outcome], seconds: list[float]) -> None:
        crossing = [outcome for outcome in outcomes if outcome.crosses]
        figures = {
            "R@1": measure.recall(outcomes, 1),
            "R@3": measure.recall(outcomes, 3),
            "MRR@10": measure.reciprocal_rank(outcomes),
            "AUC": measure.separation(outcomes),
            f"R@1 across languages ({len(crossing)})": measure.recall(crossing, 1),
        }
        answerable = sum(outcome.rank is not None for outcome in outcomes)
        self.stdout.write(f"{answerable} answerable questions, {len(outcomes) - answerable} others")
        for name, figure in figures.items():
            self.stdout.write(f"{name:32} {figure:.3f}")
        self.stdout.write(f"{'median time':32} {median(seconds) * 1000:.1f} ms")
        self.stdout.write("score >=    answerable  first is right  others")
        for number in range(10, 52, 2):
            self._level(measure.level(outcomes, number / 100), "")
        answer_at = settings.KNOWLEDGE_ANSWER_AT
        self._level(measure.level(outcomes, settings.KNOWLEDGE_OFFER_AT), "offered")
        self._level(measure.level(outcomes, answer_at), "answered")
        self._level(measure.level(outcomes, answer_at, certain_only=True), "answered with a clear lead")

    def _level(self, row: measure.Level, name: str) -> None:
        shares = f"{row.reached:10.0%}  {row.right:14.0%}  {row.reached_by_others:6.1%}"
        self.stdout.write(f"{row.threshold:8.2f}    {shares}  {name}".rstrip())


def outcomes_of(path: Path) -> Iterator[tuple[Outcome, float]]:
    """Asks the questions of a file one by one; gives what came of each, and the seconds it took."""
    names = {name: (pk, language) for pk, language, *all_names in _named() for name in all_names}
    for question in _questions(path):
        began = time.perf_counter()
        found = search(question["text"], limit=LOOKED_AT)
        yield _outcome(question, found, names), time.perf_counter() - began


def _outcome(question: dict[str, Any], found: list[Passage], names: dict[str, tuple[int, str]]) -> Outcome:
    expected = question["expected"] or []
    wanted = [
        names[name] for name in ([expected] if isinstance(expected, str) else expected) if name in names
    ]
    ids = {pk for pk, _language in wanted}
    rank = next((place for place, passage in enumerate(found, start=1) if passage.article_id in ids), 0)
    return Outcome(
        rank=rank if expected else None,
        score=found[0].score if found else 0.0,
        certain=bool(found) and found[0].is_certain,
        crosses=bool(wanted) and all(language != question.get("lang") for _pk, language in wanted),
    )


def _named() -> Iterator[tuple[int, str, str, str]]:
    for pk, language, key, slug in Article.objects.values_list("pk", "language", "source_key", "slug"):
        tail = "/".join((key or "").partition(":")[2].split("/")[-2:]).rsplit(".", 1)[0]
        yield pk, language, tail, slug


def _questions(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
