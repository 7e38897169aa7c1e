"""Finding jobs that nobody has in hand any more: of workers that died, and of those that gave them up.

Each worker holds a lock of PostgreSQL's as long as its process lives; the server lets go of it as soon as the
process is gone. A machine that is cut off keeps its connection for long: there the heartbeat decides.
"""

import asyncio
import contextlib
import logging
from typing import cast

import psycopg
from django.conf import settings
from procrastinate import App
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.psycopg_connector import PsycopgConnector

logger = logging.getLogger(__name__)

# A dead worker keeps the locks of its jobs, and whoever needs them waits. Taking a slow worker for a dead one
# costs little, since bodies are idempotent.
HEARTBEAT_SECONDS = 1
# Without its lock a worker is dead after this silence: one that has just begun, or lost a connection, takes
# its lock sooner. None could behind a pooler, which lends connections by the transaction.
SILENT_SECONDS = 2 if settings.DATABASE_PREPARE else 5
# With it, after this one: longer than a worker that ends gives its jobs, without a heartbeat.
STALLED_SECONDS = 15
# For so long after PostgreSQL has started nobody is taken for dead for want of a lock.
SETTLED_SECONDS = 4
RESCUE_SECONDS = 1
RETAKE_SECONDS = 0.25
# Of these locks, the other half of whose key is the worker's number: any constant that nobody else uses.
ALIVE = 0x68656C70

HOLD = "SELECT pg_advisory_lock(%s, %s)"
LEFT = f"""
WITH living AS MATERIALIZED (
    SELECT objid::bigint AS worker_id FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {ALIVE} AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT job.id, job.worker_id
FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing' AND (
    worker.id IS NULL
    OR worker.last_heartbeat < now() - make_interval(secs => %(stalled)s)
    OR worker.last_heartbeat < now() - make_interval(secs => %(silent)s)
    AND pg_postmaster_start_time() < now() - make_interval(secs => %(settled)s)
    AND worker.id NOT IN (SELECT worker_id FROM living)
)
ORDER BY job.id
"""  # noqa: S608 (a number of ours)
# Only from the worker that was found dead: another may have put the job back, and a third begun it.
RETURN = """
UPDATE procrastinate_jobs
SET status = 'todo', attempts = attempts + 1, scheduled_at = NULL, worker_id = NULL
WHERE id = %(id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s
"""
GIVE_UP = """
DELETE FROM procrastinate_jobs
WHERE id = %(id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s
"""
CUT_OFF = "SELECT id FROM procrastinate_jobs WHERE status = 'aborted' AND NOT abort_requested ORDER BY id"
RESUME = """
UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1, worker_id = NULL
WHERE id = %(id)s AND status = 'aborted'
"""
DROP = "DELETE FROM procrastinate_jobs WHERE id = %(id)s AND status = 'aborted'"


async def stay_alive(worker_app: App, worker_id: int) -> None:
    """Holds a worker's lock until cancelled, over one connection after the other where they are ended.

    Does nothing behind a pooler that lends connections by the transaction: the lock would be another's.
    """
    if not settings.DATABASE_PREPARE:
        return
    connector = cast("PsycopgConnector", worker_app.connector)
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            # Procrastinate opens its own connections for notices in the same way.
            async with connector._get_standalone_connection() as connection:  # noqa: SLF001
                await connection.execute(HOLD, [ALIVE, worker_id])
                # Nobody sends any: this ends as soon as the connection does.
                async for _ in connection.notifies():
                    pass
        await asyncio.sleep(RETAKE_SECONDS)


async def rescue(
    worker_app: App,
    *,
    silent: float = SILENT_SECONDS,
    stalled: float = STALLED_SECONDS,
    settled: float = SETTLED_SECONDS,
) -> int:
    """Queues every job again whose worker is dead; returns how many it found.

    Dead is who has given no sign of life for `silent` seconds and holds no lock (unless PostgreSQL itself has
    started within `settled` seconds), or for `stalled` seconds.
    """
    connector = worker_app.connector
    left = await connector.execute_query_all_async(LEFT, silent=silent, stalled=stalled, settled=settled)
    for row in left:
        try:
            await connector.execute_query_async(RETURN, **row)
        except UniqueViolation:
            # A job with the same queueing lock waits already and will do this one's work; the dead one must
            # end, since it holds the lock that the waiting one needs.
            await connector.execute_query_async(GIVE_UP, **row)
    if left:
        logger.warning("%d jobs of a worker that died were put back into the queue", len(left))
    return len(left)


async def resume_cut_off(worker_app: App) -> int:
    """Puts jobs back that a worker gave up because it had to end or lost the database; returns how many.

    Procrastinate calls such a job aborted and never looks at it again. One whose twin waits under the same
    queueing lock is dropped: the twin does its work.
    """
    connector = worker_app.connector
    cut_off = await connector.execute_query_all_async(CUT_OFF)
    for row in cut_off:
        try:
            await connector.execute_query_async(RESUME, id=row["id"])
        except UniqueViolation:
            await connector.execute_query_async(DROP, id=row["id"])
    if cut_off:
        logger.warning("%d jobs that were cut off were put back into the queue", len(cut_off))
    return len(cut_off)


async def keep_rescuing(worker_app: App) -> None:
    """Looks for jobs of dead workers, for as long as this one lives.

    No job does that: a worker that dies with it in hand would keep the others waiting for the next.
    """
    while True:
        await asyncio.sleep(RESCUE_SECONDS)
        # A database that is away ends the worker itself, which begins anew.
        with contextlib.suppress(ConnectorException):
            await rescue(worker_app)
            await resume_cut_off(worker_app)
