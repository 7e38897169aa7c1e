"""Whose turn it is: the oldest delivery of a conversation, for one worker, or how long it has to wait."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone

from conversations.actions import outcomes
from conversations.actions.receipts import write
from conversations.actions.resuming import LEASE
from conversations.actions.settling import (
    BREAKER_AT,
    PATIENCE,
    doubt,
    ended_as_withdrawn,
    repeat_of,
    settle,
)
from conversations.channels import Repeat, SendFailed, SendLater, SendRefused, adapter
from conversations.enums import DeliveryStatus, Verdict
from conversations.exchange import OutFile, Outgoing, Sent
from conversations.models import (
    UNFINISHED,
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    InboundEvent,
    Inbox,
    InboxState,
    Message,
)
from conversations.queries.wire import Reader, attachment_url
from conversations.tasks import plan_delivery
from core import rows
from core.reasons import reason

# Calls to one provider at a time: one that hangs must not take all places.
OPEN_CALLS = 10
CROWD_PAUSE = timedelta(seconds=0.5)
UNREAD_PAUSE = timedelta(seconds=3)
GIVEN_UP_AFTER = timedelta(days=1)
BURST = timedelta(seconds=1)
KNOWN_THREAD = 20
# Asked before and after every call; the ORM would compile it anew, and PostgreSQL plan it (see `core.rows`).
NEXT = f"""
SELECT {rows.columns(Delivery, "delivery")}, {rows.columns(Inbox, "inbox")},
    {rows.columns(Conversation, "conversation")}, {rows.columns(ContactIdentity, "identity")},
    {rows.columns(Contact, "contact")}, {rows.columns(Message, "message")}
FROM conversations_delivery delivery
JOIN conversations_inbox inbox ON inbox.id = delivery.inbox_id
JOIN conversations_conversation conversation ON conversation.id = delivery.conversation_id
JOIN conversations_contactidentity identity ON identity.id = conversation.identity_id
JOIN conversations_contact contact ON contact.id = conversation.contact_id
JOIN conversations_message message ON message.id = delivery.message_id
WHERE delivery.conversation_id = %s AND delivery.status IN ({", ".join(f"'{one}'" for one in UNFINISHED)})
ORDER BY delivery.seq, delivery.part LIMIT 1
FOR UPDATE OF delivery
"""  # noqa: S608 (names of ours)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent before that moment; `inbox` where that holds for all its conversations.

    `for_place`: the provider takes messages, and the next place in its rate is free then.
    """

    until: datetime
    inbox: int | None = None
    for_place: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """A call that has ended, of which the database does not know yet."""

    key: str
    attempt: int
    outcome: Sent | SendFailed


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker makes now, with all that its call needs."""

    key: str
    attempt: int
    channel: str
    config: Any
    outgoing: Outgoing


def claim(conversation_id: str) -> Claim | Wait | None:
    """Takes the oldest thing to send, or says until when to wait; None when nothing is left.

    Order is kept: what has to wait holds up what was written after it. An inbox that is switched off holds
    everything; the sweep finds it once the inbox is on again.
    """
    while isinstance(found := _claim(conversation_id), Noted):
        settle(found.key, found.attempt, found.outcome)
    return found


@transaction.atomic(durable=True)
def _claim(conversation_id: str) -> Claim | Wait | Noted | None:
    delivery = _next_locked(conversation_id)
    if delivery is None or not delivery.inbox.is_active:
        return None
    if noted := _noted(delivery):
        return noted
    channel = adapter(delivery.inbox.channel)
    now = timezone.now()
    repeat = repeat_of(delivery.inbox)
    if wait := _held_up(delivery, repeat, now):
        return wait
    if ended_as_withdrawn(delivery):
        plan_delivery(conversation_id)
        return None
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


def _next_locked(conversation_id: str) -> Delivery | None:
    """Returns the oldest unfinished delivery, locked, with all that a call needs but quote and file."""
    with rows.prepared_cursor() as cursor:
        cursor.execute(NEXT, [conversation_id])
        found = cursor.fetchone()
    if found is None:
        return None
    delivery, rest = rows.from_columns(Delivery, found)
    delivery.inbox, rest = rows.from_columns(Inbox, rest)
    delivery.conversation, rest = rows.from_columns(Conversation, rest)
    delivery.conversation.identity, rest = rows.from_columns(ContactIdentity, rest)
    delivery.conversation.contact, rest = rows.from_columns(Contact, rest)
    delivery.message, _ = rows.from_columns(Message, rest)
    return delivery


def _noted(delivery: Delivery) -> Noted | None:
    """Returns how the delivery's call ended, where its maker died or lost the database before it wrote so.

    One that is in doubt is settled by a success alone: a failure was overtaken by what made the doubt.
    """
    if delivery.status not in {DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN}:
        return None
    outcome = outcomes.recall(delivery.key, delivery.attempts)
    if outcome is None or (delivery.status == DeliveryStatus.UNKNOWN and not isinstance(outcome, Sent)):
        return None
    return Noted(delivery.key, delivery.attempts, outcome)


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
        # The receipt that settles it may have come in time, and nobody has read it yet.
        unread = InboundEvent.objects.filter(inbox_id=delivery.inbox_id, verdict=Verdict.RECEIVED)
        if unread.filter(next_try_at=None, received_at__lte=delivery.next_try_at or now).exists():
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
    return Wait(max(free_at, state.not_before or now, now), inbox_id, for_place=True)


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
    known = before.order_by("-seq").values_list("external_id", "deliveries__provider_id")[:KNOWN_THREAD]
    return tuple(each for pair in reversed(known) for each in pair if each)
