"""Conversations by which agents are measured."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from conversations.models import Conversation
from core.actor import Actor


class EvaluationCaseQuerySet(models.QuerySet["EvaluationCase"]):
    """The one door to cases of one's own for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: admins all, who leads those of their teams and of none."""
        if actor.is_admin:
            return self
        if not (actor.is_staff and actor.leads):
            return self.none()
        return self.filter(Q(team=None) | Q(team__in=actor.team_ids))


class EvaluationCase(models.Model):
    """A conversation to measure agents by, as the text of a suite's file (docs/evaluation.md).

    Masked when it was made: it outlives the conversation it was made of, and its customer.
    """

    name = models.SlugField(_("id"), max_length=80, unique=True, editable=False)
    title = models.CharField(_("title"), max_length=200, editable=False)
    text = models.TextField(_("case"), help_text=_("YAML."))
    team = models.ForeignKey(
        Team, models.SET_NULL, verbose_name=_("team"), related_name="+", null=True, blank=True
    )
    conversation = models.ForeignKey(
        Conversation,
        models.SET_NULL,
        verbose_name=_("made of"),
        related_name="+",
        null=True,
        editable=False,
    )
    made_by = models.CharField(_("made by"), max_length=150, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects: ClassVar[models.Manager["EvaluationCase"]] = EvaluationCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("evaluation case")
        verbose_name_plural = _("evaluation cases")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.title
