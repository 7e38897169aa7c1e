"""Handing messages to providers: in order for each conversation, once as far as that can be had.

A call is claimed in one transaction, made outside any, and settled in another. Whoever dies between leaves a
claim behind, and the next one knows that it does not know: the delivery is `unknown` until a receipt, an echo
or the end of its time settles it (`Repeat` says what may then be done).
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone
from pydantic import ValidationError

from conversations.actions.receipts import write
from conversations.actions.resuming import LEASE
from conversations.actions.settling import BREAKER_AT, PATIENCE, doubt, repeat_of, settle
from conversations.channels import (
    InboxBroken,
    Repeat,
    SendFailed,
    SendLater,
    SendRefused,
    SendUnclear,
    adapter,
)
from conversations.enums import DeliveryStatus, Verdict
from conversations.exchange import OutFile, Outgoing, Sent
from conversations.models import UNFINISHED, Attachment, Delivery, InboundEvent, InboxState, Message
from conversations.queries.wire import Reader, attachment_url
from conversations.tasks import deliver_later, plan_delivery, plan_resuming
from core import queue
from core.crash_points import crash_point
from core.outages import DatabaseFailure
from core.reasons import reason
from core.threads import Kind, borrowed, in_network_thread, in_thread

logger = logging.getLogger(__name__)

# Calls to one provider at a time: one that hangs must not take all places.
OPEN_CALLS = 10
CROWD_PAUSE = timedelta(seconds=0.5)
UNREAD_PAUSE = timedelta(seconds=3)
# Between two tries to write what came of a call, in seconds: as long as the claim is ours.
SETTLE_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0)
# Seconds for which a job waits by itself for its inbox, and how often before the next round has to.
NEARLY, PATIENT_TURNS = 1.0, 2
GIVEN_UP_AFTER = timedelta(days=1)
BURST = timedelta(seconds=1)
KNOWN_THREAD = 20


# The loop itself forgets tasks that nobody holds.
_making: set["asyncio.Task[None]"] = set()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent before that moment; `inbox` where that holds for all its conversations."""

    until: datetime
    inbox: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker makes now, with all that its call needs."""

    key: str
    attempt: int
    channel: str
    config: Any
    outgoing: Outgoing


async def deliver(conversation_id: str) -> None:
    """Sends what waits in a conversation, one call after the other; plans the rest when it has to wait.

    Its job holds the conversation's lock, so that no two workers send for one conversation.
    """
    patience = PATIENT_TURNS
    while True:
        found = await in_thread(claim, conversation_id)
        if found is None:
            return
        if isinstance(found, Wait):
            pause = (found.until - timezone.now()).total_seconds()
            if found.inbox is not None and pause < NEARLY and patience:
                # Its place in the rate comes sooner than a job could.
                patience -= 1
                await asyncio.sleep(max(pause, 0))
                continue
            await in_thread(_plan_later, conversation_id, found)
            return
        patience = PATIENT_TURNS
        crash_point("sending.claimed")
        made = asyncio.create_task(_make(found))
        _making.add(made)
        made.add_done_callback(_making.discard)
        # A job can be cut off, as when the database is away for long; a call cannot be taken back.
        await asyncio.shield(made)


async def _make(found: Claim) -> None:
    """Makes the call and writes what came of it."""
    outcome = await in_network_thread(_call, found)
    crash_point("sending.called")
    async with borrowed(Kind.URGENT):
        await _settle_surely(found, outcome)


async def _settle_surely(found: Claim, outcome: Sent | SendFailed) -> None:
    """Writes the outcome, waiting for a database that is away: whoever forgets it makes a double of it."""
    for pause in SETTLE_PAUSES:
        try:
            await in_thread(settle, found.key, found.attempt, outcome)
        except DatabaseFailure:
            logger.warning("the outcome of delivery %s could not be written yet", found.key)
            await asyncio.sleep(pause)
        else:
            return
    await in_thread(settle, found.key, found.attempt, outcome)


def _call(found: Claim) -> Sent | SendFailed:
    """Makes the call. What an adapter did not foresee may have happened after the message was taken."""
    channel = adapter(found.channel)
    try:
        config = channel.config.model_validate(found.config)
    except ValidationError:
        return InboxBroken(reason("The settings of this inbox are not complete."))
    try:
        return channel.send(found.outgoing, config)
    except SendFailed as error:
        return error
    except Exception as error:
        logger.exception("an adapter failed while it sent delivery %s", found.key)
        return SendUnclear(f"{type(error).__name__}: {error}")


def _plan_later(conversation_id: str, wait: Wait) -> None:
    """Wakes the conversation again, plans for the same second being one, or leaves that to its inbox.

    Thousands may wait for one provider: each looking for itself whether it is its turn would keep the worker
    from everything else.
    """
    if wait.inbox is not None:
        plan_resuming(wait.inbox, wait.until)
        return
    key = f"later:{conversation_id}:{int(wait.until.timestamp())}"
    queue.defer(deliver_later, queueing_lock=key, at=wait.until, conversation_id=conversation_id)


# --- Claiming ----------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def claim(conversation_id: str) -> Claim | Wait | None:
    """Takes the oldest thing to send, or says until when to wait; None when nothing is left.

    Order is kept: what has to wait holds up what was written after it. An inbox that is switched off holds
    everything; the sweep finds it once the inbox is on again.
    """
    waiting = Delivery.objects.filter(conversation_id=conversation_id, status__in=UNFINISHED)
    related = ("inbox", "conversation__identity", "conversation__contact", "message__reply_to", "attachment")
    locked = waiting.select_for_update(of=("self",)).select_related(*related)
    delivery = locked.order_by("seq", "part").first()
    if delivery is None or not delivery.inbox.is_active:
        return None
    channel = adapter(delivery.inbox.channel)
    now = timezone.now()
    repeat = repeat_of(delivery.inbox)
    if wait := _held_up(delivery, repeat, now):
        return wait
    if now - delivery.created_at > GIVEN_UP_AFTER and delivery.attempts:
        error = reason("Given up after a day: %s", delivery.error)
        write(delivery, status=DeliveryStatus.FAILED, error=error[:500])
        plan_delivery(conversation_id)
        return None
    pace = channel.capabilities.per_second
    if wait := _crowd(delivery.inbox_id, now) or _slot(delivery.inbox_id, pace, now):
        return wait
    may_double = delivery.status == DeliveryStatus.UNKNOWN and repeat != Repeat.SAFE
    write(
        delivery,
        status=DeliveryStatus.SENDING,
        attempts=delivery.attempts + 1,
        doubtful=delivery.doubtful + may_double,
        claimed_at=now,
    )
    inbox = delivery.inbox
    return Claim(delivery.key, delivery.attempts, inbox.channel, inbox.config, outgoing(delivery))


def _held_up(delivery: Delivery, repeat: Repeat, now: datetime) -> Wait | None:
    """Returns until when this delivery has to wait, after settling a claim that nobody holds any more."""
    if delivery.status == DeliveryStatus.SENDING:
        claimed = delivery.claimed_at or now
        if claimed + LEASE > now:
            return Wait(claimed + LEASE)
        doubt(delivery, repeat, now)
    if delivery.next_try_at is not None and delivery.next_try_at > now:
        return Wait(delivery.next_try_at)
    if delivery.status == DeliveryStatus.UNKNOWN and repeat in PATIENCE:
        # The receipt that settles it may be here already, and nobody has read it yet.
        unread = InboundEvent.objects.filter(inbox_id=delivery.inbox_id, verdict=Verdict.RECEIVED)
        if unread.filter(next_try_at=None).exists():
            return Wait(now + UNREAD_PAUSE)
    return None


def _crowd(inbox_id: int, now: datetime) -> Wait | None:
    """Returns a wait while the provider has as many calls open as it may have; one, after many failures."""
    state = InboxState.objects.filter(inbox_id=inbox_id).first()
    allowed = 1 if state is not None and state.failures >= BREAKER_AT else OPEN_CALLS
    sending = Delivery.objects.filter(inbox_id=inbox_id, status=DeliveryStatus.SENDING)
    if sending.filter(claimed_at__gt=now - LEASE).count() < allowed:
        return None
    return Wait(now + CROWD_PAUSE, inbox_id)


def _slot(inbox_id: int, per_second: float, now: datetime) -> Wait | None:
    """Takes the inbox's next place in its rate, or says when there is one: a bucket that holds a second."""
    InboxState.objects.bulk_create([InboxState(inbox_id=inbox_id)], ignore_conflicts=True)
    free = InboxState.objects.filter(
        Q(next_slot=None) | Q(next_slot__lte=now + BURST),
        Q(not_before=None) | Q(not_before__lte=now),
        inbox_id=inbox_id,
    )
    step = timedelta(seconds=1 / per_second)
    if free.update(next_slot=Greatest(Coalesce(F("next_slot"), Now()), Now()) + step):
        return None
    state = InboxState.objects.get(inbox_id=inbox_id)
    free_at = state.next_slot - BURST if state.next_slot else now
    return Wait(max(free_at, state.not_before or now, now), inbox_id)


