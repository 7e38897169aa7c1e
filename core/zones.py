"""The time zones that there are."""

from functools import cache
from zoneinfo import available_timezones


@cache
def time_zones() -> frozenset[str]:
    """Returns the names of time zones, such as America/Sao_Paulo; they are looked for on the disk once."""
    return frozenset(available_timezones())
