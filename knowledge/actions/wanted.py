"""Questions that nobody could answer: gathered by what they mean, written about, put away, closed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _
from pgvector.django import MaxInnerProduct

from conversations.models import Message
from core.actor import Actor
from core.errors import Conflict, NotFound
from knowledge.actions.articles import require_lead, write_article
from knowledge.enums import WantedStatus, WhyUnanswered
from knowledge.languages import detect, language_or_default
from knowledge.models import Article, UnansweredQuestion, WantedArticle
from knowledge.queries.wanted import questions_of
from llm.door import embed

# The mean likeness of a question to all of a topic, and of all of one topic to all of another. Of sixty
# questions on twelve topics in three languages, asked in twenty random orders, they make 11 to 14 topics (13
# on average), and 54 of the sixty stand with their own. At 0.37 they make 11, and 50 stand with their own.
JOINS_AT, MERGES_AT = 0.42, 0.41
FEWEST_WORDS = 2  # "ok" and "???" ask nothing
LONGEST = 500
LONGEST_TITLE = 200
MOST_WEIGHED = 200  # questions whose mean a topic is
# Two jobs at once would open the same topic twice.
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('knowledge.wanted'))"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A customer's message that was not answered from what we know, and how that showed."""

    message: Message
    why: WhyUnanswered


def note_unanswered(asked: Sequence[Unanswered]) -> int:
    """Adds questions to the list of articles to write, each message once; returns how many were new.

    A question joins the topic that it is most like, if it is like enough, else it opens one; topics that have
    grown together become one. In the order they are given, the same questions make the same topics. What was
    put away gathers more, unseen. Asks a model what they mean: not to be called in a transaction.
    """
    texts = {row.message.pk: " ".join(row.message.text.split())[:LONGEST] for row in asked}
    new = [row for row in asked if len(texts[row.message.pk].split()) >= FEWEST_WORDS]
    known = set(
        UnansweredQuestion.objects.filter(message__in=[row.message.pk for row in new]).values_list(
            "message_id", flat=True
        )
    )
    new = [row for row in new if row.message.pk not in known]
    if not new:
        return 0
    vectors = embed([texts[row.message.pk] for row in new])
    return _gathered(
        UnansweredQuestion(
            message=row.message, text=texts[row.message.pk], why=row.why, vector=vector,
            language=detect(texts[row.message.pk]) or "", asked_at=row.message.created_at,
        )
        for row, vector in zip(new, vectors, strict=True)
    )  # fmt: skip


@transaction.atomic
def _gathered(questions: Iterable[UnansweredQuestion]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ONE_BY_ONE)
    touched: dict[int, WantedArticle] = {}
    done = 0
    for question in questions:
        # A twin of this job may have been quicker, and a customer's conversation may be gone by now.
        is_there = Message.objects.filter(pk=question.message_id).exists()
        if not is_there or UnansweredQuestion.objects.filter(message=question.message_id).exists():
            continue
        wanted = _nearest(question.vector, JOINS_AT) or WantedArticle(vector=question.vector)
        if wanted.pk is None:
            wanted.save()
        question.wanted = wanted
        question.save()
        _weigh(wanted)
        touched[wanted.pk] = wanted
        done += 1
    for wanted in touched.values():
        _merge(wanted)
    return done


def _nearest(vector: Sequence[float], least: float, *, but: int | None = None) -> WantedArticle | None:
    """Returns the topic most like a vector, if it is like enough; with `but`, an open one but that."""
    rows = WantedArticle.objects.exclude(status=WantedStatus.WRITTEN)
    if but is not None:
        rows = rows.filter(status=WantedStatus.OPEN).exclude(pk=but)
    nearest = rows.annotate(distance=MaxInnerProduct("vector", vector)).order_by("distance", "pk").first()
    # pgvector tells the product with its sign turned, so that the least is the nearest.
    return nearest if nearest is not None and -getattr(nearest, "distance", 0.0) >= least else None


def _weigh(wanted: WantedArticle) -> None:
    """Sets what a topic means: the mean of its newest questions."""
    rows = UnansweredQuestion.objects.filter(wanted=wanted).values_list("vector", flat=True)
    vectors = np.asarray(list(rows[:MOST_WEIGHED]), dtype=np.float32)
    wanted.vector = vectors.mean(axis=0).tolist()
    wanted.save(update_fields=["vector", "updated_at"])


def _merge(wanted: WantedArticle) -> None:
    """Puts an open topic together with those it has become like; who has a draft, or is older, stays."""
    row = WantedArticle.objects.filter(pk=wanted.pk, status=WantedStatus.OPEN).first()
    while row is not None and (other := _nearest(row.vector, MERGES_AT, but=row.pk)):
        keep, gone = sorted((row, other), key=lambda one: (one.article_id is None, one.pk))
        if keep.article_id and gone.article_id:
            return
        gone.questions.update(wanted=keep)
        gone.delete()
        _weigh(keep)
        row = WantedArticle.objects.get(pk=keep.pk)


@transaction.atomic
def write_wanted(*, wanted: WantedArticle, by: Actor) -> Article:
    """Begins the article that is wanted: a draft named as the newest question; one that was begun stays.

    Of the customers' words only that question goes into it, where who writes sees it. Raises Forbidden for
    operators, NotFound for what one may not see, Conflict for what is answered or put away.
    """
    row = _locked(wanted, by)
    if row.status != WantedStatus.OPEN:
        raise Conflict(_("It is not open any more."))
    if row.article is not None:
        return row.article
    newest = questions_of(row, actor=by).select_related("message__conversation").first()
    if newest is None:
        raise NotFound
    conversation = newest.message.conversation
    language = newest.language or language_or_default(conversation.contact.locale)
    row.article = write_article(
        by=by, title=newest.text[:LONGEST_TITLE], body="", language=language, team=conversation.team
    )
    row.save(update_fields=["article", "updated_at"])
    return row.article


@transaction.atomic
def dismiss_wanted(*, wanted: WantedArticle, by: Actor) -> WantedArticle:
    """Puts a topic away: who asks again does not bring it back. Raises as `write_wanted`."""
    row = _locked(wanted, by)
    if row.status == WantedStatus.WRITTEN:
        raise Conflict(_("An article answers it already."))
    row.status, row.decided_by = WantedStatus.DISMISSED, by.name
    row.save(update_fields=["status", "decided_by", "updated_at"])
    return row


def _locked(wanted: WantedArticle, by: Actor) -> WantedArticle:
    require_lead(by)
    rows = WantedArticle.objects.visible_to(by).select_for_update(of=("self",))
    row = rows.filter(pk=wanted.pk).first()
    if row is None:
        raise NotFound
    return row
