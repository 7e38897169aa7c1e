"""Quiet hours by clocks that are set forward, back, by half an hour, and over a whole day."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.quiet import quiet_end

NIGHT = (time(22), time(8))
FIRST, LAST = (datetime.fromisoformat(f"{year}-01-01T00:00:00") for year in (2000, 2037))
# With and without changes, at midnight (São Paulo, Havana, Beirut), by half an hour (Lord Howe), with
# quarters of an hour (Kathmandu, Chatham), back over midnight (Azores), over the date line (Apia).
ZONES = [
    *("America/New_York", "Europe/Madrid", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"),
    *("Asia/Kathmandu", "Pacific/Chatham", "America/Havana", "Asia/Beirut", "Atlantic/Azores"),
    *("Pacific/Apia", "Africa/Casablanca", "Asia/Kolkata", "America/St_Johns", "Europe/Lisbon"),
]


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def is_inside(moment: datetime, zone: str, start: time, end: time) -> bool:
    """The rule as people say it: what the clock on the wall shows lies between the two times."""
    wall = moment.astimezone(ZoneInfo(zone)).time()
    if start <= end:
        return start <= wall < end
    return wall >= start or wall < end


@pytest.mark.parametrize(
    ("zone", "now", "end"),
    [
        # Clocks go forward at two in the night, and back.
        ("America/New_York", "2026-03-08T01:59:59-05:00", "2026-03-08T08:00:00-04:00"),
        ("America/New_York", "2026-11-01T01:30:00-04:00", "2026-11-01T08:00:00-05:00"),
        ("America/New_York", "2026-11-01T01:30:00-05:00", "2026-11-01T08:00:00-05:00"),
        ("Europe/Madrid", "2026-03-28T23:00:00+01:00", "2026-03-29T08:00:00+02:00"),
        ("Europe/Madrid", "2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+01:00"),
        # Half an hour, on the other side of the world.
        ("Australia/Lord_Howe", "2026-04-05T01:45:00+11:00", "2026-04-05T08:00:00+10:30"),
        ("Australia/Lord_Howe", "2026-10-03T22:00:00+10:30", "2026-10-04T08:00:00+11:00"),
        # São Paulo had midnights that did not exist, until 2019.
        ("America/Sao_Paulo", "2018-11-03T23:59:59-03:00", "2018-11-04T08:00:00-02:00"),
        ("America/Sao_Paulo", "2019-02-16T23:30:00-03:00", "2019-02-17T08:00:00-03:00"),
        ("America/Sao_Paulo", "2026-11-01T00:30:00-03:00", "2026-11-01T08:00:00-03:00"),
        ("Asia/Tokyo", "2026-03-08T22:00:00+09:00", "2026-03-09T08:00:00+09:00"),
        # Friday the 30th of December 2011 was left out.
        ("Pacific/Apia", "2011-12-29T23:00:00-10:00", "2011-12-31T08:00:00+14:00"),
    ],
)
def test_night_ends_at_eight_on_the_wall_whatever_happens_to_the_clock(zone: str, now: str, end: str) -> None:
    assert quiet_end(datetime.fromisoformat(now), [zone], *NIGHT) == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("zone", "now"),
    [
        ("America/New_York", "2026-03-08T08:00:00-04:00"),
        ("America/New_York", "2026-11-01T21:59:59-05:00"),
        ("Europe/Madrid", "2026-03-29T08:00:00+02:00"),
        ("Europe/Madrid", "2026-03-29T21:59:59+02:00"),
        ("Australia/Lord_Howe", "2026-04-05T08:00:00+10:30"),
        ("America/Sao_Paulo", "2026-02-22T12:00:00-03:00"),
    ],
)
def test_day_is_not_quiet_from_the_minute_on_that_ends_the_night(zone: str, now: str) -> None:
    assert quiet_end(datetime.fromisoformat(now), [zone], *NIGHT) is None


@pytest.mark.parametrize("offset", ["-04:00", "-05:00"])
def test_hour_that_comes_twice_is_quiet_both_times(offset: str) -> None:
    zone = ["America/New_York"]
    now = datetime.fromisoformat(f"2026-11-01T01:45:00{offset}")
    early = (time(1, 30), time(5))
    assert quiet_end(now, zone, *early) == datetime.fromisoformat("2026-11-01T05:00:00-05:00")
    late = (time(22), time(1, 50))
    assert quiet_end(now, zone, *late) == datetime.fromisoformat("2026-11-01T01:50:00-05:00")


@pytest.mark.parametrize("now", ["01:59:59-05:00", "03:20:00-04:00"])
def test_hours_that_begin_in_a_gap_of_the_clock_lie_around_it(now: str) -> None:
    moment = datetime.fromisoformat(f"2026-03-08T{now}")
    end = quiet_end(moment, ["America/New_York"], time(2), time(2, 30))
    assert end == datetime.fromisoformat("2026-03-08T03:30:00-04:00")


def test_hours_of_one_day_do_not_reach_into_the_night() -> None:
    lunch = (time(12), time(14))
    assert quiet_end(at("2026-05-05T12:00:00"), ["UTC"], *lunch) == at("2026-05-05T14:00:00")
    assert quiet_end(at("2026-05-05T11:59:59"), ["UTC"], *lunch) is None
    assert quiet_end(at("2026-05-05T14:00:00"), ["UTC"], *lunch) is None
    assert quiet_end(at("2026-05-05T23:00:00"), ["UTC"], *lunch) is None


def test_hours_to_midnight_end_at_midnight() -> None:
    assert quiet_end(at("2026-05-05T23:00:00"), ["UTC"], time(22), time(0)) == at("2026-05-06T00:00:00")
    assert quiet_end(at("2026-05-06T00:00:00"), ["UTC"], time(22), time(0)) is None


@given(st.times(), st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
def test_equal_times_are_no_hours_at_all(wall: time, now: datetime) -> None:
    assert quiet_end(now, ZONES, wall, wall) is None


def test_of_several_zones_it_is_quiet_until_the_last_one_wakes() -> None:
    coasts = ["America/New_York", "America/Los_Angeles"]
    evening = at("2026-06-01T22:30:00", "America/New_York")
    # When New York wakes, it is five in Los Angeles.
    assert quiet_end(evening, coasts, *NIGHT) == at("2026-06-02T08:00:00", "America/Los_Angeles")
    later = at("2026-06-01T23:00:00", "America/Los_Angeles")
    assert quiet_end(later, coasts, *NIGHT) == at("2026-06-02T08:00:00", "America/Los_Angeles")
    assert quiet_end(at("2026-06-02T08:00:00", "America/Los_Angeles"), coasts, *NIGHT) is None


def test_end_in_one_zone_is_no_end_where_another_has_just_begun() -> None:
    far = ["Europe/Madrid", "America/Sao_Paulo"]
    hours = (time(20), time(15))
    # Three in the afternoon in São Paulo is eight in the evening in Madrid: one of them is always quiet.
    now = at("2026-01-10T12:00:00", "America/Sao_Paulo")
    end = quiet_end(now, far, time(19), time(14))
    assert end is not None
    assert not any(is_inside(end, zone, time(19), time(14)) for zone in far)
    asked_again = quiet_end(now, [*far, "Asia/Tokyo"], *hours)
    assert asked_again is not None
    assert asked_again > now


def test_nobody_is_quiet_without_a_zone() -> None:
    assert quiet_end(at("2026-05-05T23:00:00"), [], *NIGHT) is None


def moments() -> st.SearchStrategy[datetime]:
    """Any moment, and more often one within two days of a change of some clock."""
    anywhere = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
    changes = [at(text) for text in (
        "2026-03-08T07:00:00", "2026-11-01T06:00:00", "2026-03-29T01:00:00", "2026-10-25T01:00:00",
        "2018-11-04T03:00:00", "2019-02-17T02:00:00", "2026-04-04T15:00:00", "2026-10-03T15:30:00",
        "2011-12-30T10:00:00", "2026-02-15T02:00:00",
    )]  # fmt: skip
    near = st.builds(
        lambda change, seconds: change + timedelta(seconds=seconds),
        st.sampled_from(changes), st.integers(-172_800, 172_800),
    )  # fmt: skip
    return near | anywhere


MINUTES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 29, 30, 31, 45, 59)))


@given(moments(), st.lists(st.sampled_from(ZONES), min_size=1, max_size=4), MINUTES, MINUTES)
def test_where_it_is_not_quiet_no_clock_is_inside_the_hours(
    now: datetime, zones: list[str], start: time, end: time
) -> None:
    if quiet_end(now, zones, start, end) is None:
        assert start == end or not any(is_inside(now, zone, start, end) for zone in zones)


@given(moments(), st.sampled_from(ZONES), MINUTES, MINUTES)
def test_end_of_quiet_is_ahead_and_outside_the_hours(
    now: datetime, zone: str, start: time, end: time
) -> None:
    until = quiet_end(now, [zone], start, end)
    if until is None:
        return
    assert until > now
    assert not is_inside(until, zone, start, end)
    assert quiet_end(until, [zone], start, end) is None


@given(moments(), st.lists(st.sampled_from(ZONES), min_size=2, max_size=4), MINUTES, st.integers(1, 10))
def test_end_of_a_night_is_outside_the_hours_of_all_zones(
    now: datetime, zones: list[str], start: time, hours: int
) -> None:
    end = time((start.hour + hours) % 24, start.minute)
    until = quiet_end(now, zones, start, end)
    if until is None or _always_quiet(now, zones, start, end):
        return
    assert until > now
    assert not any(is_inside(until, zone, start, end) for zone in zones)


def _always_quiet(now: datetime, zones: Iterable[str], start: time, end: time) -> bool:
    """Clocks so far apart that one of them is always inside the hours, but for minutes at the most."""
    quarters = (now + timedelta(minutes=15 * n) for n in range(4 * 48))
    return all(any(is_inside(each, zone, start, end) for zone in zones) for each in quarters)


@given(moments(), st.sampled_from(ZONES))
def test_a_night_is_never_shorter_and_at_most_an_hour_longer(now: datetime, zone: str) -> None:
    if zone == "Pacific/Apia":
        return  # There a whole day is missing.
    until = quiet_end(now, [zone], *NIGHT)
    if until is not None:
        assert until - now <= timedelta(hours=11)
        assert until.astimezone(ZoneInfo(zone)).time() == time(8)
