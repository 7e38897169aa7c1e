"""What providers tell of messages that were sent."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

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

# What a provider took may fail behind it (a bounce, a closed window); what reached the person has not failed.
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
# The provider knows that nothing will ever arrive there (RFC 3463: bad mailbox, bad domain).
DEAD_ADDRESS = ("5.1.1", "5.1.2", "5.1.10", "5.2.1")


@transaction.atomic
def record_receipt(inbox: Inbox, item: Receipt) -> str | None:
    """Moves deliveries forward, never back; returns why nothing was to do. Raises NotYet for one unknown.

    A message that was reported failed may still turn out to have arrived; one that arrived does not fail.
    """
    if item.reader:
        return _record_reading(inbox, item)
    delivery = _delivery_of(inbox, item)
    if delivery is None:
        raise NotYet
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
    moved = [advance(delivery, item) for delivery in theirs.filter(status__in=behind).order_by("seq", "part")]
    return None if any(moved) else _("nothing changed")


def _delivery_of(inbox: Inbox, item: Receipt) -> Delivery | None:
    deliveries = Delivery.objects.select_for_update(of=("self",)).filter(inbox=inbox)
    if item.key and (key := uuid_or_none(item.key)) and (found := deliveries.filter(pk=key).first()):
        return found
    return deliveries.filter(provider_id=item.provider_id).first() if item.provider_id else None


def uuid_or_none(text: str) -> UUID | None:
    """Returns the text as a UUID if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def advance(delivery: Delivery, item: Receipt) -> bool:
    """Moves one locked delivery to what a receipt says of it, if that is forward; returns whether it was."""
    if item.provider_id and not delivery.provider_id:
        learn_id(delivery, item.provider_id)
    if RANK[item.status] <= RANK[DeliveryStatus(delivery.status)]:
        return False
    was_open = delivery.status in UNFINISHED
    fields = {"status": item.status, **_times(delivery, item.status, item.at or timezone.now())}
    if item.status == DeliveryStatus.FAILED:
        fields |= {"error": item.error[:500], "error_code": item.error_code[:64]}
        _note_dead_address(delivery, item)
    else:
        fields |= {"error": "", "error_code": ""}
    write(delivery, **fields)
    if was_open:
        # Whatever waited for this one to be settled may go on.
        plan_delivery(str(delivery.conversation_id))
    return True


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
    show(delivery)


def show(delivery: Delivery) -> None:
    """Tells the desks that look at the conversation how far a message has come."""
    parts = Delivery.objects.filter(message_id=delivery.message_id).order_by("part")
    state = delivery_frame(parts.values("status", "error"))
    publish(
        [conversation_group(delivery.conversation_id)],
        {
            "type": "delivery",
            "conversation": str(delivery.conversation_id),
            "message": str(delivery.message_id),
            **(state or {}),
        },
    )
