"""What the other side asks us to wait is read in every form the standard has, and never beyond reason."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.retry_after import LONGEST, retry_after

ANSWERED = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("9" * 400, LONGEST),
        ("86401", LONGEST),
    ],
)
def test_seconds_are_read_and_clamped(asked: str, seconds: float) -> None:
    assert retry_after({"retry-after": asked}) == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
        ("Sunday, 06-Nov-94 08:51:37 GMT", 120.0),
        ("Sun Nov  6 08:51:37 1994", 120.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
    ],
)
def test_date_counts_from_the_answers_own_clock(asked: str, seconds: float) -> None:
    """A server whose clock is years off still means two minutes."""
    assert retry_after({"retry-after": asked, "date": ANSWERED}) == seconds


@pytest.mark.parametrize("answered", [{}, {"date": "yesterday"}])
def test_date_counts_from_our_clock_where_the_answer_has_none(answered: dict[str, str]) -> None:
    asked = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds = retry_after({"retry-after": asked, **answered})
    assert seconds is not None
    assert 3500 < seconds <= 3600


@pytest.mark.parametrize("asked", ["", "soon", "-5", "1e3", "inf", "nan", "٣", "Sun, 99 Foo 1994", "0x10"])
def test_what_cannot_be_read_asks_nothing(asked: str) -> None:
    assert retry_after({"retry-after": asked}) is None


def test_answer_without_the_header_asks_nothing() -> None:
    assert retry_after({}) is None


@given(st.text(), st.text())
def test_whatever_is_sent_the_wait_is_within_a_day(asked: str, answered: str) -> None:
    seconds = retry_after({"retry-after": asked, "date": answered})
    assert seconds is None or 0 <= seconds <= LONGEST
