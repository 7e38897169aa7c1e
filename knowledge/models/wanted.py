"""Questions that nobody could answer from what we know, and the articles that are missing for them."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from conversations.models import Conversation, Message
from core.actor import Actor
from knowledge.enums import Language, WantedStatus, WhyUnanswered
from knowledge.models.articles import Article
from llm.embedding import DIMENSIONS


class WantedArticleQuerySet(models.QuerySet["WantedArticle"]):
    """The one door to missing articles for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to those for which a customer has asked whose conversation the actor may see."""
        return self.filter(pk__in=UnansweredQuestion.objects.visible_to(actor).values("wanted"))


class WantedArticle(models.Model):
    """An article that customers have asked for: questions that mean about the same, in whatever language.

    It says nothing by itself: what was asked stands in its questions, which not everybody may read.
    """

    status = models.CharField(
        _("status"), max_length=9, choices=WantedStatus, default=WantedStatus.OPEN, editable=False
    )
    # The mean of what its questions mean: its product with a question is the mean likeness to all of them.
    vector: Any = HalfVectorField(_("vector"), dimensions=DIMENSIONS, editable=False)
    # The draft somebody began, or the article that answers by now.
    article = models.ForeignKey(
        Article, models.SET_NULL, verbose_name=_("article"), related_name="+", null=True, editable=False
    )
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True, editable=False)
    # When it was last asked whether an article answers.
    looked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = WantedArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("article to write")
        verbose_name_plural = _("articles to write")
        ordering = ("-updated_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=WantedStatus.values), name="wanted_article_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{_('article to write')} {self.pk}"


class UnansweredQuestionQuerySet(models.QuerySet["UnansweredQuestion"]):
    """The one door to what customers asked in vain for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to questions of conversations that the actor may see, for staff."""
        if not actor.is_staff:
            return self.none()
        if actor.is_admin:
            return self
        return self.filter(message__conversation__in=Conversation.objects.visible_to(actor))


class UnansweredQuestion(models.Model):
    """One customer's message that was not answered from what we know; gone with its conversation."""

    message = models.OneToOneField(Message, models.CASCADE, related_name="+", verbose_name=_("message"))
    wanted = models.ForeignKey(
        WantedArticle, models.CASCADE, related_name="questions", verbose_name=_("article to write")
    )
    text = models.CharField(_("question"), max_length=500)
    # Empty where the text is too short to tell.
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True)
    why = models.CharField(_("why"), max_length=13, choices=WhyUnanswered)
    vector: Any = HalfVectorField(_("vector"), dimensions=DIMENSIONS, editable=False)
    asked_at = models.DateTimeField(_("asked"))

    objects = UnansweredQuestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("unanswered question")
        verbose_name_plural = _("unanswered questions")
        ordering = ("-asked_at", "-pk")
        indexes: ClassVar = [models.Index(fields=["wanted", "-asked_at"], name="unanswered_newest_of_wanted")]

    def __str__(self) -> str:
        return self.text
