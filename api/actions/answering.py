"""What comes of a call: delivered, tried again later, or given up; and how its receiver stands."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from api.actions.claiming import BREAKER_AT, Claim, is_away
from api.enums import UNFINISHED_CALLS, CallStatus, Topic
from api.models import Webhook, WebhookAttempt, WebhookCall, WebhookState
from api.tasks import plan_calls
from conversations.enums import Light
from core.reasons import reason
from core.storable import storable

# Seconds before each try, jittered: ten of them over three days.
PLAN = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
WHOLE_PLAN = timedelta(seconds=sum(PLAN))
# A receiver that answers with one of these has too much to do, or nobody behind it.
BUSY = frozenset({429, 502, 503, 504})
GONE = 410
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
NOTED_EVERY = timedelta(seconds=10)


@dataclass(slots=True)
class Answer:
    """What came of a call: the status of the answer, None where none came; `retry_after` in seconds."""

    status: int | None
    error: str = ""
    text: str = ""
    retry_after: float = 0.0
    duration_ms: int = 0

    @property
    def is_ok(self) -> bool:
        """True for a 2xx. A redirect is a failure: what it leads to is nobody's whom we know."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 (the range of success)


@transaction.atomic(durable=True)
def settle(found: Claim, answer: Answer) -> int | None:
    """Writes what came of a call; returns the next one about the same subject, which may go now.

    A call that was erased meanwhile is left alone; of one that somebody else has taken the try is noted.
    """
    rows = WebhookCall.objects.select_for_update(of=("self",)).select_related("event", "webhook")
    call = rows.filter(pk=found.call_id).first()
    if call is None:
        return None
    _note(call, found, answer)
    is_ours = call.status == CallStatus.CALLING and call.claimed_at == found.claimed_at
    if answer.is_ok:
        _note_success(call.webhook, found.claimed_at)
        if call.status in UNFINISHED_CALLS:
            _end(call, CallStatus.DELIVERED)
        return _following(call)
    if not is_ours:
        return None
    if call.event.topic == Topic.PING:
        # Nobody waits for a test.
        _end(call, CallStatus.FAILED)
        return None
    _later(call, answer)
    _note_failure(call, found.claimed_at, answer)
    return None


def _note(call: WebhookCall, found: Claim, answer: Answer) -> None:
    WebhookAttempt.objects.create(
        call=call,
        at=found.claimed_at,
        status=answer.status,
        duration_ms=answer.duration_ms,
        error=storable(answer.error)[:500],
        answer=storable(answer.text),
    )


def _end(call: WebhookCall, status: CallStatus) -> None:
    call.status, call.ended_at, call.next_try_at = status, timezone.now(), None
    call.save(update_fields=["status", "ended_at", "next_try_at"])


def _later(call: WebhookCall, answer: Answer) -> None:
    """Plans the next try, or gives up after the last."""
    if call.step >= len(PLAN):
        _end(call, CallStatus.FAILED)
        return
    seconds = max(_jittered(PLAN[max(call.step, 1)]), answer.retry_after)
    call.status, call.next_try_at = CallStatus.WAITING, timezone.now() + timedelta(seconds=seconds)
    call.save(update_fields=["status", "next_try_at"])


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 (jitter is no secret)


def _following(call: WebhookCall) -> int | None:
    waiting = WebhookCall.objects.filter(
        webhook=call.webhook_id, subject=call.subject, status__in=UNFINISHED_CALLS
    )
    return waiting.order_by("event_id").values_list("pk", flat=True).first()


def _note_success(webhook: Webhook, claimed_at: datetime) -> None:
    """Ends a row of failures; what they held up goes at once.

    A call that began before the last failure says nothing of the time after it. The time of the last delivery
    is written now and then only.
    """
    now = timezone.now()
    stale = Q(delivered_at=None) | Q(delivered_at__lt=now - NOTED_EVERY)
    rows = WebhookState.objects.filter(webhook=webhook)
    rows.filter(stale | ~Q(light=Light.GREEN), failures=0).update(
        light=Light.GREEN, delivered_at=now, detail=""
    )
    is_news = Q(failures__gt=0) & (Q(failed_at=None) | Q(failed_at__lte=claimed_at))
    state = rows.filter(is_news).select_for_update().first()
    if state is None:
        return
    was_away = is_away(state)
    reset(state, light=Light.GREEN, delivered_at=now)
    if was_away:
        release(webhook)


def reset(state: WebhookState, *, light: Light, delivered_at: datetime | None = None) -> None:
    """Forgets the failures of a receiver."""
    state.light, state.detail, state.disabled = light, "", ""
    state.failures = state.pauses = 0
    state.not_before = state.failing_since = None
    state.delivered_at = delivered_at or state.delivered_at
    state.save()


def release(webhook: Webhook) -> None:
    """Lets everything go that waits for its next try."""
    WebhookCall.objects.filter(webhook=webhook, status=CallStatus.WAITING).exclude(next_try_at=None).update(
        next_try_at=None
    )
    plan_calls(str(webhook.pk))


def _note_failure(call: WebhookCall, claimed_at: datetime, answer: Answer) -> None:
    """Counts a failure. Many in a row, or a receiver that asks for it, hold up all its calls for a while."""
    state = WebhookState.objects.select_for_update().get(webhook=call.webhook_id)
    now = timezone.now()
    state.failures, state.failed_at = state.failures + 1, now
    state.failing_since = state.failing_since or claimed_at
    state.light = Light.RED if state.failures >= BREAKER_AT else Light.YELLOW
    state.detail = storable(answer.error)[:500]
    is_busy = answer.status in BUSY
    # Those that were under way when it was paused add nothing.
    is_new = state.not_before is None or claimed_at >= state.not_before
    if is_new and (is_busy or is_away(state)):
        state.pauses += 1
        pause = _jittered(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(state.pauses - 1, 10)))
        state.not_before = now + timedelta(seconds=pause)
    if is_busy and answer.retry_after:
        asked = now + timedelta(seconds=answer.retry_after)
        state.not_before = max(asked, state.not_before or asked)
    state.save()
    if why := _why_off(call, state, answer, now):
        switch_off(call.webhook, state, why)


def _why_off(call: WebhookCall, state: WebhookState, answer: Answer, now: datetime) -> str:
    """Returns why a receiver is not called any more, or ""."""
    if answer.status == GONE:
        return reason("The receiver answered 410: it wants no more calls.")
    failing_since = state.failing_since or now
    if failing_since <= now - WHOLE_PLAN or (
        call.status == CallStatus.FAILED and failing_since <= _first_try(call)
    ):
        return reason("Nothing was delivered for three days. Last error: %s", state.detail)
    return ""


def _first_try(call: WebhookCall) -> datetime:
    first = WebhookAttempt.objects.filter(call=call).order_by("at").values_list("at", flat=True).first()
    return first or call.created_at


def switch_off(webhook: Webhook, state: WebhookState, why: str) -> None:
    """Stops calling a receiver and says why; what waits is kept until it is switched on again."""
    Webhook.objects.filter(pk=webhook.pk).update(is_active=False, updated_at=timezone.now())
    state.disabled, state.light = why[:500], Light.RED
    state.save(update_fields=["disabled", "light"])
