"""What providers said of the messages of some recipients."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from campaigns.models import Recipient
from conversations.enums import DeliveryStatus
from conversations.models import Delivery
from core.reasons import said


@dataclass(slots=True)
class Fate:
    """Of a message: why it failed, as people read it, and when its last part arrived and was read."""

    error: str = ""
    delivered_at: datetime | None = None
    read_at: datetime | None = None


def fates(recipients: Iterable[Recipient]) -> dict[UUID, Fate]:
    """Returns what became of recipients' messages, by message; one query."""
    found: dict[UUID, Fate] = {}
    keys = [row.message_id for row in recipients if row.message_id]
    rows = Delivery.objects.filter(message__in=keys).order_by("part")
    for row in rows.only("message_id", "status", "error", "error_code", "delivered_at", "read_at"):
        fate = found.setdefault(row.message_id, Fate())
        fate.delivered_at = row.delivered_at or fate.delivered_at
        fate.read_at = row.read_at or fate.read_at
        if row.status == DeliveryStatus.FAILED and not fate.error:
            fate.error = said(row.error) or row.error_code
    return found
