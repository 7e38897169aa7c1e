"""Does an answer say only what the run has seen? Sentence by sentence, before it is final.

Two tests, both cheap and blind to languages:

- Facts: each number, amount, date, time, address and link of a sentence must stand in what was seen: in
  passages, results of tools, what the customer and we have said, the agent's persona.
- Meaning: where passages were shown, a sentence without such facts must have to do with what was seen.
  Freely translated sentences of 118 articles have a cosine of 0.25 or more with their article in another
  language in 95 of 100 cases; of sentences from elsewhere 53 of 100 have less. So it removes what is far
  off, and mostly spares what is right. A lie in the right words it does not see; most lies have a number.

Questions, courtesies and very short sentences state nothing, and stay.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypedDict

import numpy as np

from agents.enums import Ground
from agents.models import Step
from core.reasons import reason
from knowledge.tools import parse_result

COURTESIES = Path(__file__).with_name("courtesies.txt")
NEAR_A_PASSAGE = 0.25
# So near to a courtesy is one.
NEAR_A_COURTESY = 0.45
FEWEST_WORDS = 4
# How a run says that it came to this.
UNSUPPORTED = reason("Nothing that the agent had seen supports its answer.")
MOST_SENTENCES = 400  # of what was seen; a run is shown at most forty passages
Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]

# A sentence ends with its mark, and the numbers of its sources stand behind it.
_END = re.compile(r"[.!?…][\"'”)*]*(?:\s?\[\d{1,2}\])*(?=\s+[\"'“(¿¡*]*[A-ZÀ-Þ0-9])")
_MARKER = re.compile(r"^\s*(?:(?:[-*+•>]|#{1,6}|\d{1,2}[.)])\s+)+")
_SOURCE = re.compile(r"\s?\[\d{1,2}\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]\"']+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
# A whole hour has many spellings.
_FULL_HOUR = re.compile(r"(?<=\d)\s?(?::|h)00\b")
_FENCE = "```"
_SMALL = (
    "zero|um uma un uno una one a|dois duas dos two|três tres three|quatro cuatro four|cinco five|seis six"
    "|sete siete seven|oito ocho eight|nove nueve nine|dez diez ten|onze once eleven|doze doce twelve"
    "|treze trece thirteen|catorze quatorze catorce fourteen|quinze quince fifteen"
)
_WORDS = {word: str(number) for number, words in enumerate(_SMALL.split("|")) for word in words.split()}
_WORDS |= {"vinte": "20", "veinte": "20", "twenty": "20", "trinta": "30", "treinta": "30", "thirty": "30"}


class Check(TypedDict):
    """What came of a sentence, as the trace keeps it. `score` is its cosine with the nearest passage."""

    text: str
    ground: str
    score: float | None
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer may rest on. `passages`: what the knowledge says; `told`: everything else there was."""

    passages: Sequence[str]
    told: Sequence[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer without what nothing supports. `states`: at least one statement is left, or none was made."""

    text: str
    checks: tuple[Check, ...]
    states: bool


@dataclass(slots=True)
class _Piece:
    """A sentence of a line, with the space behind it."""

    text: str
    plain: str = field(init=False)

    def __post_init__(self) -> None:
        self.plain = _SOURCE.sub("", _MARKER.sub("", self.text)).strip(" *_`|")


def check(answer: str, seen: Seen, *, embed: Embed) -> Checked:
    """Leaves out of an answer every sentence that states what was not seen; see the module.

    What is between code fences stays as it is. Pure but for `embed`, which is asked once.
    """
    lines = list(_lines(answer))
    pieces = [piece for _marker, found in lines for piece in found if piece.plain]
    judged = _judged(pieces, seen, embed)
    kept = [_kept(marker, found, judged) for marker, found in lines]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line for line in kept if line is not None)).strip()
    checks = tuple(judged[id(piece)] for piece in pieces)
    grounds = {one["ground"] for one in checks}
    return Checked(text, checks, Ground.UNSUPPORTED not in grounds or Ground.SUPPORTED in grounds)


def seen_in(steps: Iterable[Step], told: Iterable[str]) -> Seen:
    """Returns what a run has seen: what its tools returned, and what was said."""
    passages: list[str] = []
    results: list[str] = []
    for step in steps:
        found = parse_result(step.result)
        passages += [f"{one.title}\n{one.text}" for one in found]
        # Buttons are the agent's own words.
        results += [step.result] if not found and not step.choices and not step.failed else []
    return Seen(passages, [*results, *told])


def sentences(answer: str) -> list[str]:
    """Returns what an answer says, sentence by sentence, without marks and numbers of sources."""
    return [piece.plain for _marker, found in _lines(answer) for piece in found if piece.plain]


def facts(text: str) -> set[str]:
    """Returns what can be compared letter by letter: numbers in one spelling, addresses in small letters."""
    addresses = {found.rstrip(".,;:!?").casefold() for found in _ADDRESS.findall(text)}
    return addresses | {
        _number(found) for found in _NUMBER.findall(_FULL_HOUR.sub(" ", _ADDRESS.sub(" ", text)))
    }


def _lines(answer: str) -> Iterator[tuple[str, list[_Piece]]]:
    """Yields the lines with the sentences of each; of code and empty lines, the line and no sentence."""
    is_code = False
    for line in answer.split("\n"):
        is_fence = line.strip().startswith(_FENCE)
        if is_fence or is_code or not line.strip():
            is_code = is_code != is_fence
            yield line, []
            continue
        marker = match[0] if (match := _MARKER.match(line)) else ""
        yield marker, [_Piece(text) for text in _sentences(line[len(marker) :])]


def _sentences(line: str) -> list[str]:
    ends = [match.end() for match in _END.finditer(line)]
    return [line[start:end] for start, end in zip([0, *ends], [*ends, len(line)], strict=True)]


def _judged(pieces: Sequence[_Piece], seen: Seen, embed: Embed) -> dict[int, Check]:
    known = facts("\n".join((*seen.passages, *seen.told)))
    known |= _words_of((*seen.passages, *seen.told))
    # What was told counts too, but alone it makes no knowledge: a greeting may be answered freely.
    texts = (*seen.passages, *seen.told) if seen.passages else ()
    parts = [part for text in texts for part in _parts(text)][:MOST_SENTENCES]
    courtesies = _courtesies()
    plain = [piece.plain for piece in pieces]
    vectors = np.asarray(embed([*plain, *parts, *courtesies]), dtype=np.float32) if plain else None
    found: dict[int, Check] = {}
    for number, piece in enumerate(pieces):
        score = polite = 0.0
        if vectors is not None:
            near = vectors[len(plain) :] @ vectors[number]
            score = float(near[: len(parts)].max()) if parts else 0.0
            polite = float(near[len(parts) :].max())
        found[id(piece)] = _verdict(piece.plain, known, score if parts else None, polite)
    return found


def _verdict(text: str, known: set[str], score: float | None, polite: float) -> Check:
    named = facts(text)
    missing = sorted(one for one in named if not _is_known(one, known))
    if missing:
        ground = Ground.UNSUPPORTED
    elif named:
        ground = Ground.SUPPORTED
    elif text.endswith("?") or len(text.split()) < FEWEST_WORDS or polite >= NEAR_A_COURTESY:
        ground = Ground.NO_CLAIM
    elif score is not None and score < NEAR_A_PASSAGE:
        ground = Ground.UNSUPPORTED
    else:
        ground = Ground.SUPPORTED
    rounded = None if score is None else round(score, 3)
    return Check(text=text[:500], ground=ground, score=rounded, missing=missing[:10])


def _kept(marker: str, pieces: Sequence[_Piece], judged: dict[int, Check]) -> str | None:
    if not pieces:
        return marker
    left = [
        piece.text for piece in pieces if not piece.plain or judged[id(piece)]["ground"] != Ground.UNSUPPORTED
    ]
    text = "".join(left).strip()
    return f"{marker}{text}" if text else None


def _is_known(fact: str, known: set[str]) -> bool:
    if fact in known:
        return True
    if "." in fact and not fact.replace(".", "").isdigit():
        # A link may lead deeper than the one that was shown, never elsewhere.
        return any(fact.startswith(one) and "/" in one for one in known)
    # "6 pm" and "18h" are one time.
    noon, number = 12, int(fact) if fact.isdigit() else 0
    other = number + noon if number <= noon else number - noon
    return 0 < number < 2 * noon and str(other) in known


def _number(text: str) -> str:
    """Returns a number in one spelling: 1.299,90 and 1,299.90 are 1299.9; 18 and 18.00 are 18."""
    if _THOUSANDS.fullmatch(text):
        whole, _sign, rest = text.rpartition(max(",", ".", key=text.rfind))
        grouped = len(rest) == 3  # noqa: PLR2004
        text = re.sub(r"[.,]", "", text) if grouped else f"{re.sub(r'[.,]', '', whole)}.{rest}"
    parts = re.split(r"[.,]", text)
    if len(parts) != 2:  # noqa: PLR2004 (1.2.3 and 12.11.2026 are names, not amounts)
        return ".".join(part.lstrip("0") or "0" for part in parts)
    whole, rest = parts[0].lstrip("0") or "0", parts[1].rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _words_of(texts: Sequence[str]) -> set[str]:
    words = set(re.findall(r"\w+", " ".join(texts).casefold()))
    return {number for word, number in _WORDS.items() if word in words}


def _parts(passage: str) -> list[str]:
    """A passage's sentences, and all of it: a sentence may sum up several."""
    found = [part.strip(" •\n") for line in passage.split("\n") for part in _sentences(line)]
    return [*(part for part in found if part), passage]


@cache
def _courtesies() -> tuple[str, ...]:
    lines = COURTESIES.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
