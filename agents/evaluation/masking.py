"""Taking out of a text what tells who a customer is: names, addresses, numbers. Pure.

The same is always put in place of the same, within one masking, so that a conversation stays one: order 4711
is 1000 wherever it is named, and 4712 is 1001. What nobody told beforehand is known by its form: an address,
four digits or more, a name after "my name is". Other names stay; who makes a case reads it before it is used.
"""

import re
import unicodedata
from collections.abc import Iterable

STAND_INS = ("Davi", "Duarte", "Marina", "Rui", "Eva", "Tomas", "Nina", "Lopes")
OTHERWISE = "Alex"
REMOVED = "(removed)"
SHORTEST_NAME, SHORTEST_SECRET = 3, 4
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# With what stands between digits of a phone number, a document, a date.
_NUMBER = re.compile(r"\d(?:[ .\-/()]{0,2}\d){3,}")
_WORD = re.compile(r"[^\W\d_]+")
_INTRODUCED = re.compile(
    r"\b(?i:meu nome é|me chamo|aqui é [oa]|my name is|this is|i am|i['’]m|me llamo|mi nombre es|soy)\s+"
    r"((?:[A-ZÀ-Þ][\w'’-]+\s*){1,4})"
)


class Masking:
    """What stands for what in one conversation."""

    def __init__(self, *, names: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        """Takes the names of those who take part, and texts that are removed wherever they stand."""
        self._names: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._secrets = sorted({text for text in secrets if len(text) >= SHORTEST_SECRET}, key=len)[::-1]
        for name in names:
            self._learn(name)

    def hear(self, text: str) -> None:
        """Learns the names by which people introduce themselves in a text."""
        for match in _INTRODUCED.finditer(text):
            self._learn(match[1])

    def mask(self, text: str) -> str:
        """Returns the text without what tells who somebody is."""
        text = _EMAIL.sub(lambda match: self._address(match[0]), text)
        for secret in self._secrets:
            text = re.sub(re.escape(secret), REMOVED, text, flags=re.IGNORECASE)
        text = _NUMBER.sub(lambda match: self._number(match[0]), text)
        return _WORD.sub(lambda match: self._names.get(_folded(match[0]), match[0]), text)

    def _learn(self, name: str) -> None:
        for word in _WORD.findall(_EMAIL.sub(" ", name)):
            if len(word) >= SHORTEST_NAME and _folded(word) not in self._names:
                number = len(self._names)
                self._names[_folded(word)] = STAND_INS[number] if number < len(STAND_INS) else OTHERWISE

    def _address(self, address: str) -> str:
        number = len(self._addresses) + 1
        return self._addresses.setdefault(address.casefold(), f"customer{number}@example.com")

    def _number(self, told: str) -> str:
        digits = re.sub(r"\D", "", told)
        stand_in = self._numbers.setdefault(digits, str(10 ** (len(digits) - 1) + len(self._numbers)))
        left = iter(stand_in)
        return "".join(next(left, "0") if sign.isdigit() else sign for sign in told)


def _folded(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
