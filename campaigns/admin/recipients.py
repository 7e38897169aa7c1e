"""The recipients of a campaign: exactly those behind a number of its report."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from campaigns.admin.common import LeadsOnly, own_campaigns
from campaigns.admin.figures import NAMES
from campaigns.enums import Outcome, Skip
from campaigns.models import LABELS, Campaign, Recipient
from campaigns.queries.behind import NUMBERS, behind, failed_with
from campaigns.queries.fates import fates
from campaigns.queries.stats import with_outcome
from conversations.admin.common import ReadOnly
from conversations.models import Conversation
from core.reasons import said
from core.storable import storable

OUTCOME_TONES = {
    Outcome.DELIVERED: "green",
    Outcome.READ: "green",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "amber",
    Outcome.SENDING: "primary",
}
# The campaign that is looked at, and an error of a provider.
CARRIED = ("campaign", "code", "error")


class Number(admin.SimpleListFilter):
    """By the number of the report that counts them."""

    title = _("what happened")
    parameter_name = "number"

    def __init__(self, request: HttpRequest, params: dict[str, Any], *args: Any) -> None:
        # What links carry along; Django would take it for a lookup of its own.
        for name in CARRIED:
            params.pop(name, None)
        super().__init__(request, params, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """In the order of the report."""
        del request, model_admin
        return list(NAMES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrows; an error of a provider comes along with its code."""
        number = self.value()
        if number not in NUMBERS:
            return queryset
        if number == "failed" and "error" in request.GET:
            return failed_with(queryset, storable(request.GET.get("code", "")), request.GET["error"])
        return behind(queryset, number)


class Reason(admin.SimpleListFilter):
    """By why they were left out."""

    title = _("why left out")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """All reasons."""
        del request, model_admin
        return Skip.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrows."""
        del request
        return queryset.filter(reason=self.value()) if self.value() in Skip.values else queryset


class ByVariant(admin.SimpleListFilter):
    """By what they were told."""

    title = _("variant")
    parameter_name = "variant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """Where there are several."""
        del model_admin
        for campaign in chosen_campaign(request):
            labels = list(campaign.variants.values_list("label", flat=True))
            return [(label, label) for label in labels] if len(labels) > 1 else []
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrows."""
        del request
        value = self.value()
        return queryset.filter(variant__label=value) if value and value in LABELS else queryset


def chosen_campaign(request: HttpRequest) -> list[Campaign]:
    """Returns the campaign that is looked at; none where it is not theirs. Asked once a request."""
    known: list[Campaign] | None = getattr(request, "_chosen_campaign", None)
    if known is None:
        key = request.GET.get("campaign", "")
        try:
            known = list(own_campaigns(request).select_related("inbox").filter(pk=UUID(key)))
        except ValueError:
            known = []
        request._chosen_campaign = known  # type: ignore[attr-defined] # noqa: SLF001
    return known


class WithFates(ChangeList):
    """A page of recipients with what providers said, and whose conversations may be opened."""

    def get_results(self, request: HttpRequest) -> None:
        """Asks once the page is known: three queries for fifty rows."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        told = fates(rows)
        keys = {row.conversation_id for row in rows if row.conversation_id}
        seen = Conversation.objects.visible_to(actor_of(request)).filter(pk__in=keys)
        open_to = set(seen.values_list("pk", flat=True))
        for row in rows:
            row.fate = told.get(row.message_id)
            row.may_open = row.conversation_id in open_to
        self.result_list = rows


@admin.register(Recipient)
class RecipientAdmin(ReadOnly, LeadsOnly):
    """Recipients; each is looked at in its conversation."""

    change_list_template = "admin/campaigns/recipients.html"
    list_display = ("person", "label", "outcome", "why", "written", "arrived", "replied", "conversation_link")
    list_display_links = None
    list_filter = (Number, Reason, ByVariant)
    list_select_related = ("contact", "identity", "variant")
    list_per_page = 50
    ordering = ("pk",)
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        """Of the campaign that is looked at, with what happened."""
        return with_outcome(super().get_queryset(request).filter(campaign__in=chosen_campaign(request)))

    def get_changelist(self, request: HttpRequest, **_more: Any) -> type[ChangeList]:
        """With what providers said."""
        del request
        return WithFates

    def has_module_permission(self, request: HttpRequest) -> bool:
        """They are reached through their campaign, not through the settings."""
        del request
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Names the campaign; without one, leads to the campaigns."""
        found = chosen_campaign(request)
        if not found and self.has_view_permission(request):
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_changelist"))
        campaign = found[0] if found else None
        narrowed = list(_narrowed(request)) if campaign else []
        extra = {"campaign": campaign, "title": campaign.name if campaign else "", "narrowed": narrowed}
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    @admin.display(description=_("customer"))
    def person(self, row: Recipient) -> SafeString:
        """Name and address."""
        name = row.contact.display_name if row.contact else gettext("Visitor")
        address = row.identity.external_id if row.identity else (row.contact.phone if row.contact else "")
        return format_html('{} <span class="cell-more">{}</span>', name, address)

    @admin.display(description=_("variant"))
    def label(self, row: Recipient) -> str:
        """Which text they were told."""
        return row.variant.label if row.variant else "–"

    @admin.display(description=_("outcome"))
    def outcome(self, row: Any) -> SafeString:
        """How far the message came."""
        found = Outcome(row.outcome)
        tone = OUTCOME_TONES.get(found, "")
        return format_html('<span class="pill" data-tone="{}">{}</span>', tone, found.label)

    @admin.display(description=_("why"))
    def why(self, row: Any) -> str:
        """Why they were left out, or what the provider said."""
        if row.reason:
            return str(Skip(row.reason).label)
        return row.fate.error if row.fate else ""

    @admin.display(description=_("written"))
    def written(self, row: Recipient) -> str:
        """When."""
        return _short(row.written_at)

    @admin.display(description=_("read or delivered"))
    def arrived(self, row: Any) -> str:
        """The later of the two."""
        return _short(row.fate.read_at or row.fate.delivered_at) if row.fate else ""

    @admin.display(description=_("replied"))
    def replied(self, row: Recipient) -> str:
        """When; or that they want no more."""
        if row.opted_out_at:
            return gettext("%s, opted out") % _short(row.opted_out_at)
        return _short(row.replied_at)

    @admin.display(description=_("conversation"))
    def conversation_link(self, row: Any) -> SafeString | str:
        """The way to what was said."""
        if not row.may_open:
            return ""
        address = reverse("admin:desk_conversation", args=[row.conversation_id])
        return format_html('<a href="{}">{}</a>', address, pgettext("verb", "Open"))


def _short(at: Any) -> str:
    return str(date_format(localtime(at), "SHORT_DATETIME_FORMAT")) if at else ""


def _narrowed(request: HttpRequest) -> Iterator[str]:
    """Yields what the list is narrowed to, in words."""
    if name := NAMES.get(request.GET.get("number", "")):
        yield str(name)
    if (reason := request.GET.get("reason", "")) in Skip.values:
        yield str(Skip(reason).label)
    if variant := request.GET.get("variant"):
        yield gettext("Variant %s") % variant
    if error := request.GET.get("error"):
        yield said(error)
