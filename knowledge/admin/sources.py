"""Sources in the admin: what they are, how their reading stands, and the buttons for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from conversations.admin.common import ReadOnly, Verb, WithButtons, attempt
from core.actor import Actor
from core.reasons import said
from core.threads import patient
from knowledge.actions import (
    add_files,
    confirm_gone,
    delete_source,
    remove_items,
    save_source,
    start_sync,
    stop_sync,
)
from knowledge.actions.sources import missing
from knowledge.admin.source_form import SourceForm
from knowledge.enums import ItemStatus, SourceKind, SourceStatus
from knowledge.models import Source, SourceItem

TONES = {
    SourceStatus.WAITING: "primary",
    SourceStatus.READING: "primary",
    SourceStatus.DONE: "green",
    SourceStatus.PARTIAL: "amber",
    SourceStatus.FAILED: "red",
}
ITEM_TONES = {
    ItemStatus.READ: "green",
    ItemStatus.UNCHANGED: "green",
    ItemStatus.FAILED: "red",
    ItemStatus.GONE: "amber",
}
SHOWN = 50  # problems on the page; the list has all
NAMED = 10  # articles that seem gone
OPTIONS = (("team", "language"), ("category", "audience"), "tags", ("hours", "when_gone"))
# What there is to enter, by kind.
CONTENT = {
    SourceKind.WEBSITE: ("address",),
    SourceKind.FILES: ("uploads",),
    SourceKind.TEXT: ("text",),
    SourceKind.QUESTIONS: ("text",),
}


def read_now(source: Source, by: Actor) -> tuple[int, str]:
    """Has it read; returns level and words of what came of it."""
    start_sync(source=source, by=by)
    return messages.SUCCESS, gettext("It is being read.")


def stopped(source: Source, by: Actor) -> tuple[int, str]:
    """Stops its reading; returns the same."""
    stop_sync(source=source, by=by)
    return messages.SUCCESS, gettext("It is stopped. What has been read stays.")


def confirmed(source: Source, by: Actor) -> tuple[int, str]:
    """Lets what seems gone be gone; returns the same."""
    count = confirm_gone(source=source, by=by)
    told = ngettext("%d article answers nobody any more.", "%d articles answer nobody any more.", count)
    return messages.SUCCESS, told % count


VERBS: dict[str, Verb[Source]] = {
    "_read": (read_now, _("Had it read.")),
    "_stop": (stopped, _("Stopped its reading.")),
    "_confirm": (confirmed, _("Confirmed what is gone.")),
}


@admin.register(Source)
class SourceAdmin(WithButtons[Source]):
    """Where articles are brought in from. A job reads each, and its page shows how far it is."""

    form = SourceForm
    verbs = VERBS
    change_form_template = "admin/knowledge/source/change_form.html"
    list_display = ("name", "kind", "state", "progress", "articles", "finished_at", "due_at")
    list_filter = ("status", "kind", "team")
    search_fields = ("name", "address")
    list_per_page = 50
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """Counts the articles that answer in the same query."""
        answering = Count("articles", filter=Q(articles__status="published"))
        return super().get_queryset(request).annotate(articles_counted=answering)

    def get_urls(self) -> list[URLPattern]:
        """Has the panel by itself, for a page that follows the reading; files are stored by patient views."""
        addresses = super().get_urls()
        for address in addresses:
            if address.name == "knowledge_source_add":
                address.callback = patient(address.callback, when=lambda request: request.method == "POST")
        view = self.admin_site.admin_view(self.panel_view)
        return [path("<int:pk>/panel/", view, name="knowledge_source_panel"), *addresses]

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> Any:
        """Shows what the kind needs; of a new one, what any might."""
        del request
        if obj is None:
            return [(None, {"fields": ("kind", "name", "address", "text", "uploads", *OPTIONS)})]
        return [(None, {"fields": (("name", "kind"), *CONTENT[SourceKind(obj.kind)], *OPTIONS)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        """A source stays of its kind."""
        del request
        return ("kind",) if obj else ()

    @admin.display(description=_("state"), ordering="status")
    def state(self, source: Source) -> SafeString:
        """How it stands, in colour and words; why, on hover."""
        return pill(TONES.get(SourceStatus(source.status), ""), source.get_status_display(), source.error)

    @admin.display(description=_("pages and files"))
    def progress(self, source: Source) -> str:
        """How many have been looked at, of how many."""
        return f"{source.done} / {source.total}"

    @admin.display(description=_("articles"), ordering="articles_counted")
    def articles(self, source: Source) -> int:
        """How many articles of it answer."""
        return int(getattr(source, "articles_counted", 0))

    def panel(self, row: Source) -> Mapping[str, Any]:
        """How the reading stands."""
        return panel_of(row)

    def panel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The panel alone."""
        source = self.get_object(request, str(pk))
        if source is None:
            raise Http404
        if not self.has_view_permission(request, source):
            raise PermissionDenied
        context = {
            "original": source,
            "panel": panel_of(source),
            "has_change_permission": self.has_change_permission(request, source),
        }
        return render(request, "admin/knowledge/source/panel.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Stores the files that came, once the source is stored: not in its transaction."""
        answer = super().changeform_view(request, object_id, form_url, extra_context)
        source: Source | None = getattr(request, "saved_source", None)
        files = request.FILES.getlist("uploads") if request.method == "POST" else []
        if isinstance(answer, HttpResponseRedirect) and source is not None and files:
            attempt(request, lambda: self._add_files(source, files, actor_of(request)))
        return answer

    def _add_files(self, source: Source, files: Sequence[Any], by: Actor) -> str:
        # One in memory at a time; the form has looked at all of them before.
        for file in files:
            add_files(source=source, files=[(file.name, file.read())], by=by)
        count = len(files)
        return ngettext("%d file is being read.", "%d files are being read.", count) % count

    def response_add(
        self, request: HttpRequest, obj: Source, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Goes on to the page that shows how it is read."""
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:knowledge_source_change", args=[obj.pk]))

    def save_model(
        self,
        request: HttpRequest,
        obj: Source,
        form: forms.ModelForm[Source],  # noqa: ARG002 (Django's signature)
        change: bool,  # noqa: ARG002, FBT001
    ) -> None:
        """Saves through the action, which has it read."""
        request.saved_source = save_source(source=obj, by=actor_of(request))  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        """Deletes through the action."""
        delete_source(source=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        """The same for several."""
        for source in queryset:
            delete_source(source=source, by=actor_of(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Says in figures what goes along; thousands of titles would say less."""
        del request
        listed, articles = [], 0
        for source in objs:
            count = source.articles.count()
            articles += count
            told = ngettext("with %d article made of it", "with %d articles made of it", count) % count
            listed.append(f"{source}: {told}")
        return listed, {gettext("sources"): len(listed), gettext("articles"): articles}, set(), []


@admin.register(SourceItem)
class SourceItemAdmin(ReadOnly, admin.ModelAdmin[SourceItem]):
    """What became of each page and file. A file can be removed; a page goes when its site removes it."""

    list_display = ("name", "source", "state", "why", "checked_at")
    list_filter = ("status", "source")
    list_select_related = ("source",)
    list_per_page = 100
    search_fields = ("name",)
    fields = ("name", "source", "status", "why", "size", "checked_at")
    readonly_fields = fields

    def has_module_permission(self, request: HttpRequest) -> bool:
        """It is reached from its source."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SourceItem | None = None) -> bool:
        """For files."""
        may = request.user.has_perm("knowledge.delete_sourceitem")
        return may and (obj is None or bool(obj.file))

    @admin.display(description=_("state"), ordering="status")
    def state(self, item: SourceItem) -> SafeString:
        """What became of it, in colour and words."""
        return pill(ITEM_TONES.get(ItemStatus(item.status), ""), item.get_status_display())

    @admin.display(description=_("why"))
    def why(self, item: SourceItem) -> str:
        """Why it was not read, in the reader's language."""
        return said(item.reason)

    def delete_model(self, request: HttpRequest, obj: SourceItem) -> None:
        """Removes it through the action."""
        remove_items(items=[obj], by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SourceItem]) -> None:
        """The same for several."""
        remove_items(items=list(queryset.select_related("source")), by=actor_of(request))


def pill(tone: str, label: str, why: str = "") -> SafeString:
    """Returns a state in colour and words; why, on hover."""
    return format_html('<span class="pill" data-tone="{}" title="{}">{}</span>', tone, said(why), label)


def panel_of(source: Source) -> Mapping[str, Any]:
    """Returns what the page shows above the form."""
    items = source.items.exclude(reason="").exclude(status=ItemStatus.WAITING)
    # "failed" stands before "skipped" by its letters as well.
    problems = items.order_by("status", "pk")[:SHOWN]
    held = missing(source)[:NAMED] if source.held else []
    return {
        "source": source,
        "tone": TONES.get(SourceStatus(source.status), ""),
        "error": said(source.error),
        "held": [article.title for article in held],
        "problems": [
            {"name": item.name, "status": item.get_status_display(), "why": said(item.reason)}
            for item in problems
        ],
        "problems_counted": items.count(),
        "items": f"{reverse('admin:knowledge_sourceitem_changelist')}?source__id__exact={source.pk}",
        "articles": f"{reverse('admin:knowledge_article_changelist')}?origin__id__exact={source.pk}",
        "articles_counted": source.articles.filter(status="published").count(),
        "live": reverse("admin:knowledge_source_panel", args=[source.pk]) if source.is_busy else "",
    }
