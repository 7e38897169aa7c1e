"""The ledger: what models were asked, what it cost and how long it took."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llm.enums import Outcome


class ModelCall(models.Model):
    """One call to a provider; a retry and a fallback are calls of their own. Holds no text of anybody."""

    purpose = models.CharField(_("purpose"), max_length=60)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    provider = models.CharField(_("provider"), max_length=40)
    model = models.CharField(_("model"), max_length=200)
    prompt_tokens = models.PositiveIntegerField(_("tokens in"), default=0)
    completion_tokens = models.PositiveIntegerField(_("tokens out"), default=0)
    estimated = models.BooleanField(
        _("estimated"), default=False, help_text=_("The provider gave no counts; they come from the length.")
    )
    cost = models.DecimalField(_("cost in US dollars"), max_digits=12, decimal_places=6, default=0)
    first_text_ms = models.PositiveIntegerField(_("first text after ms"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration in ms"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("model call")
        verbose_name_plural = _("model calls")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at"], name="llm_call_created"),
            models.Index(fields=["reference", "-created_at"], name="llm_call_reference"),
            models.Index(fields=["model", "-created_at"], name="llm_call_model"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="llm_call_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.model} · {self.purpose} · {self.get_outcome_display()}"
