"""Days, weeks and months as reports count them."""

from datetime import UTC, date, datetime

import pytest

from core.errors import Invalid
from core.spans import LONGEST_SPAN, Span, Step


def test_days_begin_and_end_by_the_clocks_of_the_place() -> None:
    span = Span(date(2026, 10, 1), date(2026, 10, 2), zone="America/Sao_Paulo")
    assert span.begin == datetime(2026, 10, 1, 3, tzinfo=UTC)
    assert span.end == datetime(2026, 10, 3, 3, tzinfo=UTC)


def test_a_day_on_which_clocks_are_put_back_has_25_hours() -> None:
    span = Span(date(2026, 10, 25), date(2026, 10, 25), zone="Europe/Lisbon")
    assert (span.end.astimezone(UTC) - span.begin.astimezone(UTC)).total_seconds() == 25 * 3600


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    first, last = date(2026, 10, 15), date(2026, 11, 3)
    weeks = list(Span(first, last, Step.WEEK).steps())
    assert weeks == [date(2026, 10, day) for day in (12, 19, 26)] + [date(2026, 11, 2)]
    assert list(Span(first, last, Step.MONTH).steps()) == [date(2026, 10, 1), date(2026, 11, 1)]
    assert len(list(Span(first, last).steps())) == 20


def test_a_year_has_each_month_once() -> None:
    months = list(Span(date(2026, 1, 31), date(2026, 12, 1), Step.MONTH).steps())
    assert months == [date(2026, month, 1) for month in range(1, 13)]


@pytest.mark.parametrize(
    "last", [date(2025, 12, 31), date.fromordinal(date(2026, 1, 1).toordinal() + LONGEST_SPAN)]
)
def test_no_day_and_too_many_days_are_refused(last: date) -> None:
    with pytest.raises(Invalid):
        Span(date(2026, 1, 1), last)
    Span(date(2026, 1, 1), date.fromordinal(date(2026, 1, 1).toordinal() + LONGEST_SPAN - 1))
