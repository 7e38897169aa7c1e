"""Times from PostgreSQL, read as the driver reads them."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from core.reading_times import UtcLoader

pytestmark = pytest.mark.django_db


def told(text: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        found: datetime = cursor.fetchone()[0]
    return found


def test_times_come_back_as_they_were_written() -> None:
    @given(st.datetimes(timezones=st.just(UTC)))
    def comes_back(moment: datetime) -> None:
        found = told(moment.isoformat())
        assert found == moment
        assert found.tzinfo is UTC

    comes_back()


def test_each_connection_reads_them_so() -> None:
    connection.ensure_connection()
    assert connection.connection.adapters.get_loader(1184, 0) is UtcLoader


@pytest.mark.parametrize("text", ["infinity", "0044-03-15 12:00+00 BC", "12026-11-27 09:00+00"])
def test_time_that_python_has_none_for_is_refused_as_by_the_driver(text: str) -> None:
    with pytest.raises(DataError, match="timestamp"):
        told(text)
