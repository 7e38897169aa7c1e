"""Writing a campaign's messages: one recipient at a time, each at most once, at the campaign's pace.

Recipient, message and delivery are written in one transaction, under the lock of the campaign's row. Whoever
dies has written all of them or none; whoever pauses or cancels waits for the one that is being written.
The sending itself is the spine's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from campaigns.actions.consent import unsubscribe_token
from campaigns.actions.preparing import prepare_some
from campaigns.enums import CampaignStatus, RecipientState, Skip, UploadStatus
from campaigns.models import Campaign, Recipient, Upload, Variant
from campaigns.queries.consents import has_agreed, has_opted_out
from campaigns.queries.pace import held_until, left_today, per_second, quiet_zones, room_ahead
from campaigns.queries.words import details_of, link_of, words_for
from campaigns.tasks import plan_reading, plan_running
from conversations.actions.notifying import Notice, locked_for_notice, notify
from conversations.enums import Status
from conversations.errors import WindowClosed
from conversations.models import Contact, ContactIdentity, Conversation, Message
from conversations.queries.recipients import recipient_at
from conversations.queries.windows import capabilities
from core.crash_points import crash_point
from core.errors import Invalid, TooLarge
from core.reasons import reason

MESSAGES = UUID("f3f1b6f2-5a7c-4f93-8a44-5f1f0a4c9a55")
# What was not sent while a worker died may be made up for: in any minute no more than a twentieth too many.
BURST = timedelta(seconds=3)
# Between two looks at what else decides the pace.
TURN = timedelta(seconds=0.5)
SKIPPED_AT_ONCE = 100
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be written before that moment."""

    until: datetime


OVER = None


def go_on(campaign_id: str) -> float | None:
    """Does the next half second's work of a campaign; returns how many seconds to wait, None at its end.

    The end is that of its job: it is over, was paused, or somebody else's word is needed.
    """
    if prepare_some(campaign_id):
        return 0.0
    campaign = (
        Campaign.objects.select_related("inbox")
        .filter(pk=campaign_id, status=CampaignStatus.RUNNING, inbox__is_active=True)
        .first()
    )
    if campaign is None:
        return None
    now = timezone.now()
    ends_at = now + TURN
    turn = _turn(campaign, now)
    if isinstance(turn, Wait):
        return _seconds(turn.until)
    for _number in range(turn.room):
        step = write_next(campaign, quiet=turn.quiet)
        if step is OVER:
            return None
        if isinstance(step, Wait):
            return _seconds(step.until)
        if timezone.now() >= ends_at:
            return 0.0
    return 0.0 if turn.room else TURN.total_seconds() / 2


def plan_after(campaign_id: str, seconds: float) -> None:
    """Plans a campaign that has to wait."""
    plan_running(campaign_id, timezone.now() + timedelta(seconds=seconds))


def sweep() -> None:
    """Starts what is due, and plans campaigns and lists that may have no job."""
    due = Campaign.objects.filter(status=CampaignStatus.SCHEDULED, starts_at__lte=timezone.now())
    for pk in due.values_list("pk", flat=True):
        begin_scheduled(pk)
    running = Campaign.objects.filter(status=CampaignStatus.RUNNING, inbox__is_active=True)
    for pk in running.exclude(kind="onsite").values_list("pk", flat=True):
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
class _Turn:
    """What holds for the next half second: how many may be written, and where it is quiet until when."""

    room: int
    quiet: dict[str, datetime]


def _turn(campaign: Campaign, now: datetime) -> _Turn | Wait:
    if until := held_until(campaign.inbox, now):
        return Wait(until)
    left, free_at = left_today(campaign, now)
    if free_at is not None:
        return Wait(free_at)
    quiet: dict[str, datetime] = {}
    if campaign.quiet_from is not None:
        zones = _queued(campaign).order_by().values_list("zones", flat=True).distinct()
        quiet = quiet_zones(campaign, zones, now)
    room = room_ahead(campaign)
    return _Turn(max(0, room if left is None else min(room, left)), quiet)


def _queued(campaign: Campaign) -> "QuerySet[Recipient]":
    return Recipient.objects.filter(campaign=campaign, state=RecipientState.QUEUED)


def _seconds(until: datetime) -> float:
    return max(0.01, min(until - timezone.now(), LONGEST_WAIT).total_seconds())


@transaction.atomic(durable=True)
def write_next(campaign: Campaign, *, quiet: dict[str, datetime]) -> bool | Wait | None:
    """Writes to the next recipient whose turn it is, or leaves them out; True when it did.

    Wait before the next place in the campaign's pace, or while it is quiet for everybody left; None (OVER)
    once the campaign is done, or no longer runs.
    """
    held = Campaign.objects.select_for_update(of=("self",)).filter(
        pk=campaign.pk, status=CampaignStatus.RUNNING
    )
    slots = list(held.values_list("next_slot", flat=True))
    if not slots:
        return OVER
    now = timezone.now()
    slot = max(slots[0] or now, now - BURST)
    if slot > now:
        return Wait(slot)
    for _number in range(SKIPPED_AT_ONCE):
        recipient = _next_locked(campaign, quiet)
        if recipient is None:
            return _nobody_left(campaign, quiet, now)
        skip = _write(campaign, recipient, now)
        if isinstance(skip, Skip):
            _leave_out(recipient, skip)
            continue
        if skip is not None:
            _stand_still(campaign, skip)
            return OVER
        crash_point("campaigns.written")
        step = timedelta(seconds=1 / per_second(campaign))
        Campaign.objects.filter(pk=campaign.pk).update(next_slot=slot + step)
        return True
    return True


