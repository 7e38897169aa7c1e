"""Going on with what waits for a provider: a few conversations at a time, the longest waiting first.

One job an inbox asks whose turn it is. Ten thousand messages may wait while a provider is away or takes
eighty a second.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from conversations.actions.settling import BREAKER_AT
from conversations.channels import adapter
from conversations.enums import DeliveryStatus
from conversations.models import UNFINISHED, Delivery, Inbox, InboxState
from conversations.tasks import plan_delivery, plan_resuming

# A claim whose owner has said nothing for so long is nobody's: calls end by their own deadline before.
LEASE = timedelta(seconds=25)
# Work this young is on its way.
YOUNG = timedelta(seconds=3)
ROUND = timedelta(seconds=1)
# Conversations a round, unless the provider takes more messages in that time.
AT_LEAST = 20


def resume(inbox_id: int, *, young: timedelta = timedelta()) -> None:
    """Plans what is due in an inbox, and the next round when there is more than one round takes.

    One conversation while the provider failed again and again, to see whether it is back; none before the
    moment that it asked for. `young`: leaves out what was written so lately that its own job will do it.
    """
    now = timezone.now()
    inbox = Inbox.objects.filter(pk=inbox_id, is_active=True).first()
    if inbox is None:
        return
    state = InboxState.objects.filter(inbox=inbox).first()
    if state is not None and state.not_before is not None and state.not_before > now:
        plan_resuming(inbox_id, state.not_before)
        return
    is_broken = state is not None and state.failures >= BREAKER_AT
    places = 1 if is_broken else max(AT_LEAST, int(adapter(inbox.channel).capabilities.per_second))
    waiting = list(due(inbox_id, now, young).values_list("conversation_id", flat=True)[: places + 1])
    for conversation_id in waiting[:places]:
        plan_delivery(str(conversation_id))
    if len(waiting) > places:
        plan_resuming(inbox_id, now + ROUND)


def due(inbox_id: int, now: datetime, young: timedelta = timedelta()) -> "QuerySet[Delivery]":
    """Returns, oldest first, the first unfinished delivery of each conversation where it may be sent now."""
    unfinished = Delivery.objects.filter(inbox_id=inbox_id, status__in=UNFINISHED)
    heads = unfinished.order_by("conversation_id", "seq", "part").distinct("conversation_id").values("pk")
    ready = (
        Q(status=DeliveryStatus.SENDING, claimed_at__lte=now - LEASE)
        | Q(status__in=(DeliveryStatus.QUEUED, DeliveryStatus.UNKNOWN), next_try_at__lte=now - young)
        | Q(status=DeliveryStatus.QUEUED, next_try_at=None, created_at__lt=now - young)
    )
    return Delivery.objects.filter(ready, pk__in=heads).order_by("created_at", "pk")
