"""Calls that wait for a person."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from agents.enums import (
    ApprovalStatus,
)
from agents.models.runs import Run
from conversations.models import Conversation
from core.actor import Actor


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """The one door to approvals for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to calls in conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()

    def open(self) -> Self:
        """Narrows to those that may still have an effect: not decided, or approved and not carried out."""
        return self.filter(status__in=(ApprovalStatus.PENDING, ApprovalStatus.APPROVED), told_at=None)

    def untold(self) -> Self:
        """Narrows to those that a person has decided and no run has been told of yet."""
        return self.filter(status__in=(ApprovalStatus.APPROVED, ApprovalStatus.REFUSED), told_at=None)


class Approval(models.Model):
    """A tool call that waits for a person, with the very arguments that will be used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, models.CASCADE, related_name="approvals", verbose_name=_("run"))
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="approvals", verbose_name=_("conversation")
    )
    tool = models.CharField(_("tool"), max_length=64)
    call_id = models.CharField(max_length=120, blank=True)
    arguments = models.TextField(_("arguments"))
    status = models.CharField(
        _("status"), max_length=10, choices=ApprovalStatus, default=ApprovalStatus.PENDING
    )
    asked_at = models.DateTimeField(_("asked"), auto_now_add=True)
    expires_at = models.DateTimeField(_("waits until"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("operator")
    )
    decided_by_name = models.CharField(_("decided by"), max_length=120, blank=True)
    # When a run took the decision in: after that it has no further effect.
    told_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Approval"]] = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ("-asked_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "tool"],
                condition=Q(status=ApprovalStatus.PENDING),
                name="approval_one_pending_per_tool",
            ),
            models.CheckConstraint(
                condition=Q(status=ApprovalStatus.PENDING, decided_at=None)
                | (~Q(status=ApprovalStatus.PENDING) & Q(decided_at__isnull=False)),
                name="approval_decided_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "status"], name="approval_of_conversation"),
            models.Index(fields=["status", "expires_at"], name="approval_due"),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.status}"