def _next_locked(campaign: Campaign, quiet: dict[str, datetime]) -> Recipient | None:
    rows = _queued(campaign)
    if quiet:
        rows = rows.exclude(zones__in=list(quiet))
    related = ("contact", "variant__template", "variant__file")
    found = rows.select_for_update(of=("self",), skip_locked=True).select_related(*related)
    return found.order_by("pk").first()


def _nobody_left(campaign: Campaign, quiet: dict[str, datetime], now: datetime) -> Wait | None:
    """Ends a campaign of which nobody waits any more."""
    if _queued(campaign).exists():
        return Wait(min(quiet.values(), default=now + TURN))
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.DONE, finished_at=timezone.now(), error=""
    )
    return OVER


def _write(campaign: Campaign, recipient: Recipient, now: datetime) -> Skip | str | None:
    """Writes to one recipient; returns why not to this one (Skip), or to nobody (a reason)."""
    contact = _present(cast("Contact", recipient.contact))
    if contact.pk != recipient.contact_id:
        if Recipient.objects.filter(campaign=campaign, contact=contact).exists():
            return Skip.DUPLICATE
        recipient.contact = contact
    identity = _identity(campaign, contact)
    if isinstance(identity, Skip):
        return identity
    others = Recipient.objects.filter(campaign=campaign, identity=identity)
    if others.exclude(pk=recipient.pk).exists():
        return Skip.DUPLICATE
    variant = recipient.variant
    if variant is None or (not variant.text and variant.template is None):
        return reason("There is nothing to say: the template is gone, or the text is empty.")
    try:
        with transaction.atomic():
            message = _say(campaign, recipient, identity, contact)
    except _LeftOut as left:
        return left.skip
    except Invalid as error:
        return error.detail
    recipient.identity, recipient.message = identity, message
    recipient.conversation_id = message.conversation_id
    recipient.state, recipient.written_at = RecipientState.WRITTEN, now
    fields = ["contact", "identity", "conversation", "message", "state", "written_at"]
    recipient.save(update_fields=fields)
    return None


class _LeftOut(Exception):
    """Nothing is said to this one, and no conversation is left behind."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip)
        self.skip = skip


def _say(campaign: Campaign, recipient: Recipient, identity: ContactIdentity, contact: Contact) -> Message:
    variant = cast("Variant", recipient.variant)
    link = link_of(unsubscribe_token(recipient))
    words = words_for(variant, contact, more=recipient.values, link=link)
    if words.missing:
        raise _LeftOut(Skip.MISSING_VALUE)
    client_id = uuid5(MESSAGES, str(recipient.pk))
    conversation = locked_for_notice(identity, subject=words.subject, client_id=client_id)
    # Asked under the lock, for which whoever takes a word to the machine waits, or we for them.
    if skip := _unwanted(campaign, identity, conversation):
        raise _LeftOut(skip)
    details = details_of(campaign, link)
    notice = Notice(words.text, variant.template, words.values, variant.file, details)
    try:
        return notify(conversation=conversation, notice=notice, client_id=client_id)
    except WindowClosed as error:
        raise _LeftOut(Skip.WINDOW_CLOSED) from error
    except TooLarge as error:
        raise _LeftOut(Skip.TOO_LONG) from error


def _present(contact: Contact) -> Contact:
    """Returns who stands for a contact that was merged into another."""
    for _number in range(10):
        if contact.merged_into_id is None:
            break
        contact = cast("Contact", contact.merged_into)
    return contact


def _identity(campaign: Campaign, contact: Contact) -> ContactIdentity | Skip:
    """Returns the id under which somebody is written to; makes one where their address is known."""
    inbox = campaign.inbox
    rows = ContactIdentity.objects.filter(contact=contact, inbox=inbox, same_as=None)
    known = list(rows.select_related("inbox").order_by("-pk"))
    alive = [row for row in known if row.unreachable_since is None]
    if alive:
        return alive[0]
    if known:
        return Skip.UNREACHABLE
    if not capabilities(inbox).opens:
        return Skip.NO_ADDRESS
    for address in filter(None, (contact.phone, contact.email)):
        if found := recipient_at(inbox, address):
            made, _new = ContactIdentity.objects.select_related("inbox", "same_as").get_or_create(
                inbox=inbox, external_id=found.external_id, defaults={"contact": contact}
            )
            root = made.same_as or made
            return Skip.UNREACHABLE if root.unreachable_since else root
    return Skip.NO_ADDRESS


def _unwanted(campaign: Campaign, identity: ContactIdentity, conversation: Conversation) -> Skip | None:
    if has_opted_out(identity):
        return Skip.OPTED_OUT
    if campaign.needs_consent and not has_agreed(identity):
        return Skip.NO_CONSENT
    if campaign.leaves_busy and conversation.status != Status.RESOLVED:
        return Skip.BUSY
    return None


def _leave_out(recipient: Recipient, skip: Skip) -> None:
    recipient.state, recipient.reason = RecipientState.SKIPPED, skip
    recipient.save(update_fields=["state", "reason"])


def _stand_still(campaign: Campaign, error: str) -> None:
    """Pauses a campaign that can write to nobody, with the reason."""
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.PAUSED, error=error[:300])
