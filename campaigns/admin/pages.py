"""The page of a campaign that has begun: its report, and the buttons that hold, resume and end it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.admin import actor_of
from campaigns import actions
from campaigns.admin import rules
from campaigns.admin.report import report_of
from campaigns.admin.words import strings
from campaigns.enums import OVER, CampaignStatus, Source
from campaigns.models import Campaign
from core.actor import Actor
from core.errors import HelpdeskError

if TYPE_CHECKING:
    from campaigns.admin.campaigns import CampaignAdmin

AT_WORK = (CampaignStatus.RUNNING, CampaignStatus.SCHEDULED)


def report_page(page: "CampaignAdmin", request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Shows how it stands; a POST does what the button says."""
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    if request.method == "POST":
        _act(page, request, campaign)
        return HttpResponseRedirect(address)
    report = report_of(campaign)
    urls = {"live": reverse("admin:campaigns_campaign_live", args=[campaign.pk])}
    context = {
        "campaign": campaign,
        "title": campaign.name,
        "report": report,
        "can_pause": campaign.status in AT_WORK,
        "can_resume": campaign.status == CampaignStatus.PAUSED,
        "can_cancel": campaign.status not in OVER,
        "rules": list(rules.in_words(campaign, actor_of(request))),
        "is_list": campaign.source == Source.LIST,
        "variants": campaign.variants.select_related("template", "file"),
        "state": {
            "strings": strings(),
            "urls": urls,
            "course": report["course"],
            "status": campaign.status,
            "is_over": report["is_over"],
        },
    }
    return render(request, "admin/campaigns/report.html", page.page_context(request, **context))


def _act(page: "CampaignAdmin", request: HttpRequest, campaign: Campaign) -> None:
    verb = next((name for name in VERBS if name in request.POST), None)
    if verb is None:
        return
    try:
        told = VERBS[verb](campaign, actor_of(request))
    except HelpdeskError as error:
        messages.error(request, error.detail)
    else:
        page.log_change(request, campaign, told)
        messages.success(request, told)


def _pause(campaign: Campaign, by: Actor) -> str:
    actions.pause(campaign=campaign, by=by)
    return _("Paused. Nobody more is written to until it is resumed.")


def _resume(campaign: Campaign, by: Actor) -> str:
    actions.resume(campaign=campaign, by=by)
    return _("The campaign goes on.")


def _cancel(campaign: Campaign, by: Actor) -> str:
    actions.cancel(campaign=campaign, by=by)
    return _("Cancelled. Who had not been written to is left out.")


VERBS: dict[str, Callable[[Campaign, Actor], str]] = {
    "_pause": _pause,
    "_resume": _resume,
    "_cancel": _cancel,
}
