"""Webhooks: how their receivers stand, their settings, and the buttons that call them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of, is_admin
from api.actions.replaying import replay_failed, send_test
from api.actions.webhooks import (
    CHOOSABLE,
    change_webhook,
    create_webhook,
    delete_webhook,
    rotate_secret,
)
from api.enums import EVERYTHING, UNFINISHED_CALLS, CallStatus, EventName
from api.models import Webhook, WebhookCall
from conversations.admin.common import Verb, WithButtons, short
from conversations.enums import Light
from core.actor import Actor
from core.http import check_address
from core.outbound import OutboundError
from core.reasons import said

COPY_NOW = _("Copy this secret now, it is not shown again: %s")


def event_choices() -> list[tuple[str, str]]:
    """Returns what a webhook can be asked to be told, everything and whole kinds first."""
    kinds = [name for name in sorted(CHOOSABLE) if name.endswith(".*")]
    everything = (EVERYTHING, gettext("Everything but internal notes"))
    named = [(name.value, f"{name.label} ({name})") for name in EventName if name in CHOOSABLE]
    return [everything, *((name, name) for name in kinds), *named]


class WebhookForm(forms.ModelForm[Webhook]):
    """A webhook is for all teams or for some; neither is assumed."""

    events = forms.MultipleChoiceField(
        label=_("Events"), choices=event_choices, widget=forms.CheckboxSelectMultiple, initial=[EVERYTHING]
    )

    def clean_url(self) -> str:
        """Refuses what could never be called."""
        url: str = self.cleaned_data["url"]
        try:
            check_address(url)
        except OutboundError as error:
            raise forms.ValidationError(said(error.detail)) from error
        return url

    def clean(self) -> dict[str, Any] | None:
        """Refuses both and none."""
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("all_teams")) == bool(cleaned.get("teams")):
            self.add_error("teams", _("Choose teams, or tick “all teams”, and not both."))
        return cleaned


def tested(webhook: Webhook, by: Actor) -> tuple[int, str]:
    """Sends a test; returns level and words of what came of it."""
    call = send_test(webhook=webhook, by=by)
    last = call.last_tries[0]  # type: ignore[attr-defined]
    if call.status == CallStatus.DELIVERED:
        return messages.SUCCESS, gettext("The receiver took the test in %d ms.") % last.duration_ms
    return messages.ERROR, gettext("The test was not taken: %s") % said(last.error)


def rotated(webhook: Webhook, by: Actor) -> tuple[int, str]:
    """Makes a new secret; returns the same."""
    _row, secret = rotate_secret(webhook=webhook, by=by)
    return messages.WARNING, COPY_NOW % secret


def replayed(webhook: Webhook, by: Actor) -> tuple[int, str]:
    """Has all failed calls made again; returns the same."""
    since = timezone.now() - timedelta(days=settings.WEBHOOK_LOG_DAYS)
    count = replay_failed(webhook=webhook, by=by, since=since)
    return messages.SUCCESS, ngettext("%d call is sent again.", "%d calls are sent again.", count) % count


# By the name of the button: what it does, and how the admin's log calls that.
VERBS: dict[str, Verb[Webhook]] = {
    "_test": (tested, _("Sent a test.")),
    "_rotate": (rotated, _("Made a new secret.")),
    "_replay": (replayed, _("Had failed calls sent again.")),
}


@admin.register(Webhook)
class WebhookAdmin(WithButtons[Webhook]):
    """Webhooks. A secret is shown once, in the message after saving."""

    form = WebhookForm
    verbs = VERBS
    # A new secret is in no log.
    tells_log = False
    change_form_template = "admin/api/webhook/change_form.html"
    fields = ("url", "description", "is_active", "events", "all_teams", "teams")
    list_display = ("__str__", "light", "short_url", "is_active", "all_teams", "waiting", "created_at")
    list_filter = ("state__light", "is_active", "all_teams")
    list_select_related = ("state",)
    search_fields = ("url", "description")
    filter_horizontal = ("teams",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For administrators: a webhook may hear more than who makes it sees."""
        return is_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: Webhook | None = None) -> bool:
        """The same."""
        del obj
        return is_admin(request)

    has_add_permission = has_module_permission
    has_change_permission = has_delete_permission = has_view_permission

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        """Counts the calls that wait in the same query."""
        unfinished = Count("calls", filter=Q(calls__status__in=UNFINISHED_CALLS))
        return super().get_queryset(request).annotate(waiting_counted=unfinished)

    @admin.display(description=_("health"), ordering="state__light")
    def light(self, webhook: Webhook) -> SafeString:
        """How the receiver stands, in colour and words; why, on hover."""
        state = webhook.state
        why = said(state.disabled or state.detail)
        label = Light(state.light).label
        return format_html('<span class="light light-{}" title="{}">{}</span>', state.light, why, label)

    @admin.display(description=_("address"), ordering="url")
    def short_url(self, webhook: Webhook) -> str:
        """The beginning of the address, where the webhook is not called by it."""
        return short(webhook.url, 60) if webhook.description else ""

    @admin.display(description=_("waiting calls"), ordering="waiting_counted")
    def waiting(self, webhook: Webhook) -> int:
        """How many calls wait."""
        return int(getattr(webhook, "waiting_counted", 0))

    def panel(self, row: Webhook) -> Mapping[str, Any]:
        """How the receiver stands."""
        return panel_of(row)

    def save_model(
        self,
        request: HttpRequest,
        obj: Webhook,
        form: forms.ModelForm[Webhook],
        change: bool,  # noqa: FBT001 (Django's signature)
    ) -> None:
        """Makes and changes webhooks through their actions."""
        names = ("url", "description", "events", "teams", "is_active")
        values = {name: form.cleaned_data[name] for name in names}
        if change:
            change_webhook(webhook=obj, by=actor_of(request), **values)
            return
        row, secret = create_webhook(by=actor_of(request), **values)
        # From here on the form's object is the stored row: the form ties its teams to it once more.
        vars(obj).update(vars(row))
        messages.warning(request, COPY_NOW % secret)

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        """Through its action."""
        delete_webhook(webhook=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """The same for several."""
        for webhook in queryset:
            delete_webhook(webhook=webhook, by=actor_of(request))


def panel_of(webhook: Webhook) -> Mapping[str, Any]:
    """Returns what the page shows above the form."""
    state, now = webhook.state, timezone.now()
    calls = WebhookCall.objects.filter(webhook=webhook)
    return {
        "state": state,
        "detail": said(state.detail),
        "disabled": "" if webhook.is_active else said(state.disabled),
        "paused_until": state.not_before if state.not_before and state.not_before > now else None,
        "waiting": calls.filter(status__in=UNFINISHED_CALLS).count(),
        "failed": calls.filter(status=CallStatus.FAILED).count(),
        "calls": f"{reverse('admin:api_webhookcall_changelist')}?webhook__id__exact={webhook.pk}",
    }
