"""Is the process up, and can it do its work? Cheap enough to be asked every second, open to everybody."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from api.pages import SAFE, not_allowed
from conversations.queries.backlog import Backlog, inbound_backlog, outbound_backlog
from core.layer import hints_are_lost
from core.outages import DatabaseFailure
from core.schema import missing_migrations

logger = logging.getLogger(__name__)

# A job that could have been started this long ago means that no worker takes any.
OLDEST_JOB_SECONDS = 60
# A worker gives a sign of life every few seconds.
SILENT_WORKER_SECONDS = 30
LAYER_SECONDS = 2.0
# Without these nothing can be served.
NEEDED = ("database", "migrations", "queue")

# Jobs that could run now: due, and not waiting for another one that holds their lock. A job's age counts from
# its last deferral or retry, or from the time it was planned for.
WAITING = """
SELECT count(*), min(greatest(job.scheduled_at, event.at))
FROM procrastinate_jobs job
LEFT JOIN LATERAL (
    SELECT max(at) AS at FROM procrastinate_events WHERE job_id = job.id
) event ON true
WHERE job.status = 'todo'
  AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
  AND NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs other
    WHERE other.status = 'doing' AND other.lock = job.lock
  )
"""
WORKERS = (
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)"
)

Check = dict[str, Any]


def live(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers; asks nothing, so that an outage of others restarts no process."""
    if request.method not in SAFE:
        return not_allowed(request)
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 when this process can serve and jobs are being done, else 503; the answer names each part.

    Without the channel layer open pages look for news instead of being told, and a backlog of receipts or
    deliveries makes messages late: slower, but no reason to take every process out of service.
    """
    if request.method not in SAFE:
        return not_allowed(request)
    checks = {**_database_parts(), "channel_layer": async_to_sync(channel_layer)()}
    is_ready = all(checks[name]["ok"] for name in NEEDED)
    is_well = all(check["ok"] for check in checks.values())
    status = "ok" if is_well else "degraded" if is_ready else "unavailable"
    body = {
        "status": status,
        "time": timezone.now().isoformat(),
        "checks": checks,
    }
    response = JsonResponse(body, status=200 if is_ready else 503)
    response["Cache-Control"] = "no-store"
    return response


def _database_parts() -> dict[str, Check]:
    """Asks the database for everything; when it is away, nothing that lives in it is asked."""
    parts: dict[str, Callable[[], Check]] = {
        "database": database,
        "migrations": migrations,
        "queue": queue,
        "inbound": lambda: _backlog(inbound_backlog()),
        "outbound": lambda: _backlog(outbound_backlog()),
    }
    found: dict[str, Check] = {}
    for name, part in parts.items():
        if name != "database" and not found["database"]["ok"]:
            found[name] = {"ok": False, "detail": "The database is away."}
            continue
        try:
            found[name] = part()
        except DatabaseFailure:
            logger.warning("health: %s does not answer", name, exc_info=True)
            found[name] = {"ok": False, "detail": "No answer."}
    return found


def database() -> Check:
    """The database answers a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"ok": True}


def migrations() -> Check:
    """The tables are those that this code expects."""
    missing = len(missing_migrations())
    return {"ok": not missing, "missing": missing}


def queue() -> Check:
    """Jobs are taken: how many could run now, how long the oldest of them waits, how many workers are alive.

    A worker may be missing for a while (a deployment); what counts is whether work lies about.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        waiting, since = cursor.fetchone()
        cursor.execute(WORKERS, [SILENT_WORKER_SECONDS])
        (workers,) = cursor.fetchone()
    oldest = _age(since)
    return {
        "ok": oldest <= OLDEST_JOB_SECONDS,
        "waiting": waiting,
        "oldest_seconds": round(oldest, 1),
        "workers": workers,
    }


def _backlog(found: Backlog) -> Check:
    """Receipts or messages that nobody has touched: how many, and how long the oldest waits."""
    oldest = _age(found.since)
    is_late = oldest > OLDEST_JOB_SECONDS
    return {"ok": not is_late, "waiting": found.waiting, "oldest_seconds": round(oldest, 1)}


def _age(since: datetime | None) -> float:
    return max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0


async def channel_layer() -> Check:
    """The layer that wakes open sockets takes a message (to a group nobody is in) and is heard."""
    layer = get_channel_layer()
    if layer is None:
        return {"ok": False, "detail": "Not configured."}
    try:
        async with asyncio.timeout(LAYER_SECONDS):
            await layer.group_send("health", {"type": "health"})
    except Exception:
        logger.warning("health: the channel layer does not answer", exc_info=True)
        return {"ok": False, "detail": "No answer."}
    if hints_are_lost():
        return {"ok": False, "detail": "Redis is away."}
    return {"ok": True}