def outgoing(delivery: Delivery) -> Outgoing:
    """Returns all that a call needs; two queries more where the channel takes files and thread whole."""
    message, conversation = delivery.message, delivery.conversation
    capabilities = adapter(delivery.inbox.channel).capabilities
    files = list(message.attachments.all()) if capabilities.whole else [delivery.attachment]
    is_last = not Delivery.objects.filter(message=message, part__gt=delivery.part).exists()
    return Outgoing(
        key=delivery.key,
        part=delivery.part,
        attempt=delivery.attempts,
        to=conversation.identity.address or conversation.identity.external_id,
        text=delivery.text if not capabilities.whole else message.text,
        html=message.html,
        files=tuple(_file(file) for file in files if file is not None),
        choices=tuple(message.choices) if is_last else (),
        details=message.details,
        reply_to=provider_id_of(message.reply_to) if message.reply_to and delivery.part == 0 else "",
        thread=_thread(delivery) if capabilities.whole else (),
        subject=conversation.subject,
        author=message.author_name,
        author_kind=message.author_kind,
        conversation_id=conversation.pk,
        message_id=message.pk,
        created_at=message.created_at,
        contact_name=conversation.contact.name,
        contact_email=conversation.contact.email,
    )


def _file(file: Attachment) -> OutFile:
    url = f"{settings.PUBLIC_URL}{attachment_url(file, Reader.HOLDER)}"

    def read() -> bytes:
        # The provider knows nothing of the message yet, whatever goes wrong here.
        try:
            with file.file.open("rb") as content:
                return cast("bytes", content.read())
        except FileNotFoundError as error:
            raise SendRefused(reason("The file is not there any more.")) from error
        except OSError as error:
            raise SendLater(str(error)) from error

    return OutFile(file.name, file.content_type, file.size, url, read)


def provider_id_of(message: Message) -> str:
    """Returns the id under which the provider knows a message, or ""."""
    if message.external_id:
        return message.external_id
    sent = Delivery.objects.filter(message=message).exclude(provider_id=None).order_by("part")
    return sent.values_list("provider_id", flat=True).first() or ""


def _thread(delivery: Delivery) -> tuple[str, ...]:
    """Returns the provider's ids of what was said before, oldest first."""
    before = Message.objects.filter(conversation_id=delivery.conversation_id, seq__lt=delivery.seq)
    rows = before.order_by("-seq").values_list("external_id", "deliveries__provider_id")[:KNOWN_THREAD]
    return tuple(known for pair in reversed(rows) for known in pair if known)
