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
from campaigns.actions.writing import leave_out, next_locked, queued, write
from campaigns.enums import CampaignStatus, Kind, Skip, UploadStatus
from campaigns.models import Campaign, Upload, Variant
from campaigns.queries.pace import held_until, idle_for, left_today, per_second, quiet_zones, room_ahead
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


def go_on(campaign_id: str) -> float | None:
    """Does the next moment's work of a campaign; returns how many seconds to wait, None at its end.

    The end is that of its job: it is over, was paused, or somebody else's word is needed.
    """
    if prepare_some(campaign_id):
        return 0.0
    campaign = (
        Campaign.objects.select_related("inbox")
        .filter(pk=campaign_id, kind=Kind.BROADCAST, status=CampaignStatus.RUNNING, inbox__is_active=True)
        .first()
    )
    if campaign is None:
        return None
    now = timezone.now()
    ends_at = now + TURN
    turn = turn_of(campaign, now)
    if isinstance(turn, Wait):
        return _seconds(turn.until)
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
    """What holds for a moment: how many may be written, the wordings, where it is quiet until when."""

    room: int
    variants: dict[int, Variant]
    quiet: dict[str, datetime]
    is_scarce: bool = False


def turn_of(campaign: Campaign, now: datetime) -> Turn | Wait:
    """Returns what a campaign may do just now, or until when it has to wait."""
    if until := held_until(campaign.inbox, now):
        return Wait(until)
    left, free_at = left_today(campaign, now)
    if free_at is not None:
        return Wait(free_at)
    quiet: dict[str, datetime] = {}
    if campaign.quiet_from is not None:
        zones = queued(campaign).order_by().values_list("zones", flat=True).distinct()
        quiet = quiet_zones(campaign, zones, now)
    room = room_ahead(campaign, now)
    variants = {row.pk: row for row in campaign.variants.select_related("template", "file")}
    is_scarce = left is not None and left <= SCARCE
    return Turn(max(0, room if left is None else min(room, left)), variants, quiet, is_scarce)


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
    if turn.is_scarce and (free_at := _day_is_full(campaign, now)):
        return Wait(free_at)
    for _number in range(SKIPPED_AT_ONCE):
        recipient = next_locked(campaign, turn.quiet)
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


def _day_is_full(campaign: Campaign, now: datetime) -> datetime | None:
    """Returns when somebody may be written to again; asked under a lock: the day has few places left."""
    inbox = Inbox.objects.select_for_update(of=("self",), no_key=True).filter(pk=campaign.inbox_id)
    list(inbox.values_list("pk"))
    return left_today(campaign, now)[1]


def _nobody_left(campaign: Campaign, quiet: dict[str, datetime], now: datetime) -> Wait | None:
    """Ends a campaign of which nobody waits any more."""
    if queued(campaign).exists():
        return Wait(min(quiet.values(), default=now + TURN))
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.DONE, finished_at=timezone.now(), error=""
    )
    return OVER


def _stand_still(campaign: Campaign, error: str) -> None:
    """Pauses a campaign that can write to nobody, with the reason."""
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.PAUSED, error=error[:300])
