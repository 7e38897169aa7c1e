"""What agents may use of models, and what they have used."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.enums import (
    BudgetScope,
)
from agents.models.agents import Agent
from agents.models.runs import Run
from conversations.models import Contact, Conversation


class Budget(models.Model):
    """How much an agent may use of models. Where nothing is said, `agents.budgets.USUAL` holds."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="budgets")
    scope = models.CharField(_("for"), max_length=12, choices=BudgetScope)
    tokens = models.PositiveIntegerField(
        _("tokens"), null=True, blank=True, help_text=_("In and out together. Empty: as many as it takes.")
    )
    cost = models.DecimalField(
        _("US dollars"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ("agent", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "scope"], name="budget_once_per_scope"),
            models.CheckConstraint(condition=Q(cost=None) | Q(cost__gte=0), name="budget_cost_not_negative"),
        ]

    def __str__(self) -> str:
        return self.get_scope_display()


class Charge(models.Model):
    """What one call of a model takes from an agent's budgets: set aside before it, what it came to after it.

    A call whose worker died keeps what was set aside: its provider may well have counted it. Outlives the
    conversation, since what is spent stays spent.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="charges")
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, related_name="+")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    model = models.CharField(_("model"), max_length=200)
    prompt_tokens = models.PositiveIntegerField(_("tokens in"))
    completion_tokens = models.PositiveIntegerField(_("tokens out"))
    cost = models.DecimalField(_("cost in US dollars"), max_digits=12, decimal_places=6)
    is_settled = models.BooleanField(_("counted"), default=False)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        ordering = ("pk",)
        indexes: ClassVar = [
            models.Index(fields=["contact", "created_at"], name="charge_of_contact"),
            # A month's sum is read from the index alone.
            models.Index(
                fields=["agent", "created_at"],
                include=["prompt_tokens", "completion_tokens", "cost"],
                name="charge_of_agent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.cost}"
