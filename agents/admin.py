"""Agents and what they did."""

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from agents.models import Agent, Run, Step, default_tools
from conversations.admin import ReadOnly
from conversations.models import Conversation
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
        user = request.user
        if isinstance(user, User) and not user.is_admin:
            runs = runs.filter(conversation__in=Conversation.objects.visible_to(user.as_actor()))
        return runs
