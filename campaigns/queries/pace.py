"""How many messages a campaign may hand over now: by its own pace, its inbox, the provider, the hour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum

from campaigns.enums import RecipientState
from campaigns.models import Campaign, Recipient
from campaigns.quiet import quiet_end
from conversations.models import UNFINISHED, Delivery, Inbox, InboxState
from conversations.queries.windows import capabilities
from core import rows

DAY = timedelta(days=1)
# Seconds' worth of its pace that a campaign may have waiting in its inbox: what customers are answered
# meanwhile comes behind no more than that.
AHEAD = 5.0
AT_LEAST_AHEAD = 5
# So many may wait in an inbox for a later moment.
MOST_LATER = 1_000
# How long the writing of one message may take, and for how long a count of the day is good.
SETTLED = timedelta(seconds=30)
COUNTED_EVERY = timedelta(seconds=20)
# PostgreSQL itself would read all who wait for their few zones.
ZONES = """
WITH RECURSIVE found AS (
    (SELECT zones FROM campaigns_recipient WHERE campaign_id = %s AND state = 'queued' ORDER BY zones LIMIT 1)
    UNION ALL
    SELECT (
        SELECT zones FROM campaigns_recipient
        WHERE campaign_id = %s AND state = 'queued' AND zones > found.zones ORDER BY zones LIMIT 1
    ) FROM found WHERE found.zones IS NOT NULL
)
SELECT zones FROM found WHERE zones IS NOT NULL
"""


def per_second(campaign: Campaign) -> float:
    """Returns how many messages a second a campaign hands over: its own pace, or what its channel takes."""
    pace = campaign.per_minute / 60
    can = capabilities(campaign.inbox)
    return min(pace, can.per_second) if can.sends else pace


def held_until(inbox: Inbox, now: datetime) -> datetime | None:
    """Returns until when the provider asked to be left alone; None where nothing holds the inbox."""
    state = InboxState.objects.filter(inbox=inbox, not_before__gt=now).first()
    return state.not_before if state else None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages of an inbox that have not been sent: those whose turn it is, and those that wait for later.

    Later is after a moment of their own, such as the next try at a mailbox that is full; what was written
    after them in the same conversation waits with them.
    """

    due: int
    later: int


def backlog(inbox: Inbox, now: datetime) -> Backlog:
    """Returns how many messages wait in an inbox to be sent or confirmed."""
    unfinished = Delivery.objects.filter(inbox=inbox, status__in=UNFINISHED)
    each = unfinished.values("conversation").annotate(count=Count("pk"), until=Max("next_try_at"))
    is_later = Q(until__gt=now)
    found = each.aggregate(all=Sum("count", default=0), later=Sum("count", filter=is_later, default=0))
    return Backlog(found["all"] - found["later"], found["later"])


def room_ahead(campaign: Campaign, now: datetime) -> int:
    """Returns how many more messages may be put into the inbox just now; 0 or less where there is no room.

    What waits for a later moment of its own takes no place from others, until there is very much of it: a
    provider that takes nothing any more must not get the whole campaign.
    """
    waiting = backlog(campaign.inbox, now)
    most = max(AT_LEAST_AHEAD, int(AHEAD * per_second(campaign)))
    return min(most - waiting.due, MOST_LATER - waiting.later)


def idle_for(campaign: Campaign, now: datetime) -> timedelta:
    """Returns for how long a running campaign has written to nobody although its own pace let it."""
    since = campaign.next_slot or campaign.started_at or now
    return max(now - since, timedelta())


def daily_limit(campaign: Campaign) -> int | None:
    """Returns to how many people the inbox may write in 24 hours: as set, or by the provider's tier."""
    return campaign.daily_limit if campaign.daily_limit is not None else provider_tier(campaign.inbox)


def provider_tier(inbox: Inbox) -> int | None:
    """Returns to how many people the provider lets an inbox write in 24 hours; None where it said nothing."""
    state = InboxState.objects.filter(inbox=inbox).first()
    tier = state.details.get("daily_limit") if state else None
    return tier if isinstance(tier, int) and tier > 0 else None


@dataclass(frozen=True, slots=True)
class Day:
    """To how many people campaigns wrote through an inbox in the 24 hours before a moment.

    Not counted are the last seconds before it, of which somebody may be writing still.
    """

    at: datetime
    count: int


def day_before(inbox: Inbox, now: datetime, known: Day | None = None) -> Day:
    """Returns the count of a day; a known one for some seconds, since there may be a hundred thousand."""
    if known and timedelta() <= now - known.at < COUNTED_EVERY:
        return known
    settled = _written(inbox).filter(written_at__gt=now - DAY, written_at__lte=now - SETTLED)
    return Day(now, settled.count())


def left_today(
    campaign: Campaign, now: datetime, day: Day | None = None
) -> tuple[int | None, datetime | None]:
    """Returns how many more people may be written to now, and when a place comes free if none is.

    With a day that was counted before, it looks only at what has come and gone since.
    """
    limit = daily_limit(campaign)
    if limit is None:
        return None, None
    used = _used(campaign.inbox, day or day_before(campaign.inbox, now), now)
    if used < limit:
        return limit - used, None
    day_long = _written(campaign.inbox).filter(written_at__gt=now - DAY).order_by("written_at")
    last = day_long.values_list("written_at", flat=True)[used - limit : used - limit + 1]
    return 0, next((at + DAY for at in last if at), now + COUNTED_EVERY)


def _used(inbox: Inbox, day: Day, now: datetime) -> int:
    written = _written(inbox)
    come = written.filter(written_at__gt=day.at - SETTLED).count()
    gone = written.filter(written_at__gt=day.at - DAY, written_at__lte=now - DAY).count()
    return day.count + come - gone


def _written(inbox: Inbox) -> "QuerySet[Recipient]":
    return Recipient.objects.filter(campaign__inbox=inbox, state=RecipientState.WRITTEN)


def waiting_zones(campaign: Campaign) -> list[str]:
    """Returns the different zones of those who have not been written to: one look into the index for each."""
    with rows.prepared_cursor() as cursor:
        cursor.execute(ZONES, [campaign.pk, campaign.pk])
        return [zones for (zones,) in cursor.fetchall()]


def quiet_zones(campaign: Campaign, zones: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Returns those of the recipients' zones in which it is quiet now, and until when.

    A zone is as `Recipient.zones` has it: several, or none, which means the campaign's.
    """
    if campaign.quiet_from is None or campaign.quiet_until is None:
        return {}
    usual = campaign.timezone or settings.TIME_ZONE
    found = {}
    for each in zones:
        if end := quiet_end(now, (each or usual).split(), campaign.quiet_from, campaign.quiet_until):
            found[each] = end
    return found
