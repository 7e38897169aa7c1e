"""What customers asked in vain, as one actor may read it."""

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject

from core.actor import Actor
from knowledge.enums import WantedStatus
from knowledge.models import UnansweredQuestion, WantedArticle
from knowledge.models.wanted import UnansweredQuestionQuerySet, WantedArticleQuerySet


def wanted_for(actor: Actor) -> WantedArticleQuerySet:
    """Returns the missing articles that the actor may hear of, each with figures of what they may read of it.

    `times` it was asked, `last_asked`, `languages`, and `latest`: text and language of the newest question.
    """
    seen = UnansweredQuestion.objects.visible_to(actor)
    newest = seen.filter(wanted=OuterRef("pk")).order_by("-asked_at", "-pk")
    theirs = Q(questions__in=seen.values("pk"))
    rows = WantedArticle.objects.all().visible_to(actor)
    return rows.annotate(
        times=Count("questions", filter=theirs),
        last_asked=Max("questions__asked_at", filter=theirs),
        languages=ArrayAgg(
            "questions__language", filter=theirs & ~Q(questions__language=""), distinct=True, default=[]
        ),
        latest=Subquery(newest.values(told=JSONObject(text=F("text"), language=F("language")))[:1]),
    )


def questions_of(wanted: WantedArticle, *, actor: Actor) -> UnansweredQuestionQuerySet:
    """Returns what was asked of a missing article that the actor may read, newest first."""
    rows = UnansweredQuestion.objects.visible_to(actor)
    return rows.filter(wanted=wanted).select_related("message")


def asking(words: str, *, actor: Actor) -> WantedArticleQuerySet:
    """Returns the missing articles with a question that holds the words and that the actor may read."""
    found = UnansweredQuestion.objects.visible_to(actor).filter(text__icontains=words)
    return WantedArticle.objects.filter(pk__in=found.values("wanted"))


def open_wanted() -> WantedArticleQuerySet:
    """Returns what is still to be written."""
    return WantedArticle.objects.filter(status=WantedStatus.OPEN)
