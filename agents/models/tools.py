"""What agents may call, and on which terms."""

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from agents.models.agents import Agent
from core.encryption import EncryptedJSONField


class ToolPolicy(models.Model):
    """What an agent's use of a tool is bound to. Where nothing is said, the tool's own defaults hold."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="policies")
    tool = models.CharField(_("tool"), max_length=60)
    needs_verification = models.BooleanField(
        _("verified customers only"), null=True, blank=True, help_text=_("Their identity must be proven.")
    )
    needs_approval = models.BooleanField(
        _("ask a colleague"),
        null=True,
        blank=True,
        help_text=_("Each call waits until an operator approves it."),
    )
    # Empty: as often as the model asks.
    most_per_conversation = models.PositiveSmallIntegerField(
        _("most in a conversation"), null=True, blank=True
    )
    most_per_day = models.PositiveSmallIntegerField(_("most for a customer in a day"), null=True, blank=True)

    class Meta:
        verbose_name = _("rule for a tool")
        verbose_name_plural = _("rules for tools")
        ordering = ("agent", "tool")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "tool"], name="toolpolicy_once_per_agent"),
        ]

    def __str__(self) -> str:
        return self.tool


def empty_schema() -> dict[str, Any]:
    """The arguments of a tool that takes none."""
    return {"type": "object", "properties": {}, "required": []}


class HttpTool(models.Model):
    """A system that agents may ask or change over HTTP. Which of them may, their own list says."""

    class Method(models.TextChoices):
        """How the system is asked."""

        GET = "GET", "GET"
        POST = "POST", "POST"
        PUT = "PUT", "PUT"
        PATCH = "PATCH", "PATCH"
        DELETE = "DELETE", "DELETE"

    class Effects(models.TextChoices):
        """The classes of `llm.tools.Effect`."""

        READ = "read", _("reads")
        WRITE = "write", _("writes")
        DANGEROUS = "dangerous", _("dangerous: a person is asked first")

    name = models.CharField(
        _("name"),
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]{2,59}$", _("Lower-case letters, digits and _ ."))],
        help_text=_("What the model calls it by, such as order_status."),
    )
    description = models.TextField(
        _("description"),
        max_length=1_000,
        help_text=_("Tells the model what it does and when to use it."),
    )
    method = models.CharField(_("method"), max_length=6, choices=Method, default=Method.GET)
    url = models.CharField(
        _("address"),
        max_length=1_000,
        help_text=_(
            "Arguments stand in braces: https://shop.example/orders/{number}. {contact_email}, "
            "{contact_phone}, {contact_id} and {conversation_id} come from the conversation, never from the "
            "model."
        ),
    )
    parameters: "models.JSONField[Any, Any]" = models.JSONField(
        _("arguments"), default=empty_schema, help_text=_("JSON schema of an object.")
    )
    headers = EncryptedJSONField(_("secret headers"), default=dict, blank=True)
    effect = models.CharField(_("class"), max_length=10, choices=Effects, default=Effects.READ)
    needs_verification = models.BooleanField(
        _("verified customers only"), default=True, help_text=_("Their identity must be proven.")
    )
    is_idempotent = models.BooleanField(
        _("honours Idempotency-Key"),
        default=False,
        help_text=_("The system does a call with the same key only once."),
    )
    # A run may take 75 seconds and one tool more; the customer has a final word within 90.
    seconds = models.PositiveSmallIntegerField(
        _("longest wait in seconds"), default=8, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    is_active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("HTTP tool")
        verbose_name_plural = _("HTTP tools")
        ordering = ("name",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(seconds__range=(1, 12)), name="httptool_seconds_1_to_12"),
        ]

    def __str__(self) -> str:
        return self.name
