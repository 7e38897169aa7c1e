"""What agents did, and what it cost."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.enums import Ground
from agents.models import (
    Charge,
    Run,
    Step,
)
from conversations.admin import ReadOnly
from core.reasons import said
from llm.tools import shown_result


class StepInline(ReadOnly, admin.TabularInline[Step, Run]):
    """The tool calls of a run."""

    model = Step
    fields = (
        *(
            "number",
            "tool",
            "effect",
            "verdict",
            "approved_by",
            "arguments",
            "told",
            "failed",
            "created_at",
        ),
    )
    readonly_fields = fields
    extra = 0

    @admin.display(description=_("result"))
    def told(self, step: Step) -> str:
        """What the model was told, its refusals in the reader's language."""
        return shown_result(step.result)


class ChargeInline(ReadOnly, admin.TabularInline[Charge, Run]):
    """What each call of a model took from the budgets."""

    model = Charge
    fields = ("created_at", "model", "prompt_tokens", "completion_tokens", "cost", "is_settled")
    readonly_fields = fields
    extra = 0


def _missing(checked: dict[str, Any]) -> str:
    """Returns the facts of a sentence that stand nowhere, in brackets."""
    missing = ", ".join(map(str, checked.get("missing", ())))
    return f" [{missing}]" if missing else ""


@admin.register(Run)
class RunAdmin(ReadOnly, admin.ModelAdmin[Run]):
    """Answers in the making, and what they cost."""

    list_display = (
        "started_at",
        "agent",
        "status",
        "attempt",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "cost",
    )
    list_filter = ("status", "agent", "model", "started_at")
    list_select_related = ("agent",)
    search_fields = ("id__iexact", "conversation__id__iexact", "detail")
    date_hierarchy = "started_at"
    inlines = (StepInline, ChargeInline)
    fields = (
        "agent", "in_conversation", "status", "came_to", "model", "reused_from",
        ("prompt_tokens", "completion_tokens", "cost"), ("attempt", "started_at", "finished_at"), "sentences",
    )  # fmt: skip
    readonly_fields = (*fields[:6], *fields[6], *fields[7], "sentences")

    @admin.display(description=_("conversation"))
    def in_conversation(self, run: Run) -> str:
        """A link to where the answer stands."""
        address = reverse("admin:desk_conversation", args=[run.conversation_id])
        return format_html('<a href="{}">{}</a>', address, run.conversation.contact.display_name)

    @admin.display(description=_("what each sentence rests on"))
    def sentences(self, run: Run) -> str:
        """The sentences of the answer, with what was found of each."""
        rows = ((Ground(one["ground"]).label, one["text"], _missing(one)) for one in run.checks)
        told = format_html_join("", "<li><b>{}</b>: {}{}</li>", rows)
        return format_html("<ul>{}</ul>", told) if run.checks else "–"

    @admin.display(description=_("detail"))
    def came_to(self, run: Run) -> str:
        """Why it failed or who stopped it, in the reader's language."""
        return said(run.detail) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Only runs of conversations one may see; fetches the agents along."""
        runs = super().get_queryset(request).select_related("agent", "conversation__contact")
        actor = actor_of(request)
        return runs if actor.is_admin else runs.filter(pk__in=Run.objects.visible_to(actor).values("pk"))
