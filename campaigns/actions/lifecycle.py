"""From a draft to its end: approve, start, pause, resume, cancel; and trying it out before."""

from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.actions.preparing import variant_for
from campaigns.actions.rights import locked_campaign, require_lead
from campaigns.enums import OVER, CampaignStatus, Kind, RecipientState, Skip
from campaigns.models import Campaign, Recipient, Variant
from campaigns.queries.consents import has_opted_out
from campaigns.queries.problems import problems
from campaigns.queries.words import details_of, link_of, words_for
from campaigns.tasks import plan_running
from conversations.actions.notifying import Notice, locked_for_notice, notify, withdraw
from conversations.enums import Withdrawn
from conversations.models import ContactIdentity, Message
from core.actor import Actor, ActorKind
from core.errors import Conflict, Invalid, NotFound
from core.reasons import reason

# Where others have their signed token, the link of a test has this.
OF_A_TEST = "test"
CALLED_OFF = gettext_noop("The campaign was cancelled.")


@transaction.atomic
def approve(*, campaign: Campaign, by: Actor) -> Campaign:
    """Says that the campaign may go out as it is; a change takes that back. Idempotent.

    Raises Invalid that names everything that has to be set right first, Conflict for one that has begun.
    """
    row = locked_campaign(campaign, by=by)
    if row.status == CampaignStatus.APPROVED:
        return row
    if row.status != CampaignStatus.DRAFT:
        raise Conflict(_("This campaign has begun already."))
    if found := problems(row):
        raise Invalid(" ".join(found))
    row.status, row.approved_at, row.approved_by = CampaignStatus.APPROVED, timezone.now(), by.name[:120]
    row.save(update_fields=["status", "approved_at", "approved_by", "updated_at"])
    return row


@transaction.atomic
def start(*, campaign: Campaign, by: Actor) -> Campaign:
    """Lets an approved campaign begin, at its time or at once. Idempotent for one that runs.

    A program's start approves what it made: who gave it the key has decided that it may. Raises Conflict for
    a draft of people's, and for one that has ended.
    """
    row = locked_campaign(campaign, by=by)
    if row.status in {CampaignStatus.RUNNING, CampaignStatus.SCHEDULED}:
        return row
    if row.status == CampaignStatus.DRAFT and by.kind == ActorKind.API_KEY:
        row = approve(campaign=row, by=by)
    if row.status != CampaignStatus.APPROVED:
        raise Conflict(_("Only a campaign that was approved can be started."))
    if found := problems(row):
        raise Invalid(" ".join(found))
    _deal_out(row)
    return _set_going(row)


def _set_going(row: Campaign) -> Campaign:
    now = timezone.now()
    is_early = row.starts_at is not None and row.starts_at > now
    row.status = CampaignStatus.SCHEDULED if is_early else CampaignStatus.RUNNING
    row.started_at = row.started_at or (None if is_early else now)
    row.error = ""
    row.save(update_fields=["status", "started_at", "error", "updated_at"])
    if row.kind == Kind.BROADCAST:
        plan_running(row.pk, row.starts_at if is_early else None)
    return row


def _deal_out(row: Campaign) -> None:
    """Gives those of a list a variant each, as it stands now."""
    variants = list(row.variants.all())
    waiting = Recipient.objects.filter(campaign=row, state=RecipientState.QUEUED, contact__isnull=False)
    dealt: list[Recipient] = []
    for recipient in waiting.only("pk", "contact_id", "variant_id").iterator(chunk_size=2_000):
        chosen = variant_for(variants, row.pk, recipient.contact_id) if recipient.contact_id else None
        if chosen is not None and chosen.pk != recipient.variant_id:
            recipient.variant = chosen
            dealt.append(recipient)
    Recipient.objects.bulk_update(dealt, ["variant"], batch_size=2_000)


@transaction.atomic
def pause(*, campaign: Campaign, by: Actor) -> Campaign:
    """Holds a campaign: nobody more is written to. Idempotent.

    What was handed to the inbox before, five seconds' worth of the pace at most, still goes out. Raises
    Conflict for one that is not at work.
    """
    row = locked_campaign(campaign, by=by)
    if row.status == CampaignStatus.PAUSED:
        return row
    if row.status not in {CampaignStatus.RUNNING, CampaignStatus.SCHEDULED}:
        raise Conflict(_("This campaign is not at work."))
    row.status = CampaignStatus.PAUSED
    row.save(update_fields=["status", "updated_at"])
    return row


@transaction.atomic
def resume(*, campaign: Campaign, by: Actor) -> Campaign:
    """Lets a paused campaign go on with whoever has not been written to. Idempotent; Conflict otherwise."""
    row = locked_campaign(campaign, by=by)
    if row.status in {CampaignStatus.RUNNING, CampaignStatus.SCHEDULED}:
        return row
    if row.status != CampaignStatus.PAUSED:
        raise Conflict(_("This campaign is not paused."))
    return _set_going(row)


@transaction.atomic
def cancel(*, campaign: Campaign, by: Actor) -> Campaign:
    """Ends a campaign: from now on nothing more of it is given to a provider. Idempotent.

    Who has not been written to is left out; what waits to be sent is taken back. A call that is being made at
    this moment cannot be. Raises Conflict for a campaign that is done.
    """
    row = locked_campaign(campaign, by=by)
    if row.status == CampaignStatus.CANCELLED:
        return row
    if row.status in OVER:
        raise Conflict(_("This campaign is done."))
    Recipient.objects.filter(campaign=row, state=RecipientState.QUEUED).update(
        state=RecipientState.SKIPPED, reason=Skip.CANCELLED
    )
    row.status, row.finished_at, row.error = CampaignStatus.CANCELLED, timezone.now(), ""
    row.save(update_fields=["status", "finished_at", "error", "updated_at"])
    written = Recipient.objects.filter(campaign=row, state=RecipientState.WRITTEN).values("message_id")
    withdraw(written, error=reason(CALLED_OFF), code=Withdrawn.CANCELLED)
    return row


@transaction.atomic
def send_test(*, campaign: Campaign, variant: Variant, to: ContactIdentity, by: Actor) -> Message:
    """Sends one variant to somebody now, as they would get it; it counts nowhere.

    Only its link to opt out is none: it leads to a page that says so.

    Raises Invalid for what is missing, and what `conversations.actions.notifying.notify` raises.
    """
    require_lead(by)
    row = locked_campaign(campaign, by=by)
    if to.inbox_id != row.inbox_id:
        raise Invalid(field="to")
    if variant.campaign_id != row.pk:
        raise NotFound(field="variant")
    if has_opted_out(to):
        raise Invalid(_("This person wants no messages."), field="to")
    link = link_of(OF_A_TEST)
    words = words_for(variant, to.contact, more={}, link=link)
    if words.missing:
        raise Invalid(_("Nothing is known of this person for: %s.") % ", ".join(words.missing), field="to")
    client_id = uuid4()
    conversation = locked_for_notice(to, subject=words.subject, client_id=client_id)
    notice = Notice(words.text, variant.template, words.values, variant.file, details_of(row, ""))
    return notify(conversation=conversation, notice=notice, client_id=client_id)
