"""What words a question and a text share, typos and endings forgiven: by groups of letters. Pure.

Compared is only among texts that are near in meaning already, and a group that most of them have says
little: `order` among ten articles about orders. (The share of the question that a text has, each group
weighted by its inverse document frequency as in BM25, with the texts as the collection.)
"""

import math
import re
import unicodedata
from collections.abc import Sequence

LENGTHS = (3, 4, 5)
READ = 500  # characters of a text
_NOT_WORDS = re.compile(r"[\W_]+")


def shares(question: str, texts: Sequence[str]) -> list[float]:
    """Returns for each text, from 0 to 1, how much of what tells the question apart stands in it too."""
    groups = _groups(folded(question))
    plain = [folded(text) for text in texts]
    weights = {group: _weight(sum(group in text for text in plain), len(plain)) for group in groups}
    whole = sum(weights.values()) or 1.0
    return [sum(weight for group, weight in weights.items() if group in text) / whole for text in plain]


def folded(text: str) -> str:
    """Returns the words in small letters without accents, each with a space before and behind."""
    taken_apart = unicodedata.normalize("NFKD", text[:READ].casefold())
    return f" {_NOT_WORDS.sub(' ', taken_apart.translate(_MARKS)).strip()} "


def _groups(words: str) -> set[str]:
    return {
        padded[start : start + length]
        for padded in (f" {word} " for word in words.split())
        for length in LENGTHS
        for start in range(len(padded) - length + 1)
    }


def _weight(having: int, all_: int) -> float:
    return math.log(1 + (all_ - having + 0.5) / (having + 0.5))


# Accents that stand by themselves once letters are taken apart.
_MARKS = dict.fromkeys(range(0x0300, 0x0370))
