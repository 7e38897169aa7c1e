"""Who answers, with what, where."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.admin import actor_of
from agents.budgets import USUAL, Amount
from agents.enums import BudgetScope
from agents.models import (
    Agent,
    Budget,
    ToolPolicy,
    default_tools,
)
from agents.policy import defaults
from agents.queries import sees_all_inboxes
from agents.toolbox import every_tool, find_tool
from conversations.models import Inbox
from core.errors import NotFound
from llm.tools import Effect

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
