"""How long the other side of an HTTP call asks us to stay away."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Seconds; what is asked beyond that is not believed.
LONGEST = 24 * 3600.0
# The standard knows whole seconds only; some write fractions of them.
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Reads `retry-after` (RFC 9110 §10.2.3; names in lower case) and returns seconds, a day at the most.

    A date is counted from the answer's own `date`, so that clocks which differ do no harm, else from our
    clock; one that has passed is 0. None where nothing is asked, or nothing that can be read.
    """
    asked = str(headers.get("retry-after") or "").strip()
    if _SECONDS.fullmatch(asked):
        return min(LONGEST, float(asked))
    until = _date(asked)
    if until is None:
        return None
    answered = _date(str(headers.get("date") or "")) or datetime.now(UTC)
    return min(LONGEST, max(0.0, (until - answered).total_seconds()))


def _date(text: str) -> datetime | None:
    """Reads the three forms that HTTP has for a date, all of them in UTC."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
