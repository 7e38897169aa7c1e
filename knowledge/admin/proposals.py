"""Proposed answers in the admin: the one place where they are decided."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from conversations.admin.common import WithButtons
from core.actor import Actor
from knowledge.actions import approve_answer, refuse_answer
from knowledge.enums import ProposalStatus
from knowledge.models import ProposedAnswer


def _approve(proposal: ProposedAnswer, by: Actor) -> tuple[int, str]:
    approve_answer(proposal=proposal, by=by)
    return messages.SUCCESS, gettext("It is an article now. Agents answer from it in a moment.")


def _refuse(proposal: ProposedAnswer, by: Actor) -> tuple[int, str]:
    refuse_answer(proposal=proposal, by=by)
    return messages.SUCCESS, gettext("It was put away.")


@admin.register(ProposedAnswer)
class ProposedAnswerAdmin(WithButtons[ProposedAnswer]):
    """Answers that operators corrected or found good, for leads to make knowledge of."""

    change_form_template = "admin/knowledge/proposed_answer.html"
    list_display = ("question", "status", "language", "team", "times", "proposed_by", "updated_at")
    list_filter = ("status", "language", "team")
    list_select_related = ("team",)
    list_per_page = 50
    search_fields = ("question", "answer")
    fields = (
        *("question", "answer", ("language", "team"), "former"),
        *("article", ("status", "times"), ("proposed_by", "decided_by"), ("created_at", "updated_at")),
    )
    readonly_fields = (
        *("former", "article", "status", "times", "proposed_by", "decided_by", "created_at", "updated_at"),
    )
    verbs: ClassVar = {"_approve": (_approve, _("Approved.")), "_refuse": (_refuse, _("Refused."))}
    tells_log = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProposedAnswer]:
        """Only those that one may see."""
        seen = ProposedAnswer.objects.visible_to(actor_of(request)).values("pk")
        return super().get_queryset(request).filter(pk__in=seen)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from the desk, where the question stands."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProposedAnswer | None = None) -> bool:
        """What has been decided stays; the article of it can be changed."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or obj.status == ProposalStatus.PROPOSED)

    def panel(self, row: ProposedAnswer) -> Mapping[str, Any]:
        """Whether there is something to decide."""
        return {"is_open": row.status == ProposalStatus.PROPOSED}
