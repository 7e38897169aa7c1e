"""Agents and what they did."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.models import Agent, Run, Step, default_tools
from agents.queries import sees_all_inboxes
from conversations.admin import ReadOnly
from conversations.models import Inbox
from llm.tools import all_tools


class AgentForm(forms.ModelForm[Agent]):
    """Tools are chosen among the registered ones."""

    tools = forms.MultipleChoiceField(
        label=capfirst(_("tools")),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=(),
        initial=default_tools,
    )

    class Meta:
        model = Agent
        fields = ("name", "persona", "model", "tools", "inboxes", "max_steps", "is_active")

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Reads the registry when the form is shown, not when the module is loaded."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["tools"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [(tool.name, f"{tool.name}: {tool.description}") for tool in all_tools()]


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin[Agent]):
    """Who answers, with what, where."""

    form = AgentForm
    list_display = ("name", "model", "is_active", "created_at")
    list_filter = ("is_active", "inboxes")
    search_fields = ("name", "persona")
    filter_horizontal = ("inboxes",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Only those that one may see."""
        seen = Agent.objects.visible_to(actor_of(request)).values("pk")
        return super().get_queryset(request).filter(pk__in=seen)

    def has_change_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """Whoever does not see all of its inboxes may not change what is said there."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or sees_all_inboxes(obj, actor_of(request)))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers the inboxes that one may see."""
        if db_field.name == "inboxes":
            kwargs["queryset"] = Inbox.objects.visible_to(actor_of(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class StepInline(ReadOnly, admin.TabularInline[Step, Run]):
    """The tool calls of a run."""

    model = Step
    fields = ("number", "tool", "arguments", "result", "failed", "created_at")
    readonly_fields = fields
    extra = 0


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
    inlines = (StepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Only runs of conversations one may see; fetches the agents along."""
        runs = super().get_queryset(request).select_related("agent", "conversation")
        actor = actor_of(request)
        return runs if actor.is_admin else runs.filter(pk__in=Run.objects.visible_to(actor).values("pk"))
