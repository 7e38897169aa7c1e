"""What was written for operators."""

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from agents.enums import (
    SuggestionKind,
    SuggestionStatus,
)
from conversations.models import Conversation
from core.actor import Actor


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    """The one door to suggestions for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to suggestions for conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()


class Suggestion(models.Model):
    """What was written for an operator, and what they made of it. It is never sent by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="suggestions", verbose_name=_("conversation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=SuggestionKind)
    status = models.CharField(
        _("status"), max_length=10, choices=SuggestionStatus, default=SuggestionStatus.OFFERED
    )
    text = models.TextField(_("text"), blank=True)
    # What `[1]` in the text stands for, in that order (`agents.copilot.drafting.Source`).
    sources: "models.JSONField[Any, Any]" = models.JSONField(_("sources"), default=list, blank=True)
    # Sentences that nothing supported.
    left_out: "models.JSONField[Any, Any]" = models.JSONField(_("left out"), default=list, blank=True)
    # The last message that was read for it: after another one it is out of date.
    up_to_seq = models.PositiveIntegerField()
    language = models.CharField(_("language"), max_length=20, blank=True)
    by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("operator")
    )
    model = models.CharField(_("model"), max_length=200, blank=True)
    cost = models.DecimalField(
        _("cost"), max_digits=12, decimal_places=6, default=0, help_text=_("US dollars.")
    )
    created_at = models.DateTimeField(_("suggested"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects: ClassVar[models.Manager["Suggestion"]] = SuggestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suggestion")
        verbose_name_plural = _("suggestions")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status=SuggestionStatus.OFFERED, decided_at=None)
                | (~Q(status=SuggestionStatus.OFFERED) & Q(decided_at__isnull=False)),
                name="suggestion_decided_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "kind", "-created_at"], name="suggestion_of_conversation"),
            models.Index(fields=["-created_at"], name="suggestion_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"
