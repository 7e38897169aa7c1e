"""What went out, and what may be said once a window has closed."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of, is_admin
from conversations.actions import retry_delivery
from conversations.admin.common import (
    InboxFilter,
    OfInbox,
    OneClick,
    ReadOnly,
    attempt,
    short,
)
from conversations.enums import DeliveryStatus, Withdrawn
from conversations.models import Conversation, Delivery, MessageTemplate
from core.errors import Conflict
from core.reasons import said

HEADERS = {"IMAGE": _("a picture"), "VIDEO": _("a video"), "DOCUMENT": _("a document")}
VARIABLE = re.compile(r"(\{\{\s*[^{}]{1,80}\s*\}\})")


@admin.register(Delivery)
class DeliveryAdmin(OneClick[Delivery]):
    """Every call to a provider, with its error and a way to try again."""

    button = _("Send again")
    list_display = ("created_at", "inbox", "status", "attempts", "doubtful", "short_error", "next_try_at")
    list_filter = ("status", ("inbox", InboxFilter), "created_at")
    list_select_related = ("inbox",)
    search_fields = ("provider_id", "error", "error_code")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("retry",)
    fields = (
        *("status", "why", "error_code", "inbox", "message_text", "seq", "part", "attempts", "doubtful"),
        *("resent", "provider_id", "next_try_at", "created_at"),
        *("sent_at", "delivered_at", "read_at", "failed_at"),
    )
    readonly_fields = ("why", "message_text", "short_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Not what was said in conversations that went on to another team."""
        rows = super().get_queryset(request)
        if is_admin(request):
            return rows
        return rows.filter(conversation__in=Conversation.objects.visible_to(actor_of(request)))

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> Any:
        """Leads nobody to a page that is not theirs."""
        if request.user.has_perm("conversations.view_message"):
            return self.fields
        named = super().get_fields(request, obj)
        return tuple("short_text" if name == "message_text" else name for name in named)

    @admin.display(description=_("error"))
    def short_error(self, delivery: Delivery) -> str:
        """The beginning of the error."""
        return short(said(delivery.error))

    @admin.display(description=_("error"))
    def why(self, delivery: Delivery) -> str:
        """The whole error."""
        return said(delivery.error) or "–"

    @admin.display(description=_("message"))
    def message_text(self, delivery: Delivery) -> SafeString:
        """The beginning of the message, and the way to it."""
        address = reverse("admin:conversations_message_change", args=[delivery.message_id])
        return format_html('<a href="{}">{}</a>', address, self.short_text(delivery))

    @admin.display(description=_("message"))
    def short_text(self, delivery: Delivery) -> str:
        """The beginning of the message."""
        return short(delivery.text or delivery.message.text or str(delivery.message))

    def has_button(self, row: Delivery) -> bool:
        """Only what has failed is tried again by hand, not what was taken back."""
        return row.status == DeliveryStatus.FAILED and row.error_code not in set(Withdrawn)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """For administrators."""
        return is_admin(request)

    def act(self, request: HttpRequest, row: Delivery) -> str:
        """Tries again."""
        retry_delivery(delivery=row, by=actor_of(request))
        return gettext("It is sent again.")

    @admin.action(description=_("Send again"), permissions=["retry"])
    def retry(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        """Tries the chosen ones again, in the order in which they were written."""
        attempt(request, lambda: self._retried(request, deliveries.order_by("created_at", "seq", "part")))

    def _retried(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> str:
        count = 0
        failed = deliveries.filter(status=DeliveryStatus.FAILED).exclude(error_code__in=list(Withdrawn))
        for delivery in failed:
            try:
                self.act_logged(request, delivery)
            except Conflict:
                continue  # somebody else was quicker
            count += 1
        return ngettext("%d message is sent again.", "%d messages are sent again.", count) % count


@admin.register(MessageTemplate)
class MessageTemplateAdmin(ReadOnly, OfInbox[MessageTemplate]):
    """What providers have approved; fetched on the page of the inbox, written at the provider's."""

    list_display = ("name", "language", "category", "status", "inbox", "synced_at")
    list_filter = ("status", "language", "category", ("inbox", InboxFilter))
    list_select_related = ("inbox",)
    search_fields = ("name", "body")
    fields = ("name", "language", "category", "status", "inbox", "above", "preview", "variables", "synced_at")
    readonly_fields = ("above", "preview")

    @admin.display(description=_("above the text"))
    def above(self, template: MessageTemplate) -> str:
        """What kind of file is given with each message."""
        return str(HEADERS.get(template.header_format, "–"))

    @admin.display(description=_("text"))
    def preview(self, template: MessageTemplate) -> SafeString:
        """The text with its variables marked."""
        parts: list[Any] = VARIABLE.split(template.body)
        marked = (
            (format_html("<mark>{}</mark>", part) if number % 2 else part,)
            for number, part in enumerate(parts)
        )
        return format_html('<div class="preview">{}</div>', format_html_join("", "{}", marked))
