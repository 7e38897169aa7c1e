"""Why a question finds what it finds, for people who wonder."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from knowledge.enums import Audience, Fate, Verdict
from knowledge.languages import detect
from knowledge.queries.passages import PUBLIC, Passage, lowest_shown, search, worth_showing

LOOKED_AT = 12
SHOWN = 5  # how many an agent is shown


@dataclass(frozen=True, slots=True)
class Explained:
    """A passage that was found, with what becomes of it."""

    passage: Passage
    fate: Fate


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a question finds and what follows. `language` is the one it was taken for, None where unclear."""

    question: str
    language: str | None
    verdict: Verdict
    rows: Sequence[Explained]
    milliseconds: float


def explain(
    text: str,
    *,
    language: str | None = None,
    team_id: int | None = None,
    audiences: Sequence[Audience] = PUBLIC,
) -> Explanation:
    """Searches as an agent does, and says of each passage what put it there and what becomes of it."""
    began = time.perf_counter()
    found = search(text, limit=LOOKED_AT, language=language, team_id=team_id, audiences=audiences)
    taken = (time.perf_counter() - began) * 1000
    shown = {passage.chunk_id for passage in worth_showing(found)[:SHOWN]}
    rows = [Explained(passage, _fate(passage, shown)) for passage in found]
    return Explanation(text, language or detect(text), _verdict(found, shown), rows, taken)


def _verdict(found: Sequence[Passage], shown: set[int]) -> Verdict:
    if not shown:
        return Verdict.NOTHING
    return Verdict.ANSWER if found[0].is_certain else Verdict.OFFER


def _fate(passage: Passage, shown: set[int]) -> Fate:
    if passage.chunk_id in shown:
        return Fate.SHOWN
    if passage.repeats:
        return Fate.REPEATS
    floor = lowest_shown() if shown else settings.KNOWLEDGE_OFFER_AT
    return Fate.TOO_FAR if passage.score < floor else Fate.TOO_MANY
