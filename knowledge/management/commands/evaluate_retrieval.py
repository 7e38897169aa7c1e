"""Measures search on questions whose right articles are known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from knowledge import measure
from knowledge.evaluation import BadSet, Evaluation, evaluate_live, evaluate_set
from knowledge.measure import Outcome


class Command(BaseCommand):
    """Asks every question of a set and prints how often the right article came first, beside full-text search
    alone, and at which thresholds it pays to answer or to offer. The set's articles are indexed apart: the
    live knowledge is neither asked nor touched. A file in place of a folder holds questions for the live one.
    """  # noqa: D205 (the first sentence is long)

    help = "Measures search on a folder with articles.jsonl and queries.jsonl, or on a file of questions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("set", type=Path, metavar="SET")
        parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        path: Path = options["set"]
        try:
            told = evaluate_set(path) if path.is_dir() else evaluate_live(path)
        except BadSet as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({**_figures(told.found), "n": len(told.found)}))
            return
        self._tell(told)

    def _tell(self, told: Evaluation) -> None:
        answerable = sum(one.rank is not None for one in told.found)
        others = len(told.found) - answerable
        self.stdout.write(
            f"{told.articles} articles; {answerable} questions that they answer, {others} others\n\n"
        )
        self.stdout.write(f"{'':24}{'n':>5}{'recall@1':>10}{'recall@3':>10}{'mrr@10':>10}{'auc':>10}")
        self._line("all", told.found)
        for language, outcomes in sorted(told.by_language.items()):
            self._line(f"  asked in {language or 'unknown'}", outcomes)
        self._line("  across languages", told.crossing)
        self._line("full text alone", told.full_text)
        slowest = measure.percentile(told.seconds, 0.95)
        self.stdout.write(f"\n95 of 100 questions took at most {slowest * 1000:.1f} ms\n")
        self._thresholds(told.found)

    def _line(self, name: str, outcomes: Sequence[Outcome]) -> None:
        figures = "".join(f"{value:10.3f}" for value in _figures(outcomes).values())
        self.stdout.write(f"{name:24}{sum(one.rank is not None for one in outcomes):5}{figures}")

    def _thresholds(self, outcomes: Sequence[Outcome]) -> None:
        self.stdout.write("\nscore >=    answerable  first is right  others")
        for number in range(10, 52, 2):
            self._level(measure.level(outcomes, number / 100), "")
        answer_at, offer_at = settings.KNOWLEDGE_ANSWER_AT, settings.KNOWLEDGE_OFFER_AT
        self._level(measure.level(outcomes, offer_at), "KNOWLEDGE_OFFER_AT, as set")
        self._level(
            measure.level(outcomes, answer_at, clear_only=True),
            "KNOWLEDGE_ANSWER_AT, as set, with a clear lead",
        )
        best = measure.recommended(outcomes)
        self._level(measure.level(outcomes, best.offer_at), "KNOWLEDGE_OFFER_AT, recommended")
        self._level(
            measure.level(outcomes, best.answer_at, clear_only=True),
            "KNOWLEDGE_ANSWER_AT, recommended, with a clear lead",
        )

    def _level(self, row: measure.Level, name: str) -> None:
        shares = f"{row.reached:10.0%}  {row.right:14.0%}  {row.reached_by_others:6.1%}"
        self.stdout.write(f"{row.threshold:8.2f}    {shares}  {name}".rstrip())


def _figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {
        "recall@1": measure.recall(outcomes, 1),
        "recall@3": measure.recall(outcomes, 3),
        "mrr@10": measure.reciprocal_rank(outcomes),
        "auc": measure.separation(outcomes),
    }
