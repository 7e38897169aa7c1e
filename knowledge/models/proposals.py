"""What people say is to be answered, on its way to being an article."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import Team
from conversations.models import Message
from core.actor import Actor
from knowledge.enums import Language, ProposalStatus
from knowledge.models.articles import Article
from llm.embedding import DIMENSIONS


class ProposedAnswerQuerySet(models.QuerySet["ProposedAnswer"]):
    """The one door to proposed answers for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: administrators all, staff those of their teams and of none."""
        if actor.is_admin:
            return self
        if not actor.is_staff:
            return self.none()
        return self.filter(Q(team=None) | Q(team__in=actor.team_ids))


class ProposedAnswer(models.Model):
    """What a customer asked and how people say it is to be answered. Approved, it is an article.

    Several who correct answers to nearly the same question make one row: the newest answer, counted.
    """

    question = models.CharField(_("question"), max_length=200)
    answer = models.TextField(_("answer"), help_text=_("Markdown."))
    language = models.CharField(_("language"), max_length=2, choices=Language)
    team = models.ForeignKey(
        Team, models.SET_NULL, verbose_name=_("team"), related_name="+", null=True, blank=True
    )
    # The message whose place it takes, or that it was made of; gone with its conversation.
    message = models.ForeignKey(
        Message, models.SET_NULL, verbose_name=_("message"), related_name="+", null=True, editable=False
    )
    # What was said instead, where somebody was wrong.
    former = models.TextField(_("said until now"), blank=True, editable=False)
    times = models.PositiveIntegerField(_("times"), default=1, editable=False)
    status = models.CharField(
        _("status"), max_length=8, choices=ProposalStatus, default=ProposalStatus.PROPOSED, editable=False
    )
    # What it became, or what it will change.
    article = models.ForeignKey(
        Article, models.SET_NULL, verbose_name=_("article"), related_name="+", null=True, editable=False
    )
    proposed_by = models.CharField(_("proposed by"), max_length=150, editable=False)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True, editable=False)
    # What the question means, to know one that is nearly the same.
    vector: Any = HalfVectorField(_("vector"), dimensions=DIMENSIONS, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ProposedAnswerQuerySet.as_manager()

    class Meta:
        verbose_name = _("proposed answer")
        verbose_name_plural = _("proposed answers")
        ordering = ("-updated_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(question="") & ~Q(answer=""), name="proposed_answer_says_something"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ProposalStatus.values), name="proposed_answer_status_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["language"], name="proposed_answer_open", condition=Q(status=ProposalStatus.PROPOSED)
            ),
            models.Index(fields=["status", "-updated_at"], name="proposed_answer_newest"),
        ]

    def __str__(self) -> str:
        return self.question
