"""Careful reading of what a webhook holds: Meta's own payloads are not all of one mind."""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LONGEST_ID = 255
# Seconds since 1970 reach this in the year 5138, milliseconds reached it in 1973.
MILLISECONDS = 1e11


def listed(value: Any) -> list[Any]:
    """Returns a list as it is, nothing as an empty one, and anything else as its only element."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns an object, or an empty one for everything else."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Returns a string or number as text that a database takes; nothing for anything else.

    Zero bytes go, and half a character (JSON can hold the first of a pair alone) becomes a question mark.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "").encode("utf-8", "replace").decode().strip()


def number(value: Any) -> float | None:
    """Returns a finite number; JSON as Python reads it also holds NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def is_true(value: Any) -> bool:
    """Reads a flag; the documentation shows some as "true" in quotes."""
    return value is True or value == "true"


def moment(value: Any) -> datetime | None:
    """Reads a time in milliseconds or, in samples of the app's dashboard, in seconds; None for no time."""
    try:
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > MILLISECONDS else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def message_id(value: Any) -> str:
    """Returns Meta's id of a message; one that is longer than we keep is told by its digest."""
    mid = text(value)
    if len(mid) <= LONGEST_ID:
        return mid
    return "sha256:" + hashlib.sha256(mid.encode()).hexdigest()


def derived_id(kind: str, sender: str, data: Any) -> str:
    """Returns an id for what Meta gives none: the same each time that the same is told."""
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    return f"{kind}:{sender[:64]}:{digest[:32]}"


def is_derived(external_id: str) -> bool:
    """Whether an id is ours, so that Meta does not know it."""
    return external_id.startswith(("postback:", "referral:", "message:", "sha256:"))


def web_address(value: Any) -> str:
    """Returns an address that can be opened; one without a host is of Facebook's own site."""
    url = text(value)
    if url.startswith("/") and not url.startswith("//"):
        return f"https://www.facebook.com{url}"
    return url if url.startswith(("https://", "http://")) else ""
