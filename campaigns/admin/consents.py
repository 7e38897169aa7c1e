"""Who has agreed to messages, and who wants none: to be read. It is changed on a customer's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from campaigns.admin.common import LeadsOnly
from campaigns.enums import ConsentState
from campaigns.models import Consent
from conversations.admin.common import InboxFilter, ReadOnly, seen_inboxes

TONES = {ConsentState.GIVEN: "green", ConsentState.WITHDRAWN: "amber"}


def consent_pill(state: str) -> SafeString:
    """Returns a state in colour and words."""
    found = ConsentState(state)
    return format_html('<span class="pill" data-tone="{}">{}</span>', TONES[found], found.label)


@admin.register(Consent)
class ConsentAdmin(ReadOnly, LeadsOnly):
    """What customers last said about being written to."""

    list_display = (
        "customer",
        "address",
        "inbox",
        "said",
        "source",
        "campaign_name",
        "actor_name",
        "changed_at",
    )
    list_display_links = None
    list_filter = ("state", "source", ("identity__inbox", InboxFilter), "changed_at")
    list_select_related = ("identity__contact", "identity__inbox", "campaign")
    search_fields = ("identity__contact__name", "identity__external_id")
    ordering = ("-changed_at", "-pk")
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of inboxes one may see."""
        return super().get_queryset(request).filter(identity__inbox__in=seen_inboxes(request))

    @admin.display(description=_("customer"), ordering="identity__contact__name")
    def customer(self, row: Consent) -> SafeString:
        """The way to the page on which it can be changed."""
        contact = row.identity.contact
        address = reverse("admin:conversations_contact_change", args=[contact.pk])
        return format_html('<a href="{}">{}</a>', address, contact.display_name)

    @admin.display(description=_("address"))
    def address(self, row: Consent) -> str:
        """Under which the inbox knows them."""
        return row.identity.external_id

    @admin.display(description=_("inbox"), ordering="identity__inbox__name")
    def inbox(self, row: Consent) -> str:
        """Through which inbox; it holds for the whole channel."""
        return row.identity.inbox.name

    @admin.display(description=_("state"), ordering="state")
    def said(self, row: Consent) -> SafeString:
        """What they said."""
        return consent_pill(row.state)

    @admin.display(description=_("campaign"))
    def campaign_name(self, row: Consent) -> str:
        """The campaign that they answered by it."""
        return row.campaign.name if row.campaign else "–"
