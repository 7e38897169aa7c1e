"""Which calls of a webhook may be made now, and taking one of them.

One job a webhook lists what is due and takes it call by call. What happened to one conversation, ticket,
customer or campaign goes out in order: only the first unfinished call about it can be due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from api.enums import CallStatus
from api.models import Webhook, WebhookCall, WebhookState
from api.webhook_queries import signing_secrets

# Calls to one receiver at a time; to one that struggles or may be away a single one.
OPEN_CALLS = 10
# Failures in a row after which a receiver is taken for away, and asked now and then.
BREAKER_AT = 5
# The longest a call may take, and after which nobody holds its claim any more.
DEADLINE_SECONDS = 15.0
LEASE = timedelta(seconds=25)
LISTED = 200

HEADS = """
SELECT id, next_try_at, claimed_at, status, attempts FROM (
    SELECT DISTINCT ON (subject) id, next_try_at, claimed_at, status, attempts FROM api_webhookcall
    WHERE webhook_id = %s AND status IN ('waiting', 'calling') ORDER BY subject, event_id
) head
"""
DUE = f"""{HEADS} WHERE status = 'waiting' AND (next_try_at IS NULL OR next_try_at <= %s)
OR status = 'calling' AND claimed_at <= %s ORDER BY id LIMIT %s"""
PROBE = f"{HEADS} WHERE status = 'waiting' OR claimed_at <= %s ORDER BY attempts, id LIMIT 1"
NEXT_TIME = f"""
SELECT min(CASE status WHEN 'waiting' THEN next_try_at ELSE claimed_at + make_interval(secs => %s) END)
FROM ({HEADS}) waiting"""  # noqa: S608 (names of ours)
IS_FIRST = """
SELECT NOT EXISTS (
    SELECT FROM api_webhookcall WHERE webhook_id = %s AND subject = %s AND event_id < %s
    AND status IN ('waiting', 'calling'))
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done for a webhook: calls that are due, how many at once, and when to look again."""

    calls: Sequence[int]
    places: int = OPEN_CALLS
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that this worker makes now, with all that it needs."""

    call_id: int
    claimed_at: datetime
    url: str
    secrets: Sequence[str]
    webhook_id: str
    body: bytes


def look_at(webhook_id: UUID) -> Look:
    """Returns which calls are due; of a receiver that is away one, to see whether it is back.

    None while another call asks it that: what comes of it, or the end of its claim, is waited for.
    """
    state = WebhookState.objects.filter(webhook=webhook_id, webhook__is_active=True).first()
    if state is None:
        return Look(())
    now = timezone.now()
    if state.not_before is not None and state.not_before > now:
        return Look((), again_at=state.not_before)
    long_ago = now - LEASE
    if is_away(state):
        if asked_until := _asked_until(webhook_id, now):
            # No call may be taken: a turn that was given one would ask for it again and again.
            return Look((), again_at=asked_until)
        return Look(_ids(PROBE, webhook_id, long_ago), places=1)
    calls = _ids(DUE, webhook_id, now, long_ago, LISTED)
    return Look(calls, 1 if state.failures else OPEN_CALLS, None if calls else _next_time(webhook_id))


def is_away(state: WebhookState) -> bool:
    """True for a receiver that has failed again and again."""
    return state.failures >= BREAKER_AT


def _ids(query: str, *values: Any) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [row[0] for row in cursor.fetchall()]


def _next_time(webhook_id: UUID) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_TIME, [LEASE.total_seconds(), webhook_id])
        found: tuple[datetime | None] = cursor.fetchone()
    return found[0]


@transaction.atomic(durable=True)
def claim(call_id: int) -> Claim | None:
    """Takes a call, unless it is not its turn any more: somebody has it, its receiver is to be left alone.

    The probe of a receiver that is away may go before its own time.
    """
    rows = WebhookCall.objects.select_for_update(of=("self",), skip_locked=True)
    call = rows.select_related("event", "webhook__state").filter(pk=call_id).first()
    now = timezone.now()
    if call is None or not _may_go(call, now) or not _is_first(call):
        return None
    is_planned = call.attempts == 0 or (call.next_try_at is not None and call.next_try_at <= now)
    return claim_locked(call, now, is_planned=is_planned)


def claim_locked(call: WebhookCall, now: datetime, *, is_planned: bool) -> Claim:
    """Takes a call whose row is locked. A try that the plan did not ask for takes no step of it."""
    call.status, call.claimed_at = CallStatus.CALLING, now
    call.attempts, call.step = call.attempts + 1, call.step + is_planned
    call.save(update_fields=["status", "claimed_at", "attempts", "step"])
    secrets = signing_secrets(call.webhook, now)
    body = call.event.body.encode()
    return Claim(call.pk, now, call.webhook.url, secrets, call.event.webhook_id, body)


def _may_go(call: WebhookCall, now: datetime) -> bool:
    webhook: Webhook = call.webhook
    state: WebhookState = webhook.state
    if not webhook.is_active or (state.not_before is not None and state.not_before > now):
        return False
    if call.status == CallStatus.CALLING:
        return call.claimed_at is not None and call.claimed_at <= now - LEASE
    if call.status != CallStatus.WAITING:
        return False
    if is_away(state):
        return _asked_until(webhook.pk, now) is None
    return call.next_try_at is None or call.next_try_at <= now


def _asked_until(webhook_id: UUID, now: datetime) -> datetime | None:
    """Returns until when somebody may hold a call of a webhook; None when nobody does."""
    asked = WebhookCall.objects.filter(webhook=webhook_id, status=CallStatus.CALLING)
    latest: datetime | None = asked.filter(claimed_at__gt=now - LEASE).aggregate(at=Max("claimed_at"))["at"]
    return latest + LEASE if latest else None


def _is_first(call: WebhookCall) -> bool:
    """True when nothing that happened before to the same subject is left to tell.

    Asked in a statement of its own, after the row is locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(IS_FIRST, [call.webhook_id, call.subject, call.event_id])
        found: tuple[bool] = cursor.fetchone()
    return found[0]
