"""Why a campaign that is at work writes to nobody just now."""

from datetime import datetime, timedelta

from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from campaigns.queries.pace import (
    backlog,
    held_until,
    idle_for,
    left_today,
    quiet_zones,
    room_ahead,
    waiting_zones,
)
from conversations.enums import Light
from conversations.models import InboxState
from core.reasons import said

CROWDED_FOR = timedelta(seconds=10)


def why_it_waits(campaign: Campaign, now: datetime) -> str:
    """Returns a sentence for people; "" where nothing holds the campaign."""
    if campaign.error:
        return said(campaign.error)
    if campaign.status == CampaignStatus.SCHEDULED and campaign.starts_at:
        return _("It begins at %s.") % _moment(campaign.starts_at)
    if campaign.status != CampaignStatus.RUNNING:
        return ""
    if not campaign.inbox.is_active:
        return _("Its inbox is switched off.")
    if until := held_until(campaign.inbox, now):
        return _trouble(campaign) or _("The provider asked for a pause until %s.") % _moment(until)
    _left, free_at = left_today(campaign, now)
    if free_at:
        return _("Today's limit of people is reached; it goes on at %s.") % _moment(free_at)
    return _crowd(campaign, now) or _quiet(campaign, now)


def _trouble(campaign: Campaign) -> str:
    """The inbox itself does not work: somebody has to see to it."""
    state = InboxState.objects.filter(inbox=campaign.inbox, light=Light.RED).first()
    return _("Its inbox is in trouble: %s") % said(state.detail) if state and state.detail else ""


def _crowd(campaign: Campaign, now: datetime) -> str:
    """Only where nothing was written for a while: at its full pace a campaign waits for moments."""
    if idle_for(campaign, now) < CROWDED_FOR or room_ahead(campaign, now) > 0:
        return ""
    waiting = backlog(campaign.inbox, now)
    count = waiting.due + waiting.later
    told = ngettext(
        "%s message in this inbox waits for the provider.",
        "%s messages in this inbox wait for the provider.",
        count,
    )
    return told % number_format(count)


def _quiet(campaign: Campaign, now: datetime) -> str:
    """Only where it is quiet for everybody who is left."""
    if campaign.quiet_from is None:
        return ""
    zones = waiting_zones(campaign)
    ends = quiet_zones(campaign, zones, now)
    if not zones or len(ends) < len(zones):
        return ""
    return _("Quiet hours: it goes on at %s.") % _moment(min(ends.values()))


def _moment(at: datetime) -> str:
    # English ends in "a.m.", and the sentence in a full stop of its own.
    return date_format(localtime(at), "DATETIME_FORMAT").removesuffix(".")
