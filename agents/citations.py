"""Which of the passages found does an answer use? Those whose number it names, and no others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm.types import Citation

_NUMBER = re.compile(r"\s?\[(\d{1,2})\]")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer with its sources: `[1]` in the text is the first of the citations."""

    text: str
    citations: tuple[Citation, ...]


def cite(text: str, found: Sequence[Citation]) -> Cited:
    """Keeps the citations that the text names, in that order, and numbers them anew.

    `found` are all passages shown in the run, in the order of their numbers. A number that nothing stands
    for is removed from the text: a source that does not exist must not look like one.
    """
    kept: list[Citation] = []

    def renumbered(match: re.Match[str]) -> str:
        number = int(match[1])
        if not 1 <= number <= len(found):
            return ""
        if found[number - 1] not in kept:
            kept.append(found[number - 1])
        return f"{match[0][: match[0].index('[')]}[{kept.index(found[number - 1]) + 1}]"

    return Cited(_NUMBER.sub(renumbered, text).strip(), tuple(kept))


def shifted(text: str, by: int) -> str:
    """Adds to the numbers at the beginning of a result's lines, so that a second search goes on counting."""
    return re.sub(r"^\[(\d{1,2})\]", lambda match: f"[{int(match[1]) + by}]", text, flags=re.MULTILINE)
