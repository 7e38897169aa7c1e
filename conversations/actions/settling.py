"""What comes of a call to a provider, and what people do about it."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from conversations.actions import outcomes
from conversations.actions.receipts import RANK, learn_id, read_key, write
from conversations.channels import (
    InboxBroken,
    Repeat,
    SendFailed,
    SendLater,
    SendRefused,
    SendUnclear,
    adapter,
)
from conversations.enums import DeliveryStatus, Light, Withdrawn
from conversations.exchange import Sent
from conversations.models import Delivery, Inbox, InboxState, Message
from conversations.tasks import plan_delivery
from core.actor import Actor
from core.errors import Conflict, Forbidden
from core.storable import storable

# How long receipts and echoes may take that tell whether a call arrived.
PATIENCE = {Repeat.CALLBACK: timedelta(seconds=30), Repeat.ECHO: timedelta(seconds=10)}
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 3600.0
NOTHING_TOLD = dict.fromkeys(("sent_at", "delivered_at", "failed_at"))
# Failures in a row after which an inbox is left alone for a while.
BREAKER_AT = 5
BREAKER_FIRST, BREAKER_LONGEST = 10.0, 300.0


@transaction.atomic(durable=True)
def settle(key: str, attempt: int, outcome: Sent | SendFailed) -> None:
    """Writes what came of the call that was made under a key, unless somebody has said more meanwhile.

    A receipt, another attempt, or a person who had it sent again after it was reported failed.
    """
    related = ("inbox", "conversation")
    rows = Delivery.objects.select_for_update(of=("self",)).select_related(*related)
    delivery = rows.get(pk=read_key(key)[0])
    transaction.on_commit(partial(outcomes.forget, key, attempt))
    now = timezone.now()
    is_former = delivery.key != key
    if isinstance(outcome, Sent):
        _note_success(delivery.inbox_id, now)
        if is_former:
            return
        if outcome.provider_id and not delivery.provider_id:
            learn_id(delivery, outcome.provider_id)
        if RANK[outcome.status] > RANK[DeliveryStatus(delivery.status)]:
            fields = {"error": storable(outcome.note)[:500], "error_code": "", "next_try_at": None}
            write(delivery, status=outcome.status, sent_at=now, **fields)
        return
    # A provider's words may hold what the database does not; what came of the call must not depend on them.
    outcome.detail, outcome.provider_code = storable(outcome.detail), storable(outcome.provider_code)
    if not isinstance(outcome, SendRefused):
        _note_failure(delivery.inbox_id, outcome, now)
    is_ours = delivery.status == DeliveryStatus.SENDING and delivery.attempts == attempt and not is_former
    if is_ours and not ended_as_withdrawn(delivery):
        OUTCOMES[type(outcome)](delivery, outcome, now)


def ended_as_withdrawn(delivery: Delivery) -> bool:
    """Ends a delivery that was taken back while its call was made: it is not made again. Says whether it was.

    Should the provider have taken it after all, its receipts will tell.
    """
    if delivery.error_code not in set(Withdrawn):
        return False
    write(delivery, status=DeliveryStatus.FAILED, next_try_at=None)
    return True


def _refused(delivery: Delivery, outcome: SendFailed, _now: datetime) -> None:
    code = outcome.provider_code[:64]
    write(delivery, status=DeliveryStatus.FAILED, error=outcome.detail[:500], error_code=code)


def _later(delivery: Delivery, outcome: SendFailed, now: datetime) -> None:
    pause = timedelta(seconds=outcome.retry_after) if outcome.retry_after else _pause(delivery.attempts)
    code = outcome.provider_code[:64]
    fields = {"next_try_at": now + pause, "error": outcome.detail[:500], "error_code": code}
    write(delivery, status=DeliveryStatus.QUEUED, **fields)


def _unclear(delivery: Delivery, outcome: SendFailed, now: datetime) -> None:
    doubt(delivery, repeat_of(delivery.inbox), now, outcome.detail)


OUTCOMES: dict[type[SendFailed], Callable[[Delivery, SendFailed, datetime], None]] = {
    SendRefused: _refused,
    SendLater: _later,
    InboxBroken: _later,
    SendUnclear: _unclear,
    SendFailed: _unclear,
}


def _pause(attempts: int) -> timedelta:
    """Returns how long to wait after so many attempts: doubling, with jitter."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 12))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 (jitter is no secret)


