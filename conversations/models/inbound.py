"""What came in, byte by byte, before anybody understood it."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.enums import Verdict
from conversations.models.inboxes import Inbox


class InboundEvent(models.Model):
    """One delivery of a provider, stored before it is acknowledged. The row is also the job to take it in.

    `provider_event_id` is the provider's, or the digest of the body: the same delivery again is no new row.
    """

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="inbound", verbose_name=_("inbox"))
    provider_event_id = models.CharField(_("provider's id"), max_length=255)
    headers: "models.JSONField[Any, Any]" = models.JSONField(default=dict, blank=True)
    body = models.BinaryField()
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, default=Verdict.RECEIVED)
    detail = models.TextField(_("why"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    handled_at = models.DateTimeField(_("taken in"), null=True, blank=True)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "provider_event_id"], name="inbound_event_once"),
            models.CheckConstraint(condition=~Q(provider_event_id=""), name="inbound_event_has_id"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["inbox", "id"], condition=Q(verdict="received"), name="inbound_waiting"),
            models.Index(fields=["verdict", "-received_at"], name="inbound_by_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_event_id[:40]} {self.verdict}"
