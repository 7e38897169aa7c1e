"""What agents could not answer from what we know, handed on to the list of articles to write."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from agents.enums import RunStatus
from agents.grounding import UNSUPPORTED
from agents.models import Run, Step
from conversations.enums import Direction
from conversations.models import Message
from knowledge.actions import Unanswered, note_unanswered
from knowledge.enums import WhyUnanswered
from knowledge.models import UnansweredQuestion
from knowledge.tools import NOTHING_FOUND

# A job that was away for longer leaves a gap in the list, and no harm.
LOOKED_BACK = timedelta(days=1)
# A rating may come long after the answer.
RATED_BACK = timedelta(days=30)
AT_ONCE = 200
SEARCH = "search_knowledge"
TWO_WORDS = r"\S\s+\S"


def collect_unanswered() -> int:
    """Puts on the list what was not answered of late, each message once; returns how many were new.

    That is: every search of a run found nothing; a run searched and then gave up, or was not supported by
    what it found; a customer said that an answer did not help. Who only asked for a person has asked no
    question. Asks a model what the questions mean: not to be called in a transaction.
    """
    found = [*_not_helpful(), *_without_knowledge()]
    return note_unanswered(sorted(found, key=lambda row: (row.message.created_at, row.message.pk)))


def _not_helpful() -> Iterator[Unanswered]:
    rated = Message.objects.filter(helpful=False, created_at__gt=timezone.now() - RATED_BACK)
    runs = Run.objects.filter(pk__in=rated.filter(run__isnull=False).values("run"))
    for run in _not_listed(runs).order_by("-started_at")[:AT_ONCE]:
        yield Unanswered(_question(run), WhyUnanswered.NOT_HELPFUL)


def _without_knowledge() -> Iterator[Unanswered]:
    for run in _not_listed(_in_vain()).order_by("-started_at")[:AT_ONCE]:
        why = WhyUnanswered.HANDED_OVER if getattr(run, "found", True) else WhyUnanswered.NOTHING_FOUND
        yield Unanswered(_question(run), why)


def _in_vain() -> "QuerySet[Run]":
    """Returns the runs of late that searched and came to nothing."""
    now = timezone.now()
    searches = Step.objects.filter(run=OuterRef("pk"), tool=SEARCH, failed=False)
    found = searches.exclude(result__contains=NOTHING_FOUND)
    gave_up = Q(status=RunStatus.HANDED_OVER) | Q(status=RunStatus.FAILED, detail=UNSUPPORTED)
    # There is an index by when they began.
    rows = Run.objects.filter(started_at__gt=now - 2 * LOOKED_BACK, finished_at__gt=now - LOOKED_BACK)
    rows = rows.annotate(searched=Exists(searches), found=Exists(found)).filter(searched=True)
    return rows.filter(gave_up | Q(status=RunStatus.ANSWERED, found=False))


def _not_listed(runs: "QuerySet[Run]") -> "QuerySet[Run]":
    """Narrows to runs for a customer's question that is not on the list yet."""
    theirs = Message.objects.filter(conversation=OuterRef("conversation"), seq=OuterRef("up_to_seq"))
    asks = theirs.filter(direction=Direction.IN, is_automatic=False, text__regex=TWO_WORDS)
    listed = UnansweredQuestion.objects.filter(
        message__conversation=OuterRef("conversation"), message__seq=OuterRef("up_to_seq")
    )
    return runs.filter(Exists(asks), ~Exists(listed))


def _question(run: Run) -> Message:
    """Returns what the customer had written last when a run began."""
    return Message.objects.get(conversation=run.conversation_id, seq=run.up_to_seq)
