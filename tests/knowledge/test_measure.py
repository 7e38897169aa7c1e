"""The arithmetic of measuring search."""

import pytest

from knowledge.measure import (
    Outcome,
    Thresholds,
    level,
    percentile,
    recall,
    reciprocal_rank,
    recommended,
    separation,
)


def outcome(rank: int | None, score: float = 0.5, *, clear: bool = False) -> Outcome:
    return Outcome(rank, score, clear)


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
        outcome(1, 0.5, clear=True),
        outcome(2, 0.5),
        outcome(1, 0.1),
        outcome(None, 0.5),
        outcome(None, 0.2),
    ]
    found = level(outcomes, 0.5)
    assert found.reached == pytest.approx(2 / 3)
    assert (found.right, found.reached_by_others) == (0.5, 0.5)
    strict = level(outcomes, 0.5, clear_only=True)
    assert strict.reached == pytest.approx(1 / 3)
    assert (strict.right, strict.reached_by_others) == (1, 0)


def test_figures_of_nothing_are_zero() -> None:
    assert recall([], 1) == reciprocal_rank([]) == separation([]) == level([], 0.1).reached == 0


def test_answers_are_recommended_from_where_nine_of_ten_are_right() -> None:
    sure = [outcome(1, 0.6, clear=True)] * 9 + [outcome(2, 0.6, clear=True)]
    offered = [outcome(2, 0.4, clear=True)] * 5
    others = [outcome(None, 0.3)] * 50
    assert recommended([*sure, *offered, *others]) == Thresholds(answer_at=0.41, offer_at=0.31)
    # One of the others too many, or the first too often wrong: nothing is answered alone.
    assert recommended([*sure, *others[:40], *[outcome(None, 0.9, clear=True)] * 2]).answer_at == 1
    assert recommended([*sure, outcome(2, 0.7, clear=True), *others]).answer_at == 1


def test_nothing_close_to_another_counts_as_answered() -> None:
    unclear = [outcome(2, 0.6)] * 10
    assert recommended([outcome(1, 0.6, clear=True), *unclear, outcome(None, 0.1)]).answer_at == 0.11


def test_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2, 4], 0.5) == 2
    assert percentile(range(100), 0.95) == 94
    assert percentile([], 0.95) == 0
