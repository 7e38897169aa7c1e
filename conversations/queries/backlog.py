"""How much came in and is not taken in, was written and is not sent, and since when."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Min

from conversations.enums import DeliveryStatus, Verdict
from conversations.models import Delivery, InboundEvent


class Backlog(NamedTuple):
    """A count, and when the oldest of them came."""

    waiting: int
    since: datetime | None


def inbound_backlog() -> Backlog:
    """Counts receipts that nobody has looked at; what waits for a message it refers to is not among them."""
    waiting = InboundEvent.objects.filter(verdict=Verdict.RECEIVED, next_try_at=None)
    return Backlog(**waiting.aggregate(waiting=Count("pk"), since=Min("received_at")))


def outbound_backlog() -> Backlog:
    """Counts messages that nobody has tried to send; what waits for a provider is not among them."""
    waiting = Delivery.objects.filter(
        status=DeliveryStatus.QUEUED, attempts=0, inbox__state__not_before=None, inbox__is_active=True
    )
    return Backlog(**waiting.aggregate(waiting=Count("pk"), since=Min("created_at")))
