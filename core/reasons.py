"""Why something did not work, kept in no language.

A worker writes down why a message failed; people of several languages read it. So a reason is stored as its
English source with a mark behind it, and behind that what is filled in, as JSON; it is translated where it is
shown. What others say bears no mark, and is shown as they said it.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.utils.translation import gettext

MARK = "\x1f"
# Characters of one thing that is filled in: a reason must fit where it is stored, or its end is lost.
LONGEST = 250
# Only what is simply put in; a stranger's text in the place of a source must not be able to ask for more.
_PLACE = re.compile(r"%%|%(?:\((\w+)\))?[sd]")


def reason(source: str, *values: object, **named: object) -> str:
    """Returns a reason to be stored; `source` is collected for translation like gettext's.

    `values` go into its `%s`, `named` into its `%(name)s`; each may be a reason itself.
    """
    filled = [_short(value) for value in values] or {name: _short(value) for name, value in named.items()}
    return f"{source}{MARK}{json.dumps(filled, ensure_ascii=False) if filled else ''}"


def said(text: str) -> str:
    """Returns a stored text in the active language: reasons translated, line by line, all else as it is."""
    return "\n".join(_said(line, gettext) for line in text.split("\n")) if MARK in text else text


def in_english(text: str) -> str:
    """Returns a stored text for logs and for other programs."""
    return "\n".join(_said(line, str) for line in text.split("\n"))


def _said(line: str, translate: Callable[[str], str]) -> str:
    source, mark, filled = line.partition(MARK)
    # The header of a catalogue stands under the empty source.
    if not mark or not source:
        return line.replace(MARK, "")
    values = _filled(filled)
    in_turn = iter(values if isinstance(values, list) else ())
    named = values if isinstance(values, dict) else {}
    return _PLACE.sub(lambda place: _value(place, in_turn, named, translate), translate(source))


def _filled(text: str) -> Any:
    """Returns what is filled in; of what was cut off where it was stored, as much as is left."""
    for end in ("", '"]', '"}'):
        for rest in (text, text[:-1]):
            with suppress(ValueError):
                return json.loads(rest + end) if text else []
    return []


def _value(
    place: re.Match[str], in_turn: Iterator[Any], named: dict[str, Any], translate: Callable[[str], str]
) -> str:
    if place[0] == "%%":
        return "%"
    value = named.get(place[1], "…") if place[1] else next(in_turn, "…")
    return _said(str(value), translate)


def _short(value: object) -> object:
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value if isinstance(value, int) else str(value)
    return in_english(value)[:LONGEST]
