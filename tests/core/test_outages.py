"""What may be done again later, and what will fail again whenever it is done."""

import errno

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection
from psycopg import errors

from core.outages import is_outage


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError("the connection is closed"),
        OperationalError("server closed the connection unexpectedly"),
        *(
            caused(OperationalError("x"), cause())
            for cause in (
                errors.DiskFull,
                errors.OutOfMemory,
                errors.TooManyConnections,
                errors.AdminShutdown,
                errors.CannotConnectNow,
                errors.IoError,
                errors.DeadlockDetected,
                errors.SerializationFailure,
            )
        ),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("the bucket is away"),
        ConnectionResetError(),
    ],
)
def test_outage_is_nobody_s_fault(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        caused(OperationalError("x"), errors.ProgramLimitExceeded()),
        caused(OperationalError("x"), errors.QueryCanceled()),
        DataError("x"),
        IntegrityError("x"),
        OSError(errno.ENAMETOOLONG, "File name too long"),
        ValueError("x"),
    ],
)
def test_fault_of_what_was_asked_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)


def test_statement_that_took_too_long_is_no_outage(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 1")
        with pytest.raises(OperationalError) as raised:
            cursor.execute("SELECT pg_sleep(5)")
    assert not is_outage(raised.value)
