"""Agents and what they did."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.actions.cases import check_case, save_case
from agents.budgets import USUAL, Amount
from agents.enums import BudgetScope, Ground
from agents.models import (
    Agent,
    Approval,
    Budget,
    Charge,
    EvaluationCase,
    Run,
    Step,
    ToolPolicy,
    default_tools,
)
from agents.policy import defaults
from agents.queries import sees_all_inboxes
from agents.toolbox import every_tool, find_tool
from conversations.admin import ReadOnly
from conversations.models import Inbox
from core.errors import Invalid, NotFound
from core.reasons import said
from llm.tools import Effect, shown_result

# What a tool does to the world, in the words of people.
EFFECTS = {
    Effect.READ: pgettext_lazy("tool", "reads"),
    Effect.WRITE: pgettext_lazy("tool", "writes"),
    Effect.DANGEROUS: pgettext_lazy("tool", "dangerous"),
}


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
        fields = ("name", "persona", "model", "tools", "inboxes", "max_steps", "reuse", "is_active")

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Reads the registry when the form is shown, not when the module is loaded."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["tools"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [
            (tool.name, f"{tool.name} ({EFFECTS[tool.effect]}): {gettext(tool.description)}")
            for tool in every_tool()
        ]


class ToolPolicyForm(forms.ModelForm[ToolPolicy]):
    """What one tool is bound to. A line that nobody changes is not stored: the tool's defaults hold."""

    needs_verification = forms.BooleanField(label=capfirst(_("verified customers only")), required=False)
    needs_approval = forms.BooleanField(label=capfirst(_("ask a colleague")), required=False)
    effect = forms.CharField(label=capfirst(_("class")), required=False, disabled=True)

    class Meta:
        model = ToolPolicy
        fields = (
            "tool",
            "effect",
            "needs_verification",
            "needs_approval",
            "most_per_conversation",
            "most_per_day",
        )
        widgets: ClassVar = {"tool": forms.TextInput(attrs={"readonly": True})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Shows what holds now, where the row says nothing."""
        super().__init__(*args, **kwargs)
        name = self.instance.tool or str((self.initial or {}).get("tool", ""))
        for field, value in shown_terms(name).items():
            if self.initial.get(field) is None:
                self.initial[field] = value

    def clean(self) -> dict[str, Any]:
        """Stores only what differs: where a tool becomes stricter later on, the row does not hold it back."""
        cleaned = super().clean() or self.cleaned_data
        usual = shown_terms(cleaned.get("tool", ""))
        for field in ("needs_verification", "needs_approval"):
            if cleaned.get(field) == usual.get(field):
                cleaned[field] = None
        return cleaned


def shown_terms(name: str) -> dict[str, Any]:
    """Returns the class and the default terms of a tool; nothing for one that has gone."""
    try:
        tool = find_tool(name)
    except NotFound:
        return {}
    usual = defaults(tool)
    return {
        "effect": EFFECTS[tool.effect],
        "needs_verification": usual.needs_verification,
        "needs_approval": usual.needs_approval,
    }


class ToolPolicyFormSet(forms.BaseInlineFormSet[ToolPolicy, Agent, ToolPolicyForm]):
    """A line for each registered tool, stored or not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Adds the tools of which no row speaks."""
        instance = kwargs.get("instance")
        known = set(instance.policies.values_list("tool", flat=True)) if instance and instance.pk else set()
        missing = [tool.name for tool in every_tool() if tool.name not in known]
        self.extra = len(missing)
        kwargs["initial"] = [{"tool": name} for name in missing]
        super().__init__(*args, **kwargs)

    def clean(self) -> None:
        """Refuses what is no tool."""
        super().clean()
        for form in self.forms:
            tool = form.cleaned_data.get("tool") if hasattr(form, "cleaned_data") else None
            if tool and not shown_terms(tool) and form.instance.pk is None:
                form.add_error("tool", capfirst(_("There is no tool named %s.") % tool[:60]))


class BudgetFormSet(forms.BaseInlineFormSet[Budget, Agent, forms.ModelForm[Budget]]):
    """A line for each scope, stored or not; the usual limits stand in those that are not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Adds the scopes of which no row speaks."""
        instance = kwargs.get("instance")
        known = set(instance.budgets.values_list("scope", flat=True)) if instance and instance.pk else set()
        missing = [scope for scope in BudgetScope if scope not in known]
        self.extra = len(missing)
        kwargs["initial"] = [_usual(scope) for scope in missing]
        super().__init__(*args, **kwargs)


def _usual(scope: BudgetScope) -> dict[str, Any]:
    held = USUAL.get(scope, Amount(None, None))
    return {"scope": scope, "tokens": held.tokens, "cost": held.cost}


class PartOfAgent:
    """A table on an agent's page: who may change the agent may change it."""

    admin_site: admin.AdminSite
    can_delete = True

    def has_view_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """As the agent."""
        return self.admin_site.get_model_admin(Agent).has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """As the agent."""
        return self.admin_site.get_model_admin(Agent).has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """As changing the agent: a row is only what was changed of a default."""
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """As changing the agent: without a row the defaults hold again."""
        return self.has_change_permission(request, obj)


class BudgetInline(PartOfAgent, admin.TabularInline[Budget, Agent]):
    """How much the agent may use. A line that nobody changes is not stored: the usual limit holds."""

    model = Budget
    formset = BudgetFormSet
    fields = ("scope", "tokens", "cost")
    max_num = len(BudgetScope)


class ToolPolicyInline(PartOfAgent, admin.TabularInline[ToolPolicy, Agent]):
    """The table of tools on an agent's page."""

    model = ToolPolicy
    form = ToolPolicyForm
    formset = ToolPolicyFormSet  # type: ignore[assignment]  # the stubs know no form class here
    max_num = 200


@admin.register(Agent)
class AgentAdmin(admin.ModelAdmin[Agent]):
    """Who answers, with what, where."""

    form = AgentForm
    list_display = ("name", "model", "is_active", "created_at")
    list_filter = ("is_active", "inboxes")
    search_fields = ("name", "persona")
    filter_horizontal = ("inboxes",)
    inlines = (BudgetInline, ToolPolicyInline)

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


@admin.register(Approval)
class ApprovalAdmin(ReadOnly, admin.ModelAdmin[Approval]):
    """What agents asked people for. It is decided in the conversation, where one sees why."""

    list_display = ("asked_at", "tool", "status", "expires_at", "decided_by_name", "in_conversation")
    list_filter = ("status", "tool", "asked_at")
    date_hierarchy = "asked_at"

    @admin.display(description=_("conversation"))
    def in_conversation(self, approval: Approval) -> str:
        """A link to where it is decided."""
        address = reverse("admin:desk_conversation", args=[approval.conversation_id])
        return format_html('<a href="{}">{}</a>', address, approval.conversation.contact.display_name)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Only of conversations one may see."""
        rows = super().get_queryset(request).select_related("conversation__contact")
        return rows.filter(pk__in=Approval.objects.visible_to(actor_of(request)).values("pk"))


class EvaluationCaseForm(forms.ModelForm[EvaluationCase]):
    """The text of a case is read before it is stored, and its mistakes are told with their lines."""

    class Meta:
        model = EvaluationCase
        fields = ("text", "team")
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 40, "cols": 110, "spellcheck": "false"})}

    def clean_text(self) -> str:
        """Refuses what is not one case."""
        text = str(self.cleaned_data["text"])
        try:
            check_case(text, but=self.instance.pk)
        except Invalid as error:
            raise forms.ValidationError(error.detail) from error
        return text


@admin.register(EvaluationCase)
class EvaluationCaseAdmin(admin.ModelAdmin[EvaluationCase]):
    """Conversations by which agents are measured: `evaluate_agent --own` plays them."""

    form = EvaluationCaseForm
    list_display = ("title", "name", "team", "made_by", "created_at")
    list_filter = ("team", "created_at")
    list_select_related = ("team",)
    search_fields = ("name", "title", "text")
    fields = ("name", "text", "team", ("made_by", "in_conversation"), ("created_at", "updated_at"))
    readonly_fields = ("name", "made_by", "in_conversation", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationCase]:
        """Only those that one may see."""
        seen = EvaluationCase.objects.visible_to(actor_of(request)).values("pk")
        return super().get_queryset(request).filter(pk__in=seen)

    @admin.display(description=_("made of"))
    def in_conversation(self, case: EvaluationCase) -> str:
        """A link to the conversation, while it is there."""
        if case.conversation_id is None:
            return "-"
        address = reverse("admin:desk_conversation", args=[case.conversation_id])
        return format_html('<a href="{}">{}</a>', address, _("Open the conversation"))

    def save_model(self, request: HttpRequest, obj: EvaluationCase, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 (Django's signature)
        """Saves through the action, which takes id and title from the text."""
        save_case(case=obj, by=actor_of(request))


# Pages of their own; Django looks for admin.py alone.
from agents import tool_admin as tool_admin  # noqa: E402, PLC0414
