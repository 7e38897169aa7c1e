"""What a value of a custom field may be. Pure."""

import re
from collections.abc import Callable, Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from conversations.enums import FieldKind
from core.storable import storable

LONGEST_NAME, LONGEST_VALUE, MOST_ATTRIBUTES = 60, 500, 100
# Up to here every program has the same number.
LARGEST_NUMBER = 2**53
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_is_url = URLValidator(schemes=["http", "https"])


def why_not(kind: str, choices: Sequence[str], value: object) -> str:
    """Says in the language that is active why a value does not fit a kind of field; "" where it fits.

    None fits none: it takes a value away. Nothing is converted, "5" is no number.
    """
    if kind == FieldKind.CHOICE:
        return "" if value in choices else _("Choose one of: %s.") % ", ".join(choices)
    return CHECKS[kind](value)


def free_why_not(name: str, value: object) -> str:
    """Says why a customer cannot have a value under a name that no field has; "" where they can."""
    if not name or name != name.strip() or len(name) > LONGEST_NAME or storable(name) != name:
        return _("A name has 1 to %d characters.") % LONGEST_NAME
    if not isinstance(value, str):
        return _("No custom field has this name; without one only texts can be kept.")
    return "" if _is_line(value) else _("A text may have %d characters.") % LONGEST_VALUE


def _is_line(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_VALUE and storable(value) == value


def _text(value: object) -> str:
    return "" if _is_line(value) and value else _("Write a text of 1 to %d characters.") % LONGEST_VALUE


def _number(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # What is no number at all, NaN, is not smaller than anything.
        return "" if abs(value) <= LARGEST_NUMBER else _("Write a number of at most 16 digits.")
    return _("Write a number.")


def _boolean(value: object) -> str:
    return "" if isinstance(value, bool) else _("Say true or false.")


def _date(value: object) -> str:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            date.fromisoformat(value)
            return ""
    except ValueError:
        pass
    return _("Write a date such as 2026-11-30.")


def _url(value: object) -> str:
    try:
        if _is_line(value):
            _is_url(value)
            return ""
    except ValidationError:
        pass
    return _("Write an address that begins with https:// or http://.")


CHECKS: dict[str, Callable[[object], str]] = {
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.DATE: _date,
    FieldKind.URL: _url,
}
