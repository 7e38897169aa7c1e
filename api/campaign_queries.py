"""Campaigns and their recipients as the API lists them."""

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from campaigns.models import BadRow, Campaign, Recipient, Upload, Variant
from campaigns.queries.known import with_address
from campaigns.queries.stats import with_outcome
from conversations.enums import DeliveryStatus
from conversations.models import Conversation, Delivery
from core.actor import Actor
from core.errors import NotFound

# Of a long list the first bad lines; the others have pages of their own.
BAD_ROWS_SHOWN = 20


def campaigns_for(actor: Actor) -> "QuerySet[Campaign]":
    """Returns the campaigns of the inboxes that the actor sees: two queries with inbox and variants."""
    variants = Variant.objects.select_related("template", "file").order_by("label")
    rows = Campaign.objects.visible_to(actor)
    return rows.select_related("inbox").prefetch_related(Prefetch("variants", variants))


def campaign_by_id(campaign_id: UUID, *, actor: Actor) -> Campaign:
    """Returns the campaign; raises NotFound when there is none or the actor may not see it."""
    found = campaigns_for(actor).filter(pk=campaign_id).first()
    if found is None:
        raise NotFound
    return found


def recipients_of(campaign: Campaign, *, actor: Actor) -> "QuerySet[Recipient]":
    """Returns a campaign's recipients, each with its outcome and, where it failed, with the provider's word.

    `seen` is the conversation's id, for those who may see that.
    """
    failed = Delivery.objects.filter(message=OuterRef("message_id"), status=DeliveryStatus.FAILED)
    seen = Conversation.objects.visible_to(actor).filter(pk=OuterRef("conversation_id"))
    theirs = with_address(Recipient.objects.filter(campaign=campaign), campaign.inbox)
    rows = with_outcome(theirs).annotate(
        error=_first(failed.order_by("part"), "error"),
        error_code=_first(failed.order_by("part"), "error_code"),
        seen=Subquery(seen.values("pk")[:1]),
    )
    return rows.select_related("contact", "variant")


def _first(rows: "QuerySet[Any]", name: str) -> Coalesce:
    return Coalesce(Subquery(rows.values(name)[:1]), Value(""))


def uploads_of(campaign: Campaign) -> "QuerySet[Upload]":
    """Returns the lists of a campaign, each with its first bad lines; not what they contain."""
    bad = BadRow.objects.order_by("line")[:BAD_ROWS_SHOWN]
    rows = Upload.objects.filter(campaign=campaign).defer("content")
    return rows.prefetch_related(Prefetch("bad", bad, to_attr="first_bad"))


def bad_rows_of(campaign: Campaign, upload_id: int) -> "QuerySet[BadRow]":
    """Returns the lines of a list that became no recipient; raises NotFound for another campaign's list."""
    if not Upload.objects.filter(campaign=campaign, pk=upload_id).exists():
        raise NotFound
    return BadRow.objects.filter(upload=upload_id)
