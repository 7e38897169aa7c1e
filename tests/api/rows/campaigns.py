"""Campaigns and their people."""

from collections.abc import Callable

from django.utils import timezone

from campaigns import actions
from campaigns.actions import Listing, Wording
from campaigns.enums import CampaignStatus
from campaigns.models import BadRow, Campaign
from campaigns.people import Named
from conversations.models import MessageTemplate
from core.actor import Actor
from tests.api.rows import Row, Side, Who

ONE = "api/v1/campaigns/<uuid:campaign_id>"
IDS = {
    "campaign_id": lambda side: side.campaign.pk,
    "list_id": lambda side: side.campaign.uploads.earliest("pk").pk,
}


def at(status: CampaignStatus) -> Callable[[Side], object]:
    """Brings all campaigns to where a verb is possible."""
    return lambda _side: Campaign.objects.update(status=status, approved_at=timezone.now())


ROWS = {
    ("api/v1/campaigns", "get"): Row(foreign=200, lists=1),
    ("api/v1/campaigns", "post"): Row(
        201,
        422,
        body=lambda side: {"name": "Páscoa", "inbox": side.campaign.inbox_id, "text": "Olá"},
        who=Who.LEADS,
    ),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"brief": "Até sexta"}, who=Who.LEADS),
    (ONE, "delete"): Row(204, who=Who.LEADS),
    (f"{ONE}/approve", "post"): Row(who=Who.LEADS),
    (f"{ONE}/start", "post"): Row(who=Who.LEADS, before=at(CampaignStatus.APPROVED)),
    (f"{ONE}/pause", "post"): Row(who=Who.LEADS, before=at(CampaignStatus.RUNNING)),
    (f"{ONE}/resume", "post"): Row(who=Who.LEADS, before=at(CampaignStatus.PAUSED)),
    (f"{ONE}/cancel", "post"): Row(who=Who.LEADS),
    (f"{ONE}/test", "post"): Row(201, body={"to": {"address": "+5511999990001"}}, who=Who.LEADS),
    (f"{ONE}/stats", "get"): Row(),
    (f"{ONE}/recipients", "get"): Row(lists=0),
    (f"{ONE}/recipients", "post"): Row(
        201, body={"recipients": [{"address": "+5511999990002"}]}, who=Who.LEADS
    ),
    (f"{ONE}/recipients", "delete"): Row(204, who=Who.LEADS),
    (f"{ONE}/lists", "get"): Row(lists=0),
    (f"{ONE}/lists/<int:list_id>/bad", "get"): Row(lists=0),
}


def grow(side: Side, number: int) -> None:
    """One more with two wordings, and one more list with a good and a bad line for the first."""
    by, campaign = Actor.system(), side.campaign
    offer = MessageTemplate.objects.get(inbox=campaign.inbox)
    wordings = [Wording(text="Olá"), Wording(template=offer)]
    actions.create_campaign(by=by, inbox=campaign.inbox, name=f"C{number}", wordings=wordings)
    good = Named(f"+5511999991{number:03}", name=f"N{number}")
    for bad in ("x", "y"):
        actions.give_people(campaign=campaign, by=by, listing=Listing([good, Named(bad)]))
    actions.read_lists(campaign)
    first = campaign.uploads.earliest("pk")
    BadRow.objects.create(upload=first, line=100 + number, text="x", reason="y")
