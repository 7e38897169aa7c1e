"""How well search does on a set of questions whose right articles are known. Pure arithmetic.

Definitions: R@k, the share of answerable questions with a right article among the first k; MRR@10, the mean
of 1/rank (0 beyond 10); AUC, the chance that the best score of an answerable question beats that of one that
no article answers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

RIGHT_ENOUGH, FEW_OTHERS = 0.9, 0.02
_STEPS = [number / 100 for number in range(1, 100)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What search made of one question.

    `rank` of the first right article from 1 (0: not among those looked at); None where no article answers
    the question. `clear`: no other article came close to the first. `crosses`: every right article is in
    another language than the question.
    """

    rank: int | None
    score: float
    clear: bool
    crosses: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """What happens at a threshold: shares of all answerable questions, and of all others."""

    threshold: float
    reached: float
    right: float
    reached_by_others: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a passage is given as the answer, and from which it is offered."""

    answer_at: float
    offer_at: float


def recall(outcomes: Sequence[Outcome], k: int) -> float:
    """Returns R@k of the answerable questions."""
    return _mean([1 <= (outcome.rank or 0) <= k for outcome in _answerable(outcomes)])


def reciprocal_rank(outcomes: Sequence[Outcome]) -> float:
    """Returns MRR@10 of the answerable questions."""
    ranks = [outcome.rank or 0 for outcome in _answerable(outcomes)]
    return _mean([1 / rank if 1 <= rank <= 10 else 0.0 for rank in ranks])  # noqa: PLR2004 (MRR@10)


def separation(outcomes: Sequence[Outcome]) -> float:
    """Returns the AUC of the best score: answerable against the rest. Ties count half."""
    inside = [outcome.score for outcome in _answerable(outcomes)]
    outside = [outcome.score for outcome in _others(outcomes)]
    return _mean([(a > b) + 0.5 * (a == b) for a in inside for b in outside])


def level(outcomes: Sequence[Outcome], threshold: float, *, clear_only: bool = False) -> Level:
    """Returns what a threshold would let through, and how often the first article of that is right."""

    def passes(outcome: Outcome) -> bool:
        return outcome.score >= threshold and (outcome.clear or not clear_only)

    inside = [outcome for outcome in _answerable(outcomes) if passes(outcome)]
    return Level(
        threshold=threshold,
        reached=_mean([passes(outcome) for outcome in _answerable(outcomes)]),
        right=_mean([outcome.rank == 1 for outcome in inside]),
        reached_by_others=_mean([passes(outcome) for outcome in _others(outcomes)]),
    )


def recommended(outcomes: Sequence[Outcome]) -> Thresholds:
    """Returns thresholds that fit these questions; they want some hundred, and others besides.

    Offered is where most answerable questions are told from the rest (Youden's index). Answered alone, with a
    clear lead, is from where on nine of ten answers are right and of the rest not one in fifty is answered;
    1 where there is no such place: never.
    """
    offer_at = max(_STEPS, key=lambda at: _gain(level(outcomes, at)))
    for at in _STEPS:
        passed = level(outcomes, at, clear_only=True)
        if at >= offer_at and passed.right >= RIGHT_ENOUGH and passed.reached_by_others <= FEW_OTHERS:
            return Thresholds(at, offer_at)
    return Thresholds(1.0, offer_at)


def percentile(values: Sequence[float], part: float) -> float:
    """Returns the nearest-rank percentile (`part` 0 to 1); 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


def _gain(at: Level) -> float:
    return at.reached - at.reached_by_others


def _answerable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.rank is not None]


def _others(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.rank is None]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
