"""Failures that say nothing of what was being done: the same may be done again later."""

import errno

from django.db import Error as DatabaseFailure
from django.db import InterfaceError, OperationalError

__all__ = ["DatabaseFailure", "is_outage"]

# Classes of SQLSTATE (PostgreSQL, appendix A): connections, transactions rolled back for others' sake,
# resources such as the disk, operators' interventions, the system. A statement that was cancelled took too
# long: that may well be its own fault.
AWAY = ("08", "40", "53", "57", "58")
CANCELLED = "57014"
# What a file itself can be to blame for; all else is the disk, or the place that stands for it.
OWN_FAULTS = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EFBIG}


def is_outage(error: BaseException) -> bool:
    """Says whether database or disk is away, whatever was asked of it."""
    if isinstance(error, InterfaceError):
        return True
    if isinstance(error, OperationalError):
        state = getattr(error.__cause__, "sqlstate", None)
        # Without a state it is the connection that broke.
        return state is None or (state.startswith(AWAY) and state != CANCELLED)
    return isinstance(error, OSError) and error.errno not in OWN_FAULTS
