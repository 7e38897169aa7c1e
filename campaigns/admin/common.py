"""What the pages of campaigns share: who asks, for which campaign, and numbers as people read them."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format

from accounts.admin import actor_of
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from core.actor import Actor
from core.errors import Forbidden, NotFound

# How a state is coloured: amber stands still, green is done, red was ended.
TONES = {
    CampaignStatus.APPROVED: "primary",
    CampaignStatus.SCHEDULED: "primary",
    CampaignStatus.RUNNING: "primary",
    CampaignStatus.PAUSED: "amber",
    CampaignStatus.DONE: "green",
    CampaignStatus.CANCELLED: "red",
}

# In percent: less than the one is not told apart from others like it, less than the other with a tenth.
SMALLEST, FINE = 0.1, 10


def own_campaign(actor: Actor, pk: UUID | str) -> Campaign:
    """Returns a campaign for somebody who leads; raises Forbidden, or NotFound for one of other teams."""
    if not actor.leads:
        raise Forbidden
    found = Campaign.objects.visible_to(actor).select_related("inbox").filter(pk=pk).first()
    if not isinstance(found, Campaign):
        raise NotFound
    return found


def own_campaigns(request: HttpRequest) -> "QuerySet[Campaign]":
    """Returns the campaigns that whoever asks may see."""
    return Campaign.objects.visible_to(actor_of(request))


class LeadsOnly(admin.ModelAdmin[Any]):
    """Pages that are looked at by those who lead, whatever else somebody was given."""

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Both must hold: the admin's permission, and that the actions would let them."""
        return super().has_view_permission(request, obj) and actor_of(request).leads


def grouped(value: float | Decimal, places: int = 0) -> str:
    """Returns a number, rounded, with its thousands set apart."""
    return str(number_format(f"{value:.{places}f}", places, use_l10n=True, force_grouping=True))


def share_of(part: int, whole: int) -> str:
    """Returns a part in percent, with a tenth where it is small; "" of nothing."""
    if not whole:
        return ""
    percent = 100 * part / whole
    if 0 < percent < SMALLEST:
        return f"< {grouped(SMALLEST, 1)} %"
    is_fine = 0 < percent < FINE and part != whole
    return f"{grouped(percent, 1 if is_fine else 0)} %"
