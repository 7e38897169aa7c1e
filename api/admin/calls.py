"""Calls of webhooks: every one with its tries, and a way to have it made again."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of, is_admin
from api.actions.replaying import replay_call
from api.models import WebhookCall
from api.webhook_queries import TRIES_SHOWN
from conversations.admin.common import OneClick, attempt, short
from core.errors import Conflict
from core.reasons import said


@admin.register(WebhookCall)
class WebhookCallAdmin(OneClick[WebhookCall]):
    """Every call with its tries, and a way to have it made again."""

    button = _("Send again")
    list_display = ("created_at", "name", "status", "last_answer", "attempts", "receiver", "next_try_at")
    list_filter = ("status", "event__name", "webhook", "created_at")
    list_select_related = ("webhook", "event")
    search_fields = ("event__body",)
    ordering = ("-created_at", "-pk")
    show_full_result_count = False
    list_per_page = 50
    actions = ("replay",)
    fields = (
        "name", "webhook", "status", "message_id", "attempts", "next_try_at", "created_at", "ended_at",
        "tries_made", "payload",
    )  # fmt: skip
    readonly_fields = ("name", "message_id", "tries_made", "payload")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For administrators."""
        return is_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: WebhookCall | None = None) -> bool:
        """The same."""
        del obj
        return is_admin(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookCall]:
        """Nothing for anybody else."""
        rows = admin.ModelAdmin.get_queryset(self, request).prefetch_related("tries")
        return rows if is_admin(request) else rows.none()

    @admin.display(description=_("event"), ordering="event__name")
    def name(self, call: WebhookCall) -> str:
        """What happened."""
        return call.event.name

    @admin.display(description=_("header webhook-id"))
    def message_id(self, call: WebhookCall) -> str:
        """What the receiver tells doubles by."""
        return call.event.webhook_id

    @admin.display(description=_("webhook"), ordering="webhook")
    def receiver(self, call: WebhookCall) -> str:
        """The beginning of what its webhook is called."""
        return short(str(call.webhook), 28)

    @admin.display(description=_("last answer"))
    def last_answer(self, call: WebhookCall) -> str:
        """The status of the last answer, or why there was none."""
        tries = list(call.tries.all())
        return (short(said(tries[-1].error), 60) or str(tries[-1].status)) if tries else "–"

    @admin.display(description=_("tries"))
    def tries_made(self, call: WebhookCall) -> SafeString:
        """The last tries, the newest first."""
        lines = (
            (
                date_format(localtime(each.at), "DATETIME_FORMAT"),
                each.duration_ms,
                said(each.error) or str(each.status),
                each.answer,
            )
            for each in list(call.tries.all())[::-1][:TRIES_SHOWN]
        )
        return format_html_join("", "<p>{} · {} ms · {}</p><pre>{}</pre>", lines) or format_html("–")

    @admin.display(description=_("what is sent"))
    def payload(self, call: WebhookCall) -> SafeString:
        """The body, to be read by people."""
        pretty = json.dumps(json.loads(call.event.body), indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", pretty)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """For administrators."""
        return is_admin(request)

    def act(self, request: HttpRequest, row: WebhookCall) -> str:
        """Has it made again."""
        replay_call(webhook=row.webhook, call_id=row.pk, by=actor_of(request))
        return gettext("It is sent again.")

    @admin.action(description=_("Send again"), permissions=["replay"])
    def replay(self, request: HttpRequest, calls: QuerySet[WebhookCall]) -> None:
        """Has the chosen ones made again."""
        attempt(request, lambda: self._replayed(request, calls))

    def _replayed(self, request: HttpRequest, calls: QuerySet[WebhookCall]) -> str:
        count = 0
        for call in calls.order_by("event"):
            try:
                self.act_logged(request, call)
            except Conflict:
                continue  # it is being made, or its webhook is switched off
            count += 1
        return ngettext("%d call is sent again.", "%d calls are sent again.", count) % count
