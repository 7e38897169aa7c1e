"""Whom a campaign is for, one row each."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.enums import RecipientState, Skip
from campaigns.models.campaign import Campaign, Variant
from conversations.models import Contact, ContactIdentity, Conversation, Message


class Recipient(models.Model):
    """Somebody for whom a campaign has a message; the row is also the job to write it.

    `values`: what the list said of this person. `zones`: the time zones they may be in, separated by spaces;
    empty for the campaign's. `visitor`: who saw a message on a site, before they are anybody's contact.
    `is_newcomer`: nobody knew this person before the campaign's list.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="recipients")
    contact = models.ForeignKey(
        Contact, models.CASCADE, null=True, blank=True, related_name="campaigns", verbose_name=_("customer")
    )
    visitor = models.CharField(max_length=200, blank=True)
    identity = models.ForeignKey(ContactIdentity, models.SET_NULL, null=True, blank=True, related_name="+")
    variant = models.ForeignKey(Variant, models.PROTECT, null=True, related_name="+")
    is_newcomer = models.BooleanField(default=False)
    values: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    zones = models.CharField(max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=RecipientState, default=RecipientState.QUEUED)
    reason = models.CharField(_("why"), max_length=16, choices=Skip, blank=True)
    conversation = models.ForeignKey(
        Conversation, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("conversation")
    )
    message = models.OneToOneField(
        Message, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("message")
    )
    written_at = models.DateTimeField(_("written"), null=True, blank=True)
    replied_at = models.DateTimeField(_("replied"), null=True, blank=True)
    opted_out_at = models.DateTimeField(_("opted out"), null=True, blank=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ("pk",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "contact"], name="recipient_contact_once"),
            models.UniqueConstraint(fields=["campaign", "identity"], name="recipient_identity_once"),
            models.UniqueConstraint(
                fields=["campaign", "visitor"], condition=~Q(visitor=""), name="recipient_visitor_once"
            ),
            models.CheckConstraint(
                condition=Q(contact__isnull=False) | ~Q(visitor=""), name="recipient_is_somebody"
            ),
            models.CheckConstraint(
                condition=Q(state=RecipientState.WRITTEN, written_at__isnull=False)
                | (~Q(state=RecipientState.WRITTEN) & Q(written_at=None)),
                name="recipient_written_has_time",
            ),
            models.CheckConstraint(
                condition=(Q(state=RecipientState.SKIPPED) & ~Q(reason=""))
                | (~Q(state=RecipientState.SKIPPED) & Q(reason="")),
                name="recipient_skipped_has_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["campaign", "id"], condition=Q(state="queued"), name="recipient_waiting"),
            models.Index(
                fields=["campaign", "zones", "id"],
                condition=Q(state="queued"),
                name="recipient_waiting_where",
            ),
            models.Index(
                fields=["conversation", "-written_at"],
                condition=Q(replied_at=None, state="written"),
                name="recipient_unanswered",
            ),
            models.Index(fields=["written_at"], condition=Q(state="written"), name="recipient_by_day"),
            models.Index(
                fields=["campaign"], condition=Q(replied_at__isnull=False), name="recipient_replied"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.contact_id or self.visitor} {self.state}"
