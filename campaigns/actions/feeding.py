"""Writing a campaign's messages: one recipient at a time, each at most once, at the campaign's pace.

Recipient, message and delivery are written in one transaction, under the lock of the campaign's row. Whoever
dies has written all of them or none; whoever pauses or cancels waits for the one that is being written.
The sending itself is the spine's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from campaigns.actions.preparing import prepare_some
from campaigns.actions.turns import next_locked, queued
from campaigns.actions.writing import leave_out, write
from campaigns.enums import CampaignStatus, Kind, Skip, UploadStatus
from campaigns.models import Campaign, Upload, Variant
from campaigns.queries.pace import (
    Day,
    daily_limit,
    day_before,
    held_until,
    idle_for,
    left_today,
    per_second,
    quiet_zones,
    room_ahead,
    waiting_zones,
)
from campaigns.tasks import plan_reading, plan_running
from conversations.models import Inbox
from core import rows
from core.crash_points import crash_point

# What was not sent while a worker died may be made up for: in any minute no more than a twentieth too many.
BURST = timedelta(seconds=3)
# Between two looks at what else decides the pace.
TURN = timedelta(seconds=0.2)
PAUSE = timedelta(seconds=0.2)
LONGEST_WITHOUT_ROOM = timedelta(seconds=2)
SKIPPED_AT_ONCE = 100
# With fewer places left in a day than that, each is taken under a lock: others may write at the same time.
SCARCE = 1_000
LONGEST_WAIT = timedelta(hours=1)
# Asked for each of a hundred thousand, and written out for that (see `core.rows`).
HELD = "SELECT next_slot FROM campaigns_campaign WHERE id = %s AND status = 'running' FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be written before that moment."""

    until: datetime


OVER = None


class Feeding:
    """The writing of one campaign, a moment at a time, which need not count the whole day in each."""

    def __init__(self, campaign_id: str) -> None:
        self.campaign_id = campaign_id
        self.day: Day | None = None

    def go_on(self) -> float | None:
        """Does the next moment's work; returns how many seconds to wait, None at its end.

        The end is that of its job: it is over, was paused, or somebody else's word is needed.
        """
        if prepare_some(self.campaign_id):
            return 0.0
        broadcasts = Campaign.objects.select_related("inbox").filter(kind=Kind.BROADCAST)
        running = broadcasts.filter(status=CampaignStatus.RUNNING, inbox__is_active=True)
        campaign = running.filter(pk=self.campaign_id).first()
        if campaign is None:
            return None
        now = timezone.now()
        if daily_limit(campaign) is not None:
            self.day = day_before(campaign.inbox, now, self.day)
        turn = turn_of(campaign, now, self.day)
        if isinstance(turn, Wait):
            return _seconds(turn.until)
        return _take_turn(campaign, turn, now)


def _take_turn(campaign: Campaign, turn: "Turn", now: datetime) -> float | None:
    ends_at = now + TURN
    for _number in range(turn.room):
        step = write_next(campaign, turn)
        if step is OVER:
            return None
        if isinstance(step, Wait):
            return _seconds(step.until)
        if timezone.now() >= ends_at:
            return 0.0
    return 0.0 if turn.room else _pause_without_room(campaign, now)


def _pause_without_room(campaign: Campaign, now: datetime) -> float:
    """Returns how long to wait for room in the inbox: the longer there was none, the longer.

    Not so long that what was missed meanwhile could not be made up for.
    """
    pause = idle_for(campaign, now) / 4
    return min(max(pause, TURN / 2), LONGEST_WITHOUT_ROOM).total_seconds()


def plan_after(campaign_id: str, seconds: float) -> None:
    """Plans a campaign that has to wait."""
    plan_running(campaign_id, timezone.now() + timedelta(seconds=seconds))


def sweep() -> None:
    """Starts what is due, and plans campaigns and lists that may have no job."""
    due = Campaign.objects.filter(status=CampaignStatus.SCHEDULED, starts_at__lte=timezone.now())
    for pk in due.values_list("pk", flat=True):
        begin_scheduled(pk)
    running = Campaign.objects.filter(status=CampaignStatus.RUNNING, inbox__is_active=True)
    for pk in running.filter(kind=Kind.BROADCAST).values_list("pk", flat=True):
        plan_running(pk)
    unread = Upload.objects.filter(status__in=(UploadStatus.WAITING, UploadStatus.READING))
    for number in unread.values_list("pk", flat=True):
        plan_reading(number)


