"""Closing what is to be written once an article answers it, whoever wrote it and why."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from knowledge.enums import Audience, WantedStatus
from knowledge.models import Article, UnansweredQuestion, WantedArticle
from knowledge.queries import search
from knowledge.queries.wanted import open_wanted

LOOKED_AT = 5  # newest questions of a topic
AT_ONCE = 50  # topics
INSTANT = timedelta(microseconds=1)


def close_answered() -> int:
    """Closes topics whose newest questions are answered by now, most of them; returns how many.

    An article answers a question where search is certain of it and the article has changed since: what was
    there already has not helped. Topics are looked at again when any article has changed. A topic whose
    questions have all gone with their conversations goes too.
    """
    open_wanted().filter(questions=None).delete()
    current = Article.objects.current().order_by("updated_at")
    ready = current.exclude(pk__in=current.stale().values("pk")).values_list("updated_at", flat=True).last()
    if ready is None:
        return 0
    # What waits for its passages cannot be found yet: it is looked for again.
    waiting = current.stale().values_list("updated_at", flat=True).first()
    upto = min(ready, waiting - INSTANT) if waiting else ready
    due = open_wanted().filter(Q(looked_at=None) | Q(looked_at__lt=ready)).order_by("looked_at", "pk")
    return sum(_close(row, upto) for row in due[:AT_ONCE])


def _close(wanted: WantedArticle, upto: datetime) -> bool:
    newest = wanted.questions.select_related("message__conversation")[:LOOKED_AT]
    answers = [_answer(question) for question in newest]
    found = Counter(answer for answer in answers if answer is not None)
    closed = found.total() * 2 > len(answers)
    changes: dict[str, Any] = {"looked_at": upto}
    if closed:
        article = found.most_common(1)[0][0]
        changes |= {"status": WantedStatus.WRITTEN, "article_id": article, "updated_at": timezone.now()}
    # Somebody may have put it away meanwhile.
    done = open_wanted().filter(pk=wanted.pk).update(**changes)
    return closed and bool(done)


def _answer(question: UnansweredQuestion) -> int | None:
    """Returns the article that answers a question now and did not when it was asked."""
    found = search(
        question.text,
        language=question.language or None,
        team_id=question.message.conversation.team_id,
        audiences=Audience.of_customer(proven=True),
    )
    if not found or not found[0].is_certain:
        return None
    changed = Article.objects.filter(pk=found[0].article_id, updated_at__gt=question.asked_at)
    return found[0].article_id if changed.exists() else None
