"""Inboxes: how they stand, what is left to do, their settings, and asking the provider."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of, is_admin
from conversations.actions.endpoints import connect_inbox, switch_inbox, sync_templates, test_inbox
from conversations.admin.common import Verb, WithButtons, seen_inboxes
from conversations.admin.forms import InboxForm, form_for, setting_names
from conversations.channels import adapter
from conversations.enums import Light
from conversations.models import Inbox, InboxState
from conversations.queries.health import paused_until, refused_of_late, state_of
from core.actor import Actor
from core.reasons import said

LEVELS = {Light.GREEN: messages.SUCCESS, Light.YELLOW: messages.WARNING, Light.RED: messages.ERROR}
# What the browser may show as a picture of a code: never a drawing with a script in it.
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")
WIDGET = "web"
# Where customers may write as fast as they can.
CHATS = {WIDGET, "api"}
LOOK = ("title", "greeting", "agent_name", "color", "position")


def tested(inbox: Inbox, by: Actor) -> tuple[int, str]:
    """Tests the connection; returns level and words of what was found."""
    return _told(test_inbox(inbox=inbox, by=by))


def connected(inbox: Inbox, by: Actor) -> tuple[int, str]:
    """Connects the inbox; returns the same."""
    return _told(connect_inbox(inbox=inbox, by=by))


def fetched(inbox: Inbox, by: Actor) -> tuple[int, str]:
    """Fetches the templates; returns the same."""
    count = sync_templates(inbox=inbox, by=by)
    return messages.SUCCESS, ngettext("%d template fetched.", "%d templates fetched.", count) % count


def _told(state: InboxState) -> tuple[int, str]:
    told = str(Light(state.light).label)
    if state.detail:
        told = f"{told}: {said(state.detail)}"
    return LEVELS.get(Light(state.light), messages.INFO), told


# By the name of the button: what it does, and how the admin's log calls that.
VERBS: dict[str, Verb[Inbox]] = {
    "_test": (tested, _("Tested the connection.")),
    "_connect": (connected, _("Connected.")),
    "_templates": (fetched, _("Fetched the templates.")),
}


@admin.register(Inbox)
class InboxAdmin(WithButtons[Inbox]):
    """Inboxes. The channel is chosen when one is made; what it needs is asked on its page."""

    change_form_template = "admin/conversations/inbox/change_form.html"
    verbs = VERBS
    list_display = ("name", "channel", "light", "team", "is_active", "created_at")
    list_filter = ("channel", "state__light", "is_active", "team")
    list_select_related = ("team", "state")
    search_fields = ("name", "key")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Inbox]:
        """Only those that one may see."""
        rows = super().get_queryset(request)
        return rows if is_admin(request) else rows & seen_inboxes(request)

    @admin.display(description=_("health"), ordering="state__light")
    def light(self, inbox: Inbox) -> SafeString:
        """How the inbox stands, in colour and words; the last error on hover."""
        state = state_of(inbox)
        words = Light(state.light).label
        return format_html(
            '<span class="light light-{}" title="{}">{}</span>', state.light, said(state.detail), words
        )

    def get_fieldsets(self, request: HttpRequest, obj: Inbox | None = None) -> Any:
        """Asks for little at first, then for what the channel needs."""
        if obj is None:
            return ((None, {"fields": ("name", "channel", "team")}),)
        about = (None, {"fields": ("name", "channel", "team", "is_active", "key")})
        if obj.channel == WIDGET:
            secret = (_("Your site"), {"fields": ("secret", "allowed_origins", "chat_per_minute")})
            return (about, secret, (_("Look"), {"fields": LOOK}))
        names = setting_names(obj.channel) if self.has_change_permission(request, obj) else ()
        look = (
            _("Look"),
            {"fields": ("agent_name", *(("chat_per_minute",) if obj.channel in CHATS else ()))},
        )
        return (about, *([(_("Connection"), {"fields": names})] if names else []), look)

    def get_readonly_fields(self, request: HttpRequest, obj: Inbox | None = None) -> tuple[str, ...]:
        """Another channel would be another inbox."""
        del request
        return () if obj is None else ("channel", "key")

    def get_form(
        self,
        request: HttpRequest,
        obj: Inbox | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 (Django's signature)
        **more: Any,
    ) -> Any:
        """With the settings of the channel."""
        form = InboxForm if obj is None else form_for(obj.channel)
        return super().get_form(request, obj, change, **{**more, "form": form})

    def panel(self, row: Inbox) -> Mapping[str, Any]:
        """How the inbox stands and what is left to do."""
        return panel_of(row)

    def save_model(self, request: HttpRequest, obj: Inbox, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Saves what was entered; what waits hears of being switched on or off."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            switch_inbox(inbox=obj, is_active=obj.is_active, by=actor_of(request))

    def response_add(
        self, request: HttpRequest, obj: Inbox, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Goes on to the page of the new inbox, where its settings are."""
        if "_addanother" not in request.POST and "_popup" not in request.POST:
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)


def panel_of(inbox: Inbox) -> Mapping[str, Any]:
    """Returns what the page shows above the form."""
    spoken, state = adapter(inbox.channel), state_of(inbox)
    told = {"key": inbox.key, "public_url": settings.PUBLIC_URL}
    is_widget = inbox.channel == WIDGET
    return {
        "state": state,
        "detail": said(state.detail),
        "label": spoken.label,
        "copy": spoken.setup_text(**told),
        "steps": spoken.setup_steps(**told),
        "is_asked": not is_widget,
        "has_templates": spoken.capabilities.templates,
        "paused_until": paused_until(state),
        "refused_at": refused_of_late(state),
        "is_done": state.light == Light.GREEN,
        "qr": _picture(state.details.get("qr")),
        "pairing_code": state.details.get("pairing_code", ""),
        "advice": "" if settings.SECURE or is_widget else _advice(),
    }


def _advice() -> str:
    return gettext("Most providers only call addresses with https; set PUBLIC_URL to the one people use.")


def _picture(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith(PICTURES) else ""