def begin_scheduled(campaign_id: UUID) -> None:
    """Lets a campaign run whose time has come, unless somebody has decided otherwise."""
    now = timezone.now()
    waiting = Campaign.objects.filter(pk=campaign_id, status=CampaignStatus.SCHEDULED, starts_at__lte=now)
    if waiting.update(status=CampaignStatus.RUNNING, started_at=now):
        plan_running(campaign_id)


@dataclass(frozen=True, slots=True)
class Turn:
    """What holds for a moment: how many may be written, the wordings, where it is quiet until when.

    `open_zones`: where it is not quiet, None where it is nowhere. `scarce`: the day, while it has few places.
    """

    room: int
    variants: dict[int, Variant]
    quiet: dict[str, datetime]
    open_zones: list[str] | None = None
    scarce: Day | None = None


def turn_of(campaign: Campaign, now: datetime, day: Day | None = None) -> Turn | Wait:
    """Returns what a campaign may do just now, or until when it has to wait."""
    if until := held_until(campaign.inbox, now):
        return Wait(until)
    left, free_at = left_today(campaign, now, day)
    if free_at is not None:
        return Wait(free_at)
    quiet: dict[str, datetime] = {}
    open_zones = None
    if campaign.quiet_from is not None:
        zones = waiting_zones(campaign)
        quiet = quiet_zones(campaign, zones, now)
        open_zones = [zone for zone in zones if zone not in quiet] if quiet else None
    room = room_ahead(campaign, now)
    variants = {row.pk: row for row in campaign.variants.select_related("template", "file")}
    scarce = day if left is not None and left <= SCARCE else None
    return Turn(max(0, room if left is None else min(room, left)), variants, quiet, open_zones, scarce)


def _seconds(until: datetime) -> float:
    """Returns how long to wait: not so short that looking whether it is time costs more than the messages."""
    return min(max(until - timezone.now(), PAUSE), LONGEST_WAIT).total_seconds()


@transaction.atomic(durable=True)
def write_next(campaign: Campaign, turn: Turn) -> bool | Wait | None:
    """Writes to the next recipient whose turn it is, or leaves them out; True when it did.

    Wait before the next place in the campaign's pace, or while it is quiet for everybody left; None (OVER)
    once the campaign is done, or no longer runs.
    """
    with rows.prepared_cursor() as cursor:
        cursor.execute(HELD, [campaign.pk])
        held = cursor.fetchone()
    if held is None:
        return OVER
    now = timezone.now()
    slot = max(held[0] or now, now - BURST)
    if slot > now:
        return Wait(slot)
    if turn.scarce and (free_at := _day_is_full(campaign, turn.scarce, now)):
        return Wait(free_at)
    for _number in range(SKIPPED_AT_ONCE):
        recipient = next_locked(campaign, turn.open_zones)
        if recipient is None:
            return _nobody_left(campaign, turn.quiet, now)
        outcome = write(campaign, recipient, turn.variants.get(recipient.variant_id or 0), now)
        if isinstance(outcome, Skip):
            leave_out(recipient, outcome)
            continue
        if isinstance(outcome, str):
            _stand_still(campaign, outcome)
            return OVER
        crash_point("campaigns.written")
        campaign.next_slot = slot + timedelta(seconds=1 / per_second(campaign))
        rows.update(campaign, "next_slot")
        return True
    return True


def _day_is_full(campaign: Campaign, day: Day, now: datetime) -> datetime | None:
    """Returns when somebody may be written to again; asked under a lock: the day has few places left."""
    inbox = Inbox.objects.select_for_update(of=("self",), no_key=True).filter(pk=campaign.inbox_id)
    list(inbox.values_list("pk"))
    return left_today(campaign, now, day)[1]


def _nobody_left(campaign: Campaign, quiet: dict[str, datetime], now: datetime) -> Wait | None:
    """Ends a campaign of which nobody waits any more."""
    if queued(campaign).exclude(zones__in=quiet).exists():
        # Somebody else holds them.
        return Wait(now + TURN)
    if queued(campaign).exists():
        return Wait(min(quiet.values(), default=now + TURN))
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.DONE, finished_at=timezone.now(), error=""
    )
    return OVER


def _stand_still(campaign: Campaign, error: str) -> None:
    """Pauses a campaign that can write to nobody, with the reason."""
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.PAUSED, error=error[:300])
