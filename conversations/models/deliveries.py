"""What goes out, and how far it has come."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.enums import DeliveryStatus
from conversations.models.conversation import Conversation
from conversations.models.inboxes import Inbox
from conversations.models.messages import Attachment, Message

UNFINISHED = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN)


class Delivery(models.Model):
    """One provider call for a message; a long message, or one with files, has several (`part`).

    `resent` counts how often people had it sent again after it failed. `doubtful` counts attempts that may
    have arrived although the next one was made: the doubles that a channel without idempotency can have.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="deliveries")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="deliveries")
    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", verbose_name=_("inbox"))
    seq = models.PositiveIntegerField()
    part = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(blank=True)
    attachment = models.ForeignKey(Attachment, models.CASCADE, null=True, blank=True, related_name="+")
    status = models.CharField(_("state"), max_length=9, choices=DeliveryStatus, default=DeliveryStatus.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    doubtful = models.PositiveSmallIntegerField(_("possible doubles"), default=0)
    resent = models.PositiveSmallIntegerField(_("sent again by hand"), default=0, db_default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    # NULLs do not collide.
    provider_id = models.CharField(_("provider's id"), max_length=255, null=True, blank=True)  # noqa: DJ001
    error = models.CharField(_("error"), max_length=500, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(_("queued"), auto_now_add=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    # As the provider tells; empty where our own call failed.
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "part"], name="delivery_part_once"),
            models.UniqueConstraint(fields=["inbox", "provider_id"], name="delivery_provider_id_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["conversation", "seq", "part"],
                condition=Q(status__in=UNFINISHED),
                name="delivery_unfinished",
            ),
            models.Index(fields=["next_try_at"], condition=Q(status__in=UNFINISHED), name="delivery_due"),
            models.Index(fields=["inbox", "status", "-created_at"], name="delivery_by_status"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq}.{self.part} {self.status}"

    @property
    def key(self) -> str:
        """What the provider is given to tell it by: the same at each attempt, until people send it again."""
        return f"{self.pk.hex}_{self.resent}" if self.resent else self.pk.hex
