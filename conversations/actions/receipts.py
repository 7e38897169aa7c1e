"""What providers tell of messages that were sent."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import signals
from conversations.actions.record import add_event, lock, save_locked
from conversations.enums import DeliveryStatus, EventType
from conversations.errors import NotYet
from conversations.exchange import Receipt
from conversations.groups import conversation_group
from conversations.models import UNFINISHED, ContactIdentity, Delivery, Inbox
from conversations.queries.delivered import delivery_frame
from conversations.tasks import plan_delivery
from core.actor import Actor
from core.realtime import publish

# How far each state is. What was delivered may still come back, which its time decides (`_is_news`).
RANK = {
    DeliveryStatus.QUEUED: 0,
    DeliveryStatus.SENDING: 1,
    DeliveryStatus.UNKNOWN: 2,
    DeliveryStatus.SENT: 3,
    DeliveryStatus.FAILED: 4,
    DeliveryStatus.DELIVERED: 5,
    DeliveryStatus.READ: 6,
}
# What a watermark can be about: whether anything else arrived, it does not say.
TAKEN = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
# Of a delivery's state, what is for people.
WORDS = ("error", "note")
# The provider knows that nothing will ever arrive there (RFC 3463: bad mailbox, bad domain).
DEAD_ADDRESS = ("5.1.1", "5.1.2", "5.1.10", "5.2.1")


@transaction.atomic
def record_receipt(inbox: Inbox, item: Receipt) -> str | None:
    """Moves deliveries forward, never back; returns why nothing was to do. Raises NotYet for one unknown.

    What a receipt may change is in docs/reliability.md. One of an attempt before people sent the message
    again says nothing of the present one.
    """
    if item.reader:
        return _record_reading(inbox, item)
    delivery, is_present = _named(inbox, item)
    if delivery is None:
        raise NotYet
    if not is_present:
        return _("it tells of an attempt before the message was sent again")
    return None if advance(delivery, item) else _("nothing changed")


def _record_reading(inbox: Inbox, item: Receipt) -> str | None:
    """Applies a watermark: everything that was sent to this person until then.

    Our clock notes the call's begin and its end; the provider's time of the message lies between them.
    """
    upto = item.upto or item.at or timezone.now()
    readers = Q(external_id=item.reader) | Q(aliases__external_id=item.reader)
    known = ContactIdentity.objects.filter(readers, inbox=inbox).values("pk")
    theirs = Delivery.objects.select_for_update(of=("self",)).filter(
        inbox=inbox, conversation__identity__in=known, claimed_at__lte=upto
    )
    behind = [status for status in TAKEN if RANK[status] < RANK[item.status]]
    ordered = theirs.filter(status__in=behind).order_by("conversation_id", "seq", "part")
    moved = [advance(delivery, item) for delivery in ordered]
    return None if any(moved) else _("nothing changed")


def _named(inbox: Inbox, item: Receipt) -> tuple[Delivery | None, bool]:
    """Returns the delivery that a receipt names, locked, and whether it tells of what is done with it now."""
    deliveries = Delivery.objects.select_for_update(of=("self",)).filter(inbox=inbox)
    with suppress(ValueError):
        pk, resent = read_key(item.key)
        if found := deliveries.filter(pk=pk).first():
            return found, found.resent == resent
    return deliveries.filter(provider_id=item.provider_id).first() if item.provider_id else None, True


def read_key(key: str) -> tuple[UUID, int]:
    """Returns the id of a delivery, and how often people had sent it again; ValueError for no key of ours."""
    pk, _sign, resent = key.partition("_")
    return UUID(pk), int(resent or 0)


def advance(delivery: Delivery, item: Receipt) -> bool:
    """Moves one locked delivery to what a receipt says of it, if that is forward; returns whether it was."""
    if item.provider_id and not delivery.provider_id:
        learn_id(delivery, item.provider_id)
    if not _is_news(delivery, item):
        return False
    was_open = delivery.status in UNFINISHED
    fields = {"status": item.status, **_times(delivery, item.status, item.at or timezone.now())}
    if item.status == DeliveryStatus.FAILED:
        code = item.error_code[:64]
        fields |= {"error": item.error[:500], "error_code": code, "failed_at": item.at or timezone.now()}
        _note_dead_address(delivery, item)
    else:
        fields |= {"error": "", "error_code": ""}
    write(delivery, **fields)
    if was_open:
        # Whatever waited for this one to be settled may go on.
        plan_delivery(str(delivery.conversation_id))
    return True


def _is_news(delivery: Delivery, item: Receipt) -> bool:
    """Says whether a receipt leads forward; of delivery and failure, the one that happened later holds.

    Not the one that was told later: they come doubled and out of order. What was read has arrived.
    """
    former = DeliveryStatus(delivery.status)
    if (former, item.status) == (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED):
        return item.at is None or delivery.delivered_at is None or item.at >= delivery.delivered_at
    if (former, item.status) == (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED) and delivery.failed_at:
        return item.at > delivery.failed_at if item.at else delivery.delivered_at is None
    return RANK[item.status] > RANK[former]


def learn_id(delivery: Delivery, provider_id: str) -> None:
    """Notes the provider's id, unless another delivery has it already (a message that was sent twice).

    An id that cannot be stored is done without: the message went out, and sending it again would be worse.
    """
    try:
        with transaction.atomic():
            Delivery.objects.filter(pk=delivery.pk).update(provider_id=provider_id[:255])
    except (IntegrityError, DataError):
        return
    delivery.provider_id = provider_id[:255]


def _times(delivery: Delivery, status: DeliveryStatus, at: datetime) -> dict[str, Any]:
    """Returns the times a state brings; what was read had been delivered and sent."""
    rank = RANK[status]
    steps = {
        "sent_at": DeliveryStatus.SENT,
        "delivered_at": DeliveryStatus.DELIVERED,
        "read_at": DeliveryStatus.READ,
    }
    return {
        name: at
        for name, step in steps.items()
        if RANK[step] <= rank and getattr(delivery, name) is None and status != DeliveryStatus.FAILED
    }


def _note_dead_address(delivery: Delivery, item: Receipt) -> None:
    if item.error_code.startswith(DEAD_ADDRESS):
        ContactIdentity.objects.filter(pk=delivery.conversation.identity_id, unreachable_since=None).update(
            unreachable_since=timezone.now()
        )


def write(delivery: Delivery, **fields: Any) -> None:
    """Saves fields of a delivery and shows its message's state; a failure is written into the log as well."""
    failed = fields.get("status") == DeliveryStatus.FAILED
    for name, value in fields.items():
        setattr(delivery, name, value)
    delivery.save(update_fields=list(fields))
    if failed:
        row = lock(delivery.conversation_id, by=Actor.system())
        add_event(
            row,
            EventType.DELIVERY_FAILED,
            is_internal=True,
            message_id=str(delivery.message_id),
            seq_of_message=delivery.seq,
            error=delivery.error,
        )
        save_locked(row)
        signals.delivery_failed.send(Delivery, delivery=delivery)
    show(delivery)


def show(delivery: Delivery) -> None:
    """Tells the desks that look at the conversation how far a message has come.

    Neither why it failed nor what else is to be known: each reads that in a language of its own, and is told
    that there is something to read.
    """
    parts = Delivery.objects.filter(message_id=delivery.message_id).order_by("part")
    told = parts.values("status", "error", code=F("error_code"), is_active=F("inbox__is_active"))
    state: Mapping[str, Any] = delivery_frame(told) or {}
    publish(
        [conversation_group(delivery.conversation_id)],
        {
            "type": "delivery",
            "conversation": str(delivery.conversation_id),
            "message": str(delivery.message_id),
            **{name: value for name, value in state.items() if name not in WORDS},
            "has_words": any(map(state.get, WORDS)),
        },
    )
