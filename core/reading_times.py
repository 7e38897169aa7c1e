"""Times from PostgreSQL, read by the interpreter.

The driver takes them apart by a pattern: 5.5 µs for each of the hundred and more that a page of rows has,
0.6 µs so. https://docs.python.org/3.11/library/datetime.html#datetime.datetime.fromisoformat
"""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import BaseTzLoader


class UtcLoader(BaseTzLoader):
    """Reads what a connection in UTC tells."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        """Returns the time; what Python has none for (`infinity`, years before Christ) the driver refuses."""
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            found: datetime = super().load(data)
            return found


def read_times(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Has a new connection read its times so."""
    if connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", UtcLoader)
