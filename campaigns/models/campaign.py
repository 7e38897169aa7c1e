"""A campaign and what it says."""

import uuid
from typing import Any, ClassVar, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.enums import OVER, CampaignStatus, Kind, Source, Visitors
from conversations.models import Attachment, Inbox, MessageTemplate
from core.actor import Actor

LABELS = "ABCDE"
# The fields that say whether it may go out.
APPROVAL = ("status", "approved_at", "approved_by")


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """The one door to campaigns for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to campaigns of inboxes that the actor sees."""
        return self if actor.is_admin else self.filter(inbox__in=Inbox.objects.visible_to(actor))


class Campaign(models.Model):
    """One message to many through one inbox, or to the visitors of a site.

    `cursor`: up to which contact the recipients have been written down; `prepared_at`: since when all are.
    `next_slot`: when the next message may go out. `brief`: what the AI agent is told about it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind, default=Kind.BROADCAST)
    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="campaigns", verbose_name=_("inbox"))
    status = models.CharField(
        _("state"), max_length=9, choices=CampaignStatus, default=CampaignStatus.DRAFT, editable=False
    )
    source = models.CharField(_("recipients"), max_length=7, choices=Source, default=Source.SEGMENT)
    # See `campaigns.segments`.
    segment: "models.JSONField[Any, Any]" = models.JSONField(_("who"), default=dict, blank=True)
    needs_consent = models.BooleanField(
        _("only who has agreed"),
        default=False,
        help_text=_("Otherwise everybody but those who want no messages."),
    )
    leaves_busy = models.BooleanField(
        _("not in the middle of a conversation"),
        default=False,
        help_text=_("Leaves out customers whose conversation with us is open when their turn comes."),
    )
    brief = models.TextField(
        _("for the AI agent"),
        blank=True,
        max_length=2000,
        help_text=_("What it must know to answer those who reply: conditions, dates, links."),
    )
    starts_at = models.DateTimeField(_("begins"), null=True, blank=True, help_text=_("Empty: at once."))
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        help_text=_("Of recipients whose own we do not know, such as America/Sao_Paulo."),
    )
    per_minute = models.PositiveIntegerField(
        _("messages a minute"), default=60, validators=[MinValueValidator(1)]
    )
    daily_limit = models.PositiveIntegerField(
        _("people a day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Through this inbox, by all campaigns, in any 24 hours. Empty: as many as the tier allows."
        ),
    )
    price = models.DecimalField(
        _("price of a message"), max_digits=9, decimal_places=4, default=0, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    # Where and when a message is shown on a site.
    url_pattern = models.CharField(
        _("page"),
        max_length=300,
        blank=True,
        help_text=_("Such as https://shop.example/cart*; * stands for anything. Empty: every page."),
    )
    seconds = models.PositiveIntegerField(_("seconds on the page"), default=10)
    visitors = models.CharField(_("visitors"), max_length=9, choices=Visitors, default=Visitors.ANY)

    error = models.CharField(_("why it stands still"), max_length=300, blank=True, editable=False)
    cursor = models.UUIDField(null=True, blank=True, editable=False)
    prepared_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_slot = models.DateTimeField(null=True, blank=True, editable=False)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True, editable=False)
    approved_by = models.CharField(_("approved by"), max_length=120, blank=True, editable=False)
    created_by = models.CharField(_("made by"), max_length=120, blank=True, editable=False)
    # Of a program's request, with the program in front; who sends it again gets this campaign.
    idempotency_key = models.CharField(max_length=200, unique=True, null=True, blank=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    # Whether this call made the row, or found it under its key; not stored.
    just_created = False

    objects: ClassVar[models.Manager["Campaign"]] = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=OVER, finished_at__isnull=False)
                | (~Q(status__in=OVER) & Q(finished_at=None)),
                name="campaign_over_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=(CampaignStatus.DRAFT, CampaignStatus.CANCELLED))
                | Q(approved_at__isnull=False),
                name="campaign_is_approved_before_it_runs",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="campaign_quiet_has_both_ends",
            ),
            models.CheckConstraint(condition=Q(per_minute__gte=1), name="campaign_has_a_pace"),
            models.CheckConstraint(condition=~Q(name=""), name="campaign_has_a_name"),
            models.CheckConstraint(condition=~Q(idempotency_key=""), name="campaign_key_not_empty"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status"], condition=Q(status__in=("scheduled", "running")), name="campaign_at_work"
            ),
            models.Index(fields=["-created_at", "id"], name="campaign_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """True while it may be changed."""
        return self.status in {CampaignStatus.DRAFT, CampaignStatus.APPROVED}

    def take_approval_back(self) -> None:
        """Makes it a draft again, unsaved: what was approved is no longer what it is."""
        self.status, self.approved_at, self.approved_by = CampaignStatus.DRAFT, None, ""


class Variant(models.Model):
    """One wording of a campaign. Of several, each gets its share of the recipients.

    `text`, and the values of a template's places, may hold places of their own: {{name}}, {{plan|basic}}.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="variants")
    label = models.CharField(_("variant"), max_length=1, default="A")
    share = models.PositiveSmallIntegerField(_("share"), default=1, validators=[MinValueValidator(1)])
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"), blank=True, max_length=4000)
    template = models.ForeignKey(
        MessageTemplate, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("template")
    )
    values: "models.JSONField[Any, Any]" = models.JSONField(_("values"), default=dict, blank=True)
    file = models.ForeignKey(
        Attachment, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("file")
    )

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        ordering = ("campaign", "label")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "label"], name="variant_label_once"),
            models.CheckConstraint(condition=Q(share__gte=1), name="variant_has_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.text[:60]}"
