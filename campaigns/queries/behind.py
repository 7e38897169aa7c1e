"""Exactly the recipients behind each number of a campaign, by the bounds of `campaigns.queries.stats`."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Value

from campaigns.enums import OVER, RecipientState
from campaigns.models import Campaign, Recipient
from conversations.enums import DeliveryStatus
from conversations.models import Delivery
from core.reasons import in_english

ON_ITS_WAY = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
NOT_TAKEN = (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN, *ON_ITS_WAY)
ARRIVED = (DeliveryStatus.DELIVERED, DeliveryStatus.READ)
WRITTEN = Q(state=RecipientState.WRITTEN)
EVERYBODY, AN_HOUR = "campaigns.everybody:{}", 3600


def _has(*states: str) -> Q:
    """What is true of a recipient one of whose deliveries is in one of the states; in any, without any."""
    deliveries = Delivery.objects.filter(message=OuterRef("message"))
    return Q(Exists(deliveries.filter(status__in=states) if states else deliveries))


def _lacks_all_but(*states: str) -> Q:
    others = [state for state in DeliveryStatus.values if state not in states]
    return ~_has(*others)


def _was_shown() -> Q:
    """What a visitor of a site saw: nobody has to deliver it."""
    return ~_has() & ~Q(visitor="")


def _was_opened() -> Q:
    return _was_shown() & Q(message__isnull=False)


# Whoever is in `read` is in `delivered`, and whoever is there is in `sent`.
NUMBERS: dict[str, Callable[[], Q]] = {
    "waiting": lambda: Q(state=RecipientState.QUEUED),
    "sending": lambda: WRITTEN & _has(*ON_ITS_WAY) & ~_has(DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN),
    "unknown": lambda: WRITTEN & _has(DeliveryStatus.UNKNOWN) & ~_has(DeliveryStatus.FAILED),
    "sent": lambda: WRITTEN & ~_has(*NOT_TAKEN),
    "delivered": lambda: WRITTEN & ((_has() & _lacks_all_but(*ARRIVED)) | _was_shown()),
    "read": lambda: WRITTEN & ((_has() & _lacks_all_but(DeliveryStatus.READ)) | _was_opened()),
    "failed": lambda: WRITTEN & _has(DeliveryStatus.FAILED),
    "skipped": lambda: Q(state=RecipientState.SKIPPED),
    "replied": lambda: Q(replied_at__isnull=False),
    "opted_out": lambda: Q(opted_out_at__isnull=False),
}


def behind(rows: "QuerySet[Recipient]", number: str) -> "QuerySet[Recipient]":
    """Narrows recipients to those that a number of the report counts, by its name."""
    return rows.filter(NUMBERS[number]())


def failed_with(rows: "QuerySet[Recipient]", code: str, error: str) -> "QuerySet[Recipient]":
    """Narrows recipients to those whose message failed with a code, and an error as it is stored.

    Whoever asks may read any language: what counts is what the stored texts say in English.
    """
    failed = Delivery.objects.filter(message=OuterRef("message"), status=DeliveryStatus.FAILED)
    first = failed.order_by("part")
    failing = behind(rows, "failed").annotate(
        failed_code=Subquery(first.values("error_code")[:1]), failed_error=Subquery(first.values("error")[:1])
    )
    found = failing.filter(failed_code=code)
    meant = in_english(error)
    stored = set(found.order_by().values_list("failed_error", flat=True).distinct())
    return found.filter(failed_error__in=[text for text in stored if in_english(text) == meant])


def progress_of(campaigns: list[Campaign]) -> dict[UUID, tuple[int, int, int]]:
    """Returns of campaigns how many recipients there are, how many had their turn, how many replied.

    How many there are of one that is over may be an hour old: it changes only when customers are erased.
    """
    rows = Recipient.objects.filter(campaign__in=campaigns)
    # These two are in indexes of their own, and are few where the whole is many.
    waiting = _counts(rows.filter(state=RecipientState.QUEUED), "waiting")
    replied = _counts(rows.filter(replied_at__isnull=False), "replied")
    few = {(pk, name): count for pk, count, name in waiting.union(replied, all=True)}
    return {
        pk: (count, count - few.get((pk, "waiting"), 0), few.get((pk, "replied"), 0))
        for pk, count in _everybody(campaigns).items()
    }


def _everybody(campaigns: list[Campaign]) -> dict[UUID, int]:
    over = {EVERYBODY.format(each.pk): each.pk for each in campaigns if each.status in OVER}
    known = {over[key]: count for key, count in cache.get_many(over).items()}
    others = [each.pk for each in campaigns if each.pk not in known]
    counts = _counts(Recipient.objects.filter(campaign__in=others), "everybody")
    counted = {pk: count for pk, count, _name in counts}
    fresh = {key: counted.get(pk, 0) for key, pk in over.items() if pk not in known}
    cache.set_many(fresh, AN_HOUR)
    return {**known, **counted}


def _counts(rows: "QuerySet[Recipient]", name: str) -> "QuerySet[Any, tuple[UUID, int, str]]":
    return rows.order_by().values_list("campaign_id").annotate(count=Count("*"), name=Value(name))
