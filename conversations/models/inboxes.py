"""Configured endpoints: a site's widget, later a WhatsApp number or a mailbox."""

import secrets
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from accounts.queries import seen_by_team
from conversations.channels import channel_choices
from conversations.enums import Light
from core.actor import Actor
from core.encryption import EncryptedJSONField

MOST_PER_MINUTE = 100_000
# What a browser says of where a page is from; anything else would match none, and the widget be shut out.
is_site = RegexValidator(r"(?i)^https?://[^\s/?#@]+/?$", _("Use the form https://shop.example."))


def new_key() -> str:
    """Returns a public inbox key; it identifies, it does not authorise."""
    return secrets.token_urlsafe(12)


def new_secret() -> str:
    """Returns a secret of 256 random bits."""
    return secrets.token_urlsafe(32)


class InboxQuerySet(models.QuerySet["Inbox"]):
    """The one door to inboxes, and to what hangs on them, for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: admins all, staff those of their teams and those without one."""
        if actor.is_admin:
            return self
        return self.filter(seen_by_team(actor)) if actor.is_staff else self.none()


class Inbox(models.Model):
    """One endpoint customers write to. The API calls it an integration."""

    class Position(models.TextChoices):
        """Corner of the page in which the launcher sits."""

        RIGHT = "right", _("Right")
        LEFT = "left", _("Left")

    name = models.CharField(_("name"), max_length=80)
    channel = models.CharField(_("channel"), max_length=24, choices=channel_choices, default="web")
    key = models.CharField(_("key"), max_length=32, unique=True, default=new_key, editable=False)
    secret = models.CharField(
        _("secret"),
        max_length=64,
        default=new_secret,
        help_text=_("Signs the identity of your logged-in customers. Keep it on your server."),
    )
    # What the adapter needs to reach the provider, tokens included.
    config = EncryptedJSONField(_("settings"), default=dict, blank=True)
    team = models.ForeignKey(Team, models.SET_NULL, verbose_name=_("team"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    title = models.CharField(_("title"), max_length=60, blank=True)
    greeting = models.CharField(_("greeting"), max_length=300, blank=True)
    agent_name = models.CharField(_("name shown for the agent"), max_length=40, blank=True)
    color = models.CharField(
        _("colour"),
        max_length=7,
        default="#4f46e5",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Use the form #4f46e5."))],
    )
    position = models.CharField(_("position"), max_length=5, choices=Position, default=Position.RIGHT)
    allowed_origins = ArrayField(
        models.CharField(max_length=200, validators=[is_site]),
        verbose_name=_("allowed sites"),
        default=list,
        blank=True,
        help_text=_("Such as https://shop.example, separated by commas. Empty: any site."),
    )
    # By visitor or contact; the settings say how many where this is empty.
    chat_per_minute = models.PositiveIntegerField(
        _("messages per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PER_MINUTE)],
        help_text=_("How many one customer may send in a chat. Empty: as the settings of the server say."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[models.Manager["Inbox"]] = InboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("inbox")
        verbose_name_plural = _("inboxes")
        ordering = ("name",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(secret=""), name="inbox_secret_not_empty"),
            models.CheckConstraint(condition=models.Q(chat_per_minute__gte=1), name="inbox_pace_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class InboxState(models.Model):
    """How an inbox stands with its provider; apart from its settings, since it changes with each message.

    `not_before`: nothing is sent until then (the provider asked for a pause, or the breaker is open).
    `next_slot`: when the provider's rate allows the next message. `cursor`: how far pulling has come.
    `refused_at`: when a webhook came that did not prove whose it is, to the minute.
    """

    inbox = models.OneToOneField(Inbox, models.CASCADE, primary_key=True, related_name="state")
    light = models.CharField(_("health"), max_length=8, choices=Light, default=Light.UNKNOWN)
    detail = models.CharField(_("last error"), max_length=500, blank=True)
    details: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    not_before = models.DateTimeField(_("paused until"), null=True, blank=True)
    next_slot = models.DateTimeField(null=True, blank=True)
    cursor: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    last_received_at = models.DateTimeField(_("last received"), null=True, blank=True)
    last_sent_at = models.DateTimeField(_("last sent"), null=True, blank=True)
    refused_at = models.DateTimeField(_("last refused"), null=True, blank=True)
    checked_at = models.DateTimeField(_("tested"), null=True, blank=True)

    class Meta:
        verbose_name = _("state of an inbox")
        verbose_name_plural = _("states of inboxes")

    def __str__(self) -> str:
        return f"{self.inbox_id}: {self.light}"


class MessageTemplate(models.Model):
    """A message that a provider has approved; the only thing that may be said once its window has closed."""

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="templates", verbose_name=_("inbox"))
    name = models.CharField(_("name"), max_length=512)
    language = models.CharField(_("language"), max_length=16)
    category = models.CharField(_("category"), max_length=32, blank=True)
    # The provider's own word: APPROVED, PENDING, REJECTED …
    status = models.CharField(_("status"), max_length=32)
    body = models.TextField(_("text"), blank=True)
    variables = ArrayField(models.CharField(max_length=80), verbose_name=_("variables"), default=list)
    details: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    synced_at = models.DateTimeField(_("fetched"))

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        ordering = ("name", "language")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["inbox", "name", "language"], name="template_once_per_inbox_and_language"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def header_format(self) -> str:
        """The kind of file that must be given with each message: IMAGE, VIDEO, DOCUMENT, or "" for none."""
        return str(self.details.get("header_format") or "")
