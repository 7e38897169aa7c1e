"""Values out of JSON that others wrote: of the type that is asked for, or empty.

Evolution passes on what Baileys decoded from protobuf, and versions differ in how: a 64-bit number is a
number, a string or an object with `low` and `high`; a field may be absent, null or an empty object.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# Seconds since 1970 stay below this until the year 5138; what is above counts milliseconds.
MILLISECONDS_FROM = 100_000_000_000


def load(body: bytes) -> Any:
    """Returns what a body holds, fit for PostgreSQL; raises ValueError for what is no JSON.

    PostgreSQL stores neither NUL nor half a surrogate pair (a name cut in the middle of an emoji) nor NaN.
    """
    try:
        return _clean(json.loads(body, parse_constant=_finite, parse_float=_finite))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else _whole(value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return value


def _whole(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Returns a list, or what is given as the only item of one; nothing for null."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def string(value: Any) -> str:
    """Returns text without surrounding space."""
    return value.strip() if isinstance(value, str) else ""


def number(value: Any) -> int:
    """Returns a whole number, in whichever form a 64-bit one came; 0 for anything else."""
    if isinstance(value, dict):
        return (number(value.get("high")) << 32) + (number(value.get("low")) & 0xFFFFFFFF)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return 0
    try:
        return int(value)
    except ValueError:
        return 0


def truth(value: Any) -> bool:
    """Returns whether something is true, said as JSON or as a word."""
    return value is True or value == "true"


def moment(value: Any) -> datetime | None:
    """Returns the time of a count of seconds or milliseconds since 1970, of ISO 8601 with a zone; or None."""
    count = number(value)
    try:
        if isinstance(value, str) and "T" in value:
            told = datetime.fromisoformat(value)
            return told if told.tzinfo else None
        if count <= 0:
            return None
        seconds = count / 1000 if count >= MILLISECONDS_FROM else count
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
