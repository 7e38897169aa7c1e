"""The clock by which events are placed, after a dump was restored into another cluster."""

from django.db import connection

# More than any cluster writes between a backup and its loss: nobody's cursor lies beyond.
GAP = 2**32

SET_CLOCK = """
UPDATE conversations_eventclock SET ahead = newest.position - clock.now + %s
FROM (SELECT coalesce(max(position), 0) AS position FROM conversations_event) newest,
     (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS now) clock
WHERE newest.position >= clock.now + ahead
"""


def set_event_clock() -> bool:
    """Sets the clock ahead where its time lies before that of an event; says whether it had to.

    Only then can a cluster have begun its numbers of transactions anew: what is written would otherwise lie
    before what readers have read already. To be called before anything is written; one look at an index.
    """
    with connection.cursor() as cursor:
        cursor.execute(SET_CLOCK, [GAP])
        return bool(cursor.rowcount)
