"""Places in a text that are filled in for whoever reads it. Pure."""

import re
import unicodedata
from collections.abc import Mapping

# {{name}}, or {{plan|basic}} with what is said where nothing is known. A template's own {{1}} is another's.
PLACE = re.compile(r"\{\{\s*([\w .-]{1,60}?)\s*(?:\|([^{}|]{0,200}))?\}\}")


def plain_name(name: str) -> str:
    """Returns the name of a value as it is compared: without case, and with one sign between words.

    An accent is the same whether it was written as one sign with its letter or as two.
    """
    return re.sub(r"[\s.-]+", "_", composed(name).strip().casefold())


def composed(text: str) -> str:
    """Returns a text in which letters have their accents in one sign, as keyboards write them."""
    return unicodedata.normalize("NFC", text)


def places(text: str) -> list[str]:
    """Returns the names of the places of a text, each once, in their order."""
    return list(dict.fromkeys(plain_name(found[1]) for found in PLACE.finditer(composed(text))))


def needed(text: str) -> set[str]:
    """Returns the names of the places of a text that say nothing instead of a value that is not known."""
    return {plain_name(found[1]) for found in PLACE.finditer(composed(text)) if found[2] is None}


def has_broken_place(text: str) -> bool:
    """Says whether there are signs of a place that is none, which would be read as they stand."""
    rest = PLACE.sub("", composed(text))
    return "{{" in rest or "}}" in rest


def filled(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """Returns the text with its places filled, and the names of those for which nothing is known.

    A value is put in as it stands: it cannot bring places of its own.
    """
    missing: list[str] = []

    def value(place: re.Match[str]) -> str:
        name = plain_name(place[1])
        known = values.get(name, "").strip()
        if known:
            return known
        if place[2] is None:
            missing.append(name)
            return ""
        return place[2].strip()

    said = PLACE.sub(value, composed(text))
    return said, list(dict.fromkeys(missing))
