"""Quiet hours by a recipient's own clock. Pure."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
# Ends that are the beginning of other quiet hours, one after the other, before there is no use in waiting.
MOST_ENDS = 20


def quiet_end(now: datetime, zones: Iterable[str], start: time, end: time) -> datetime | None:
    """Returns when it stops being quiet in all the zones; None where it is not quiet in any of them now.

    `start` and `end` are times of day on the wall, `end` itself no longer quiet; 22:00 to 08:00 goes over
    midnight, two equal times are no hours at all. Where clocks are changed in the night, quiet begins at the
    earlier of two readings and ends at the later one: it may last up to an hour longer, never shorter. Zones
    of which one or another is always quiet have no such moment: then a later one to ask again.
    """
    clocks = [ZoneInfo(zone) for zone in zones]
    until: datetime | None = None
    for _number in range(MOST_ENDS):
        ends = [found for clock in clocks if (found := _end_in(until or now, clock, start, end))]
        if not ends:
            break
        until = max(ends)
    return until


def _end_in(now: datetime, zone: ZoneInfo, start: time, end: time) -> datetime | None:
    today = now.astimezone(zone).date()
    for day in (today - DAY, today):
        last = day + DAY if end < start else day
        if start != end and _moment(day, start, zone, min) <= now < (over := _moment(last, end, zone, max)):
            return over
    return None


def _moment(day: date, wall: time, zone: ZoneInfo, choose: Callable[..., datetime]) -> datetime:
    """Returns the moment of a reading of the clock, which in one night of the year comes twice or never."""
    readings = (datetime.combine(day, wall.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    return choose(readings)
