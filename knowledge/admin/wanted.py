"""Articles to write, in the admin: what customers asked in vain."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from conversations.admin.common import WithButtons, short
from core.actor import Actor
from knowledge.actions import dismiss_wanted, write_wanted
from knowledge.enums import Language, WantedStatus
from knowledge.models import WantedArticle
from knowledge.queries.wanted import asking, questions_of, wanted_for

MOST_EXAMPLES = 30
WRITE = "_write"


def _write(wanted: WantedArticle, by: Actor) -> tuple[int, str]:
    write_wanted(wanted=wanted, by=by)
    told = gettext("Write the answer and publish it. Once search finds it, the questions are closed.")
    return messages.SUCCESS, told


def _dismiss(wanted: WantedArticle, by: Actor) -> tuple[int, str]:
    dismiss_wanted(wanted=wanted, by=by)
    return messages.SUCCESS, gettext("It was put away.")


@admin.register(WantedArticle)
class WantedArticleAdmin(WithButtons[WantedArticle]):
    """Questions that search, agents and articles left open, gathered by what they mean."""

    change_form_template = "admin/knowledge/wanted_article.html"
    list_display = ("latest_question", "times_asked", "in_languages", "status", "draft", "last_asked_at")
    list_display_links = ("latest_question",)
    list_filter = ("status",)
    list_select_related = ("article",)
    list_per_page = 50
    ordering = ("-updated_at",)
    search_fields = ("status",)
    search_help_text = _("What customers asked")
    fields = ("status", "article", ("decided_by", "created_at"))
    readonly_fields = ("status", "article", "decided_by", "created_at")
    verbs: ClassVar = {WRITE: (_write, _("Begun.")), "_dismiss": (_dismiss, _("Dismissed."))}
    tells_log = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[WantedArticle]:
        """Only those that one may see, with figures of what one may read."""
        return wanted_for(actor_of(request)).order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WantedArticle], search_term: str
    ) -> tuple[QuerySet[WantedArticle], bool]:
        """By the words of questions that one may read."""
        words = search_term.strip()
        found = asking(words, actor=actor_of(request)).values("pk")
        return (queryset.filter(pk__in=found) if words else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Customers add them."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WantedArticle | None = None) -> bool:
        """What is put away must be known, else the next question would bring it back."""
        del request, obj
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Adds what was asked, and goes on to the draft that a button has begun."""
        row = self.get_object(request, object_id) if object_id else None
        asked = questions_of(row, actor=actor_of(request))[:MOST_EXAMPLES] if row else ()
        # Nothing is entered here: the buttons are the decisions.
        shown = {"asked": asked, "title": row and _label(row), "subtitle": None}
        hidden = dict.fromkeys(("show_save", "show_save_and_continue"), False)
        context = {**(extra_context or {}), **shown, **hidden}
        answer = super().changeform_view(request, object_id, form_url, context)
        if self.pressed(request) == WRITE and row is not None:
            row.refresh_from_db()
            if row.article_id and isinstance(answer, HttpResponseRedirect):
                return HttpResponseRedirect(reverse("admin:knowledge_article_change", args=[row.article_id]))
        return answer

    def panel(self, row: WantedArticle) -> Mapping[str, Any]:
        """Whether there is something to decide."""
        return {"is_open": row.status == WantedStatus.OPEN, "has_draft": row.article_id is not None}

    @admin.display(description=_("question"))
    def latest_question(self, row: WantedArticle) -> str:
        """The newest question that one may read."""
        return short(_label(row))

    @admin.display(description=_("times"), ordering="times")
    def times_asked(self, row: WantedArticle) -> int:
        """How often it was asked."""
        return int(getattr(row, "times", 0))

    @admin.display(description=_("languages"))
    def in_languages(self, row: WantedArticle) -> str:
        """In which languages it was asked."""
        return ", ".join(str(Language(code).label) for code in sorted(getattr(row, "languages", ())))

    @admin.display(description=_("last asked"), ordering="last_asked")
    def last_asked_at(self, row: WantedArticle) -> Any:
        """When it was asked last."""
        return getattr(row, "last_asked", None)

    @admin.display(description=_("article"))
    def draft(self, row: WantedArticle) -> str:
        """The draft that was begun, or the article that answers."""
        return short(row.article.title, 40) if row.article else "-"


def _label(row: WantedArticle) -> str:
    return str((getattr(row, "latest", None) or {}).get("text", "")) or str(row)
