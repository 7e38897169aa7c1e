"""How well search does on a set of questions whose right articles are known. Pure arithmetic.

Definitions: R@k, the share of answerable questions with a right article among the first k; MRR@10, the mean
of 1/rank (0 beyond 10); AUC, the chance that the best score of an answerable question beats that of one that
no article answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What search made of one question.

    `rank` of the first right article from 1 (0: not among those looked at); None where no article answers
    the question. `crosses`: every right article is in another language than the question.
    """

    rank: int | None
    score: float
    certain: bool
    crosses: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """What happens at a threshold: shares of all answerable questions, and of all others."""

    threshold: float
    reached: float
    right: float
    reached_by_others: float


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


def level(outcomes: Sequence[Outcome], threshold: float, *, certain_only: bool = False) -> Level:
    """Returns what a threshold would let through, and how often the first article of that is right."""

    def passes(outcome: Outcome) -> bool:
        return outcome.score >= threshold and (outcome.certain or not certain_only)

    inside = [outcome for outcome in _answerable(outcomes) if passes(outcome)]
    return Level(
        threshold=threshold,
        reached=_mean([passes(outcome) for outcome in _answerable(outcomes)]),
        right=_mean([outcome.rank == 1 for outcome in inside]),
        reached_by_others=_mean([passes(outcome) for outcome in _others(outcomes)]),
    )


def _answerable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.rank is not None]


def _others(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.rank is None]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
