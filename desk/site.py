"""The admin site with the desk's pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the sidebar. `prefix`: addresses below it are within the place."""

    name: str
    label: str | Promise
    url: str
    is_current: bool


KNOWLEDGE = (
    "knowledge.Source",
    "knowledge.SourceItem",
    "knowledge.Category",
    "knowledge.WantedArticle",
)
# Records that have an entry of their own: name, label, model, and models whose pages are within the place.
# The context "place" asks for a short word.
RECORDS: tuple[tuple[str, str | Promise, str, tuple[str, ...]], ...] = (
    ("contacts", _("Contacts"), "conversations.Contact", ()),
    ("knowledge", pgettext_lazy("place", "Knowledge"), "knowledge.Article", KNOWLEDGE),
    (
        "campaigns",
        _("Campaigns"),
        "campaigns.Campaign",
        ("campaigns.Recipient", "campaigns.Consent"),
    ),
    ("agents", pgettext_lazy("place", "AI agents"), "agents.Agent", ("agents.EvaluationCase",)),
)


class DeskSite(admin.AdminSite):
    """Django's admin with the desk in front: it opens on the inbox, and a sidebar leads to the rest."""

    site_title = site_header = "Helpdesk"
    index_title = _("Settings")
    index_template = "admin/settings.html"
    enable_nav_sidebar = False

    def get_urls(self) -> "list[URLResolver | URLPattern]":
        """Puts the desk's pages before Django's own."""
        from desk.urls import desk_urls  # deferred: leaf

        own = path("settings/", self.admin_view(self.settings), name="settings")
        return [*desk_urls(self), own, *super().get_urls()]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Leaves out what allauth brings: secrets, tokens, and providers, which settings name."""
        models = model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        ours = [model for model in models if not model.__module__.startswith("allauth.")]
        super().register(ours, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leads to the sign-in of staff: Django's own form knows no second factor."""
        del extra_context
        wanted = request.GET.get("next") or reverse("admin:index")
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leads to the page of one's own account that does it."""
        del request, extra_context
        return HttpResponseRedirect(reverse("account_change_password"))

    def index(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leads to the inbox, where the work is."""
        del request, extra_context
        return HttpResponseRedirect(reverse("admin:desk_inbox"))

    def settings(self, request: HttpRequest) -> TemplateResponse:
        """The list of everything that can be set, which is Django's index."""
        from accounts.admin import is_admin  # deferred: leaf

        may_test = is_admin(request)
        return super().index(request, {"may_test_models": may_test})

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Adds the sidebar."""
        context = super().each_context(request)
        return {**context, "places": list(self.places(request)) if context["has_permission"] else []}

    def places(self, request: HttpRequest) -> Iterator[Place]:
        """Yields the entries of the sidebar that exist and that the user may open."""
        yield self._place(request, "inbox", pgettext_lazy("place", "Inbox"), reverse("admin:desk_inbox"))
        yield self._place(request, "tickets", _("Tickets"), reverse("admin:desk_tickets"))
        for name, label, model_name, within in RECORDS:
            model = apps.get_model(model_name)
            model_admin = self._registry.get(model)
            if model_admin is not None and model_admin.has_view_permission(request):
                addresses = [_pages_of(each) for each in (model_name, *within)]
                yield Place(name, label, addresses[0], request.path.startswith(tuple(addresses)))
        address = reverse("admin:settings")
        yield Place("settings", _("Settings"), address, is_current=self._is_elsewhere(request))

    def _place(self, request: HttpRequest, name: str, label: str | Promise, url: str) -> Place:
        return Place(name, label, url, is_current=request.path.startswith(url))

    def _is_elsewhere(self, request: HttpRequest) -> bool:
        """Whatever has no entry of its own is reached through the settings."""
        own = [reverse("admin:desk_inbox"), reverse("admin:desk_tickets")]
        for _name, _label, model_name, within in RECORDS:
            own.extend(_pages_of(each) for each in (model_name, *within))
        return not request.path.startswith(tuple(own))


def _pages_of(model_name: str) -> str:
    """Returns what the addresses of a model's pages begin with."""
    meta = apps.get_model(model_name)._meta
    return f"{reverse('admin:index')}{meta.app_label}/{meta.model_name}/"
