"""The page of the admin on which a question is tried: what it finds, and why."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from knowledge.enums import Audience, Language, Verdict
from knowledge.models import Article
from knowledge.queries import Explanation, explain
from knowledge.queries.passages import CLEAR_LEAD

LONGEST_QUESTION = 500  # characters
ASKING = [
    (Audience.PUBLIC, _("somebody unknown")),
    (Audience.IDENTIFIED, _("a known customer")),
    (Audience.INTERNAL, _("our own staff")),
]
# Pixels of a bar for a score of 1.
BAR = 120


class Asked(forms.Form):
    """A question, and who asks it."""

    q = forms.CharField(
        label=_("Question"),
        max_length=LONGEST_QUESTION,
        widget=forms.TextInput({"type": "search", "autofocus": True, "size": 60}),
    )
    audience = forms.ChoiceField(label=_("Asked by"), choices=ASKING, required=False)
    language = forms.ChoiceField(
        label=_("Language"), choices=[("", _("as detected")), *Language.choices], required=False
    )
    team = forms.ModelChoiceField(
        label=_("Team"), queryset=Team.objects.order_by("name"), required=False, empty_label=_("all teams")
    )

    def explanation(self) -> Explanation:
        """Searches for what was asked."""
        asked: dict[str, Any] = self.cleaned_data
        reach = list(Audience).index(Audience(asked["audience"] or Audience.PUBLIC))
        return explain(
            asked["q"],
            language=asked["language"] or None,
            team_id=asked["team"].pk if asked["team"] else None,
            audiences=list(Audience)[: reach + 1],
        )


def explained(request: HttpRequest) -> HttpResponse:
    """Shows the form, and for a question what it finds. For whoever may see articles."""
    if not request.user.has_perm("knowledge.view_article"):
        raise PermissionDenied
    form = Asked(request.GET if "q" in request.GET else None)
    found = form.explanation() if form.is_bound and form.is_valid() else None
    context = {
        **admin.site.each_context(request),
        "title": _("Try a question"),
        "opts": Article._meta,
        "form": form,
        "found": found,
        "rows": [_shown(place, row) for place, row in enumerate(found.rows, start=1)] if found else [],
        "is_answered": found is not None and found.verdict == Verdict.ANSWER,
        "language": Language(found.language).label if found and found.language else "",
        "answer_at": settings.KNOWLEDGE_ANSWER_AT,
        "offer_at": settings.KNOWLEDGE_OFFER_AT,
        "clear_lead": CLEAR_LEAD,
        "bar": BAR,
    }
    return TemplateResponse(request, "admin/knowledge/explain.html", context)


def _shown(place: int, row: Any) -> dict[str, Any]:
    """A row with the widths of its bar's pieces, which may not be written as a style."""
    passage = row.passage
    pieces, at = [], 0.0
    for name in ("meaning", "words", "twin"):
        width = max(passage.parts[name], 0.0) * BAR
        pieces.append({"name": name, "x": round(at, 1), "width": round(width, 1)})
        at += width
    return {"place": place, "passage": passage, "fate": row.fate, "pieces": pieces}
