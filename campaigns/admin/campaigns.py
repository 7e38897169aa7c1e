"""The list of campaigns, and the addresses of their pages."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from campaigns import actions
from campaigns.admin import draft, exports, pages, scripts
from campaigns.admin.common import TONES, LeadsOnly, grouped, own_campaign
from campaigns.admin.forms import NewCampaignForm
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from campaigns.queries.behind import progress_of
from conversations.admin.common import InboxFilter, OfInbox, seen_inboxes
from core.errors import Forbidden, HelpdeskError, NotFound


class WithProgress(ChangeList):
    """A list that counts the recipients of the campaigns it shows, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Counts once the page is known."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        counted = progress_of(rows)
        for row in rows:
            row.everybody, row.gone, row.replied = counted.get(row.pk, (0, 0, 0))
        self.result_list = rows


@admin.register(Campaign)
class CampaignAdmin(LeadsOnly, OfInbox[Campaign]):
    """Campaigns: a list, a page to begin one, and one page each, on which everything else happens."""

    change_list_template = "admin/campaigns/list.html"
    list_display = ("name", "channel", "state", "progress", "begins", "replies")
    list_filter = ("status", ("inbox", InboxFilter), "kind")
    list_select_related = ("inbox",)
    list_per_page = 25
    search_fields = ("name",)
    actions = None

    def get_changelist(self, request: HttpRequest, **_more: Any) -> type[ChangeList]:
        """With the progress of each."""
        del request
        return WithProgress

    @admin.display(description=_("inbox"), ordering="inbox__name")
    def channel(self, campaign: Campaign) -> SafeString:
        """Through which inbox, and what kind of one that is."""
        kind = campaign.inbox.get_channel_display()
        return format_html('{} <span class="cell-more">{}</span>', campaign.inbox.name, kind)

    @admin.display(description=_("state"), ordering="status")
    def state(self, campaign: Campaign) -> SafeString:
        """The state in colour and words, and a sign where it stands still by an error."""
        tone = TONES.get(CampaignStatus(campaign.status), "")
        pill = format_html('<span class="pill" data-tone="{}">{}</span>', tone, campaign.get_status_display())
        if not campaign.error:
            return pill
        return format_html('{} <span class="cell-error">{}</span>', pill, _("stands still"))

    @admin.display(description=_("progress"))
    def progress(self, campaign: Any) -> SafeString | str:
        """How many have had their turn, with a thin bar."""
        if campaign.is_open:
            return gettext("%s on the list") % grouped(campaign.everybody) if campaign.everybody else "–"
        words = gettext("%(gone)s of %(all)s") % {
            "gone": grouped(campaign.gone), "all": grouped(campaign.everybody),
        }  # fmt: skip
        return format_html(
            '<span class="cell-progress">{}<progress class="bar" max="{}" value="{}">{}</progress></span>',
            words, campaign.everybody or 1, campaign.gone, words,
        )  # fmt: skip

    @admin.display(description=_("begins"), ordering="started_at")
    def begins(self, campaign: Campaign) -> str:
        """When it began, or will."""
        at = campaign.started_at or campaign.starts_at
        return date_format(localtime(at), "SHORT_DATETIME_FORMAT") if at else "–"

    @admin.display(description=_("replied"))
    def replies(self, campaign: Any) -> str:
        """How many replied."""
        return grouped(campaign.replied) if not campaign.is_open else "–"

    def get_urls(self) -> list[URLPattern]:
        """Adds what the pages' scripts and links ask for."""
        page, one = self.admin_site.admin_view, "<uuid:pk>/"
        return [
            path(f"{one}audience/", scripts.audience, name="campaigns_campaign_audience"),
            path(f"{one}preview/", scripts.preview, name="campaigns_campaign_preview"),
            path(f"{one}hints/", scripts.hints, name="campaigns_campaign_hints"),
            path(f"{one}people/", scripts.people, name="campaigns_campaign_people"),
            path(f"{one}lists/", scripts.lists, name="campaigns_campaign_lists"),
            path(f"{one}live/", scripts.live, name="campaigns_campaign_live"),
            path(f"{one}recipients.csv", page(exports.recipients), name="campaigns_campaign_export"),
            path(f"{one}lists/<int:upload>.csv", page(exports.bad_rows), name="campaigns_campaign_bad"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Under its own name."""
        return super().changelist_view(request, {**(extra_context or {}), "title": gettext("Campaigns")})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks for a name and an inbox, makes the draft and goes on to its page."""
        del form_url, extra_context
        if not self.has_add_permission(request) or not actor_of(request).leads:
            raise PermissionDenied
        inboxes = seen_inboxes(request).filter(is_active=True)
        form = NewCampaignForm(request.POST or None, inboxes=inboxes)
        if request.method == "POST" and form.is_valid():
            try:
                made = actions.create_campaign(by=actor_of(request), **form.cleaned_data)
            except HelpdeskError as error:
                form.add_error(None, error.detail)
            else:
                self.log_addition(request, made, gettext("Made."))
                return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=[made.pk]))
        context = {"form": form, "title": gettext("New campaign"), "has_inboxes": inboxes.exists()}
        return render(request, "admin/campaigns/new.html", self.page_context(request, **context))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a draft, or the report of what has begun."""
        del form_url, extra_context
        campaign = self.own(request, object_id)
        if not self.has_change_permission(request, campaign):
            raise PermissionDenied
        page = draft.draft_page if campaign.is_open else pages.report_page
        return page(self, request, campaign)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks once. Django's own page would name each of a hundred thousand recipients."""
        del extra_context
        campaign = self.own(request, object_id)
        if not self.has_delete_permission(request, campaign):
            raise PermissionDenied
        if request.method != "POST":
            context = {"campaign": campaign, "title": gettext("Delete this campaign?")}
            return render(request, "admin/campaigns/delete.html", self.page_context(request, **context))
        try:
            with transaction.atomic():
                self.log_deletions(request, Campaign.objects.filter(pk=campaign.pk))
                actions.delete_campaign(campaign=campaign, by=actor_of(request))
        except HelpdeskError as error:
            messages.error(request, error.detail)
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
        messages.success(request, gettext("The campaign %s was deleted.") % campaign.name)
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_changelist"))

    def own(self, request: HttpRequest, object_id: str) -> Campaign:
        """Returns the campaign of a page; raises Http404 for one that is not theirs."""
        try:
            return own_campaign(actor_of(request), UUID(object_id))
        except (NotFound, ValueError) as error:
            raise Http404 from error
        except Forbidden as error:
            raise PermissionDenied from error

    def page_context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        """Returns what every page of the site needs, and what is given."""
        return {**self.admin_site.each_context(request), "opts": self.opts, **more}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Newest first."""
        return super().get_queryset(request).order_by("-created_at", "pk")
