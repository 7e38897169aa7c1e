"""Writing down who gets a campaign: some thousand at a time, each once, from where the last time ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from campaigns.addresses import zones_of
from campaigns.enums import CampaignStatus, Kind, Source
from campaigns.models import Campaign, Recipient, Variant
from campaigns.queries.audience import audience
from conversations.models import Contact

AT_ONCE = 2_000


@transaction.atomic(durable=True)
def prepare_some(campaign_id: str) -> bool:
    """Writes down the next recipients of a running campaign; returns whether there may be more.

    The row of the campaign says how far it has come, and is locked meanwhile.
    """
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("inbox")
    campaign = rows.filter(
        pk=campaign_id, kind=Kind.BROADCAST, status=CampaignStatus.RUNNING, prepared_at=None
    ).first()
    if campaign is None:
        return False
    people: list[Contact] = []
    if campaign.source == Source.SEGMENT:
        found = audience(campaign).order_by("pk")
        if campaign.cursor is not None:
            found = found.filter(pk__gt=campaign.cursor)
        people = list(found[:AT_ONCE])
    add_recipients(campaign, people)
    if len(people) == AT_ONCE:
        campaign.cursor = people[-1].pk
    else:
        campaign.prepared_at = timezone.now()
    campaign.save(update_fields=["cursor", "prepared_at"])
    return campaign.prepared_at is None


def add_recipients(
    campaign: Campaign,
    people: Iterable[Contact],
    values: Mapping[UUID, dict[str, str]] | None = None,
    *,
    since: datetime | None = None,
) -> None:
    """Writes customers down as recipients; whoever is one already stays as they are.

    `values`: what a list said of them, by the customer's id. `since`: who was made since then is a newcomer.
    """
    told = values or {}
    variants = list(campaign.variants.all())
    Recipient.objects.bulk_create(
        (
            Recipient(
                campaign=campaign,
                contact=contact,
                variant=variant_for(variants, campaign.pk, contact.pk),
                zones=zones_for(contact),
                values=told.get(contact.pk, {}),
                is_newcomer=since is not None and contact.created_at >= since,
            )
            for contact in people
        ),
        ignore_conflicts=True,
    )


def variant_for(variants: list[Variant], campaign: UUID, contact: UUID) -> Variant | None:
    """Returns which wording somebody gets: by chance in the shares of the variants, always the same."""
    if not variants:
        return None
    ends = list(accumulate(variant.share for variant in variants))
    digest = blake2b(campaign.bytes + contact.bytes, digest_size=8).digest()
    place = int.from_bytes(digest) % ends[-1]
    return next(variant for variant, end in zip(variants, ends, strict=True) if place < end)


def zones_for(contact: Contact) -> str:
    """Returns the time zones somebody may be in: what was said of them, or what their number tells."""
    return contact.timezone or (zones_of(contact.phone) if contact.phone else "")
