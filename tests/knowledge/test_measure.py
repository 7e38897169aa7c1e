"""The arithmetic of measuring search, and the command that prints it."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from knowledge.measure import Outcome, level, recall, reciprocal_rank, separation
from knowledge.models import Article


def outcome(rank: int | None, score: float = 0.5, *, certain: bool = False) -> Outcome:
    return Outcome(rank, score, certain)


def test_recall_and_reciprocal_rank_count_answerable_questions_only() -> None:
    outcomes = [outcome(1), outcome(2), outcome(4), outcome(0), outcome(None), outcome(11)]
    assert recall(outcomes, 1) == pytest.approx(1 / 5)
    assert recall(outcomes, 3) == pytest.approx(2 / 5)
    assert reciprocal_rank(outcomes) == pytest.approx((1 + 1 / 2 + 1 / 4) / 5)


def test_separation_is_the_share_of_pairs_in_the_right_order() -> None:
    assert separation([outcome(1, 0.9), outcome(1, 0.4), outcome(None, 0.5), outcome(None, 0.4)]) == 0.625
    assert separation([outcome(1, 0.9)]) == 0


def test_level_tells_what_a_threshold_lets_through() -> None:
    outcomes = [
        outcome(1, 0.5, certain=True),
        outcome(2, 0.5),
        outcome(1, 0.1),
        outcome(None, 0.5),
        outcome(None, 0.2),
    ]
    found = level(outcomes, 0.5)
    assert found.reached == pytest.approx(2 / 3)
    assert (found.right, found.reached_by_others) == (0.5, 0.5)
    strict = level(outcomes, 0.5, certain_only=True)
    assert strict.reached == pytest.approx(1 / 3)
    assert (strict.right, strict.reached_by_others) == (1, 0)


def test_figures_of_nothing_are_zero() -> None:
    assert recall([], 1) == reciprocal_rank([]) == separation([]) == level([], 0.1).reached == 0


def test_measure_search_prints_the_figures(library: dict[str, Article], tmp_path: Path) -> None:
    questions = [
        {"text": "troca de filtro", "lang": "pt", "expected": "como-trocar-o-filtro-do-purificador"},
        {"text": "motor warranty", "lang": "en", "expected": ["nothing", "qual-a-garantia-do-motor"]},
        {"text": "qual a capital da frança?", "lang": "pt", "expected": None},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, questions)) + "\n\n", encoding="utf-8")
    out = io.StringIO()
    call_command("measure_search", path, stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[0][:3] == ["2", "answerable", "questions,"]
    assert ["R@1", "1.000"] in lines
    assert ["AUC", "1.000"] in lines
    assert ["R@1", "across", "languages", "(1)", "1.000"] in lines


@pytest.mark.parametrize("content", ["", "not json", None])
def test_measure_search_without_questions_is_an_error(db: None, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "questions.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError):
        call_command("measure_search", path)
