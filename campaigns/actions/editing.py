"""Making a campaign and changing it, as long as it has not begun."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns.actions.newcomers import forget_newcomers
from campaigns.actions.rights import locked_campaign, open_campaign, require_lead
from campaigns.enums import CampaignStatus, RecipientState
from campaigns.models import LABELS, Campaign, Recipient, Variant
from campaigns.segments import read_segment
from conversations.models import Attachment, Inbox, MessageTemplate
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.zones import time_zones

# What may be given for a campaign, beside its wordings.
FIELDS = frozenset(
    {
        *("name", "inbox", "kind", "source", "segment", "needs_consent", "leaves_busy", "brief", "starts_at"),
        *("quiet_from", "quiet_until", "timezone", "per_minute", "daily_limit", "price", "currency"),
        *("url_pattern", "seconds", "visitors"),
    }
)
LONGEST_BRIEF, LONGEST_TEXT = 2_000, 4_000


@dataclass(frozen=True, slots=True)
class Wording:
    """A variant as it is asked for."""

    text: str = ""
    subject: str = ""
    template: MessageTemplate | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    share: int = 1
    file: Attachment | None = None


@transaction.atomic
def create_campaign(
    *,
    by: Actor,
    inbox: Inbox,
    name: str,
    wordings: Sequence[Wording] = (),
    idempotency_key: str | None = None,
    **fields: Any,
) -> Campaign:
    """Makes a draft; it writes to nobody. Raises Forbidden, NotFound for an inbox of others, Invalid.

    Returns the campaign that was made under the same `idempotency_key`, if there is one: `just_created` of
    the result tells. Keys are global: a door that takes them from outside prefixes them with its caller.
    """
    require_lead(by)
    if not Inbox.objects.visible_to(by).filter(pk=inbox.pk).exists():
        raise NotFound(field="inbox")
    if known := _made_under(idempotency_key):
        return known
    campaign = Campaign(
        inbox=inbox, name=_named(name), created_by=by.name[:120], idempotency_key=idempotency_key
    )
    _set(campaign, fields)
    try:
        with transaction.atomic():
            campaign.save(force_insert=True)
    except IntegrityError:
        # Of several calls with one key the unique constraint let another through.
        known = _made_under(idempotency_key)
        if known is None:
            raise
        return known
    campaign.just_created = True
    _say(campaign, wordings or [Wording()])
    return campaign


def _made_under(key: str | None) -> Campaign | None:
    return Campaign.objects.select_related("inbox").filter(idempotency_key=key).first() if key else None


@transaction.atomic
def change_campaign(
    *,
    campaign: Campaign,
    by: Actor,
    wordings: Sequence[Wording] | None = None,
    expected: str | None = None,
    **fields: Any,
) -> Campaign:
    """Changes a campaign that has not begun; what was approved has to be approved again.

    Raises Conflict for one that has begun, Changed for one that is not the `expected` one any more, and what
    `create_campaign` raises.
    """
    row = open_campaign(campaign, by=by, expected=expected)
    inbox = fields.get("inbox")
    if inbox is not None and not Inbox.objects.visible_to(by).filter(pk=inbox.pk).exists():
        raise NotFound(field="inbox")
    _set(row, fields)
    row.take_approval_back()
    row.save()
    if wordings is not None:
        _say(row, wordings)
    return row


@transaction.atomic
def delete_campaign(*, campaign: Campaign, by: Actor, expected: str | None = None) -> None:
    """Deletes a campaign with its recipients; what was said stays in the conversations.

    Customers whom only its list knew are forgotten with it (`forget_newcomers`).

    Raises Conflict for one that is at work: it has to be cancelled first; Changed as `change_campaign` does.
    """
    row = locked_campaign(campaign, by=by, expected=expected)
    if row.status in {CampaignStatus.RUNNING, CampaignStatus.SCHEDULED, CampaignStatus.PAUSED}:
        raise Conflict(_("Cancel the campaign before you delete it."))
    forget_newcomers(row)
    Recipient.objects.filter(campaign=row).delete()
    row.delete()


@transaction.atomic
def clear_list(*, campaign: Campaign, by: Actor, expected: str | None = None) -> int:
    """Takes everybody off the list of a campaign that has not begun; returns how many that were."""
    row = open_campaign(campaign, by=by, expected=expected)
    listed = Recipient.objects.filter(campaign=row, state=RecipientState.QUEUED).count()
    forget_newcomers(row)
    Recipient.objects.filter(campaign=row, state=RecipientState.QUEUED).delete()
    row.uploads.all().delete()
    return listed


def _named(name: str) -> str:
    clean = " ".join(name.split())[:120]
    if not clean:
        raise Invalid(_("Give it a name."), field="name")
    return clean


def _set(campaign: Campaign, fields: Mapping[str, Any]) -> None:
    """Sets what is given, checked."""
    if unknown := set(fields) - FIELDS:
        raise Invalid(field=min(unknown))
    for name, value in fields.items():
        setattr(campaign, name, value)
    if "name" in fields:
        campaign.name = _named(campaign.name)
    _check(campaign, set(fields) - {"name", "inbox", "segment"})
    if (campaign.quiet_from is None) != (campaign.quiet_until is None):
        raise Invalid(_("Quiet hours need a beginning and an end."), field="quiet_until")
    if campaign.quiet_from is not None and campaign.quiet_from == campaign.quiet_until:
        raise Invalid(
            _("Quiet hours that end when they begin are none; leave both empty."), field="quiet_until"
        )
    campaign.segment = read_segment(campaign.segment).model_dump(mode="json")


def _check(campaign: Campaign, given: set[str]) -> None:
    """Raises Invalid for the first value that its field does not take."""
    others = {each.name for each in Campaign._meta.get_fields()} - given
    try:
        campaign.clean_fields(exclude=others)
    except ValidationError as error:
        name, problems = min(error.message_dict.items())
        raise Invalid(problems[0], field=name) from error
    # Django leaves the length of long texts to forms.
    if len(campaign.brief) > LONGEST_BRIEF:
        raise Invalid(_("This text may have %d characters.") % LONGEST_BRIEF, field="brief")
    if campaign.timezone and campaign.timezone not in time_zones():
        raise Invalid(_("There is no time zone %s.") % campaign.timezone, field="timezone")


def _say(campaign: Campaign, wordings: Sequence[Wording]) -> None:
    """Writes the variants anew; those who are on the list already keep the share of their letter."""
    if not 1 <= len(wordings) <= len(LABELS):
        raise Invalid(_("A campaign has one to five variants."), field="variants")
    for label, wording in zip(LABELS, wordings, strict=False):
        if wording.template is not None and wording.template.inbox_id != campaign.inbox_id:
            raise NotFound(field="template")
        if len(wording.text) > LONGEST_TEXT:
            raise Invalid(_("This text may have %d characters.") % LONGEST_TEXT, field="text")
        Variant.objects.update_or_create(
            campaign=campaign,
            label=label,
            defaults={
                # A template is all that is said: should it go, nothing else may take its place.
                "text": "" if wording.template else wording.text.strip(),
                "subject": " ".join(wording.subject.split())[:200],
                "template": wording.template,
                "values": dict(wording.values),
                "share": max(1, wording.share),
                "file": wording.file,
            },
        )
    surplus = campaign.variants.exclude(label__in=LABELS[: len(wordings)])
    Recipient.objects.filter(campaign=campaign, variant__in=surplus).update(variant=None)
    surplus.delete()