def _note_success(inbox_id: int, now: datetime) -> None:
    """Ends a row of failures; the time of the last message is written now and then only.

    A pause that another call's answer asked for is kept: this call may have begun before.
    """
    stale = Q(last_sent_at=None) | Q(last_sent_at__lt=now - timedelta(seconds=10))
    rows = InboxState.objects.filter(inbox_id=inbox_id)
    rows.filter(stale | ~Q(light=Light.GREEN) | Q(failures__gt=0)).update(
        light=Light.GREEN, detail="", failures=0, last_sent_at=now
    )


def _note_failure(inbox_id: int, outcome: SendFailed, now: datetime) -> None:
    """Counts a failure; many in a row, or a provider that asks for it, stop the inbox for a while."""
    state = InboxState.objects.select_for_update().get(inbox_id=inbox_id)
    state.failures += 1
    is_broken = isinstance(outcome, InboxBroken) or state.failures >= BREAKER_AT
    state.light = Light.RED if is_broken else Light.YELLOW
    state.detail = storable(outcome.detail)[:500]
    pause = outcome.retry_after
    if is_broken:
        doublings = min(max(state.failures - BREAKER_AT, 0), 6)
        pause = max(pause, min(BREAKER_LONGEST, BREAKER_FIRST * 2.0**doublings) * random.uniform(0.8, 1.2))  # noqa: S311
    if pause:
        state.not_before = max(now + timedelta(seconds=pause), state.not_before or now)
    state.save(update_fields=["failures", "light", "detail", "not_before"])


@transaction.atomic
def note_trouble(inbox_id: int, error: SendFailed) -> None:
    """Counts a failure that no message is to blame for: a provider that could not be asked."""
    InboxState.objects.bulk_create([InboxState(inbox_id=inbox_id)], ignore_conflicts=True)
    _note_failure(inbox_id, error, timezone.now())


# --- What people do ----------------------------------------------------------------------------------------
@transaction.atomic
def retry_delivery(*, delivery: Delivery, by: Actor) -> Delivery:
    """Sends a failed part again; raises Conflict for one that has not failed or was taken back, Forbidden.

    What was taken back, since its reader wants none or a campaign was cancelled, is not for anybody to send.
    """
    if not by.is_staff:
        raise Forbidden
    row = Delivery.objects.select_for_update(of=("self",)).select_related("conversation").get(pk=delivery.pk)
    if row.status != DeliveryStatus.FAILED:
        detail = _("Only a message that was not delivered can be sent again.")
        raise Conflict(detail)
    if row.error_code in set(Withdrawn):
        detail = _("This message was taken back. Write to the customer instead.")
        raise Conflict(detail)
    now = timezone.now()
    # Its day begins anew, and so does what the provider will tell of it.
    write(
        row, status=DeliveryStatus.QUEUED, attempts=0, next_try_at=None, error="", error_code="",
        provider_id=None, created_at=now, resent=row.resent + 1, **NOTHING_TOLD,
    )  # fmt: skip
    InboxState.objects.filter(inbox_id=row.inbox_id).update(not_before=None)
    plan_delivery(str(row.conversation_id))
    return row


def retry_message(*, message: Message, by: Actor) -> Message:
    """Sends every failed part of a message again; raises Conflict when none has failed."""
    with transaction.atomic():
        parts = Delivery.objects.select_for_update().filter(message=message, status=DeliveryStatus.FAILED)
        failed = list(parts.order_by("part"))
        if not failed:
            detail = _("Only a message that was not delivered can be sent again.")
            raise Conflict(detail)
        for delivery in failed:
            retry_delivery(delivery=delivery, by=by)
    return message


def repeat_of(inbox: Inbox) -> Repeat:
    """Returns what an inbox may do in doubt; settings that cannot be read leave the channel's own rule."""
    spoken = adapter(inbox.channel)
    try:
        return spoken.repeat(spoken.config.model_validate(inbox.config))
    except ValidationError:
        return spoken.capabilities.repeat


def doubt(delivery: Delivery, repeat: Repeat, now: datetime, error: str = "") -> None:
    """Notes that nobody knows whether the provider has it, and when it may be sent again."""
    pause = PATIENCE.get(repeat) or _pause(delivery.attempts)
    told = {} if delivery.error_code in set(Withdrawn) else {"error": error[:500]}
    write(delivery, status=DeliveryStatus.UNKNOWN, next_try_at=now + pause, **told)
