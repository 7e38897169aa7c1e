"""Places in a campaign's words that are filled in for each recipient. Pure."""

import re
from collections.abc import Mapping

# {{name}}, or {{plan|basic}} with what is said where nothing is known. A template's own {{1}} is another's.
PLACE = re.compile(r"\{\{\s*([\w .-]{1,60}?)\s*(?:\|([^{}|]{0,200}))?\}\}")


def plain_name(name: str) -> str:
    """Returns the name of a value as it is compared: without case, and with one sign between words."""
    return re.sub(r"[\s.-]+", "_", name.strip().casefold())


def places(text: str) -> list[str]:
    """Returns the names of the places of a text, each once, in their order."""
    return list(dict.fromkeys(plain_name(found[1]) for found in PLACE.finditer(text)))


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

    said = PLACE.sub(value, text)
    return said, list(dict.fromkeys(missing))
