"""How a reading of a source ends: what it found, what is gone, when the next one is due."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.actor import Actor
from core.reasons import reason
from knowledge.actions.sources import missing, next_reading, retire
from knowledge.enums import ArticleStatus, ItemStatus, SourceKind, SourceStatus
from knowledge.models import Source

READ = (ItemStatus.READ, ItemStatus.UNCHANGED)
# Kinds in which what is missing was taken out by the person who saved it.
TYPED = (SourceKind.TEXT, SourceKind.QUESTIONS)
FINISHED = (*("status", "error", "finished_at", "due_at"), "gone", "held")


class Stopped(Exception):
    """This reading is over: somebody stopped it, or deleted the source."""


def current(source: Source) -> Source:
    """Returns the locked row, or raises Stopped where this reading is over."""
    reading = Source.objects.select_for_update(of=("self",)).filter(status=SourceStatus.READING)
    row = reading.filter(pk=source.pk, sync=source.sync).first()
    if row is None:
        raise Stopped
    return row


@transaction.atomic
def finish(source: Source, *, error: str = "") -> None:
    """Ends a reading, with a reason where it failed; does nothing where it is over already.

    What a whole reading did not meet is gone, unless that is too much to believe.
    """
    try:
        row = current(source)
    except Stopped:
        return
    items = row.items.filter(sync=row.sync)
    if not error and not items.filter(status__in=READ).exists():
        error = _why_nothing(row)
    row.finished_at = timezone.now()
    row.due_at = next_reading(row)
    row.error = error[:500]
    if error:
        row.status = SourceStatus.FAILED
    else:
        _settle_missing(row)
        row.error = _cut_short(row)
        is_partial = row.rejected or row.held or row.error
        row.status = SourceStatus.PARTIAL if is_partial else SourceStatus.DONE
        # What was gone before, and what was left out then and is not met any more, is no news.
        row.items.exclude(sync=row.sync).filter(file="").delete()
    row.save(update_fields=FINISHED)


def _why_nothing(source: Source) -> str:
    failed = source.items.filter(sync=source.sync).exclude(reason="").order_by("depth", "pk").first()
    if failed is not None:
        return reason("Nothing could be read. %s: %s", failed.name, failed.reason)
    if source.kind == SourceKind.FILES:
        return reason("There are no files yet.")
    return reason("Nothing to read was found there.")


def _cut_short(source: Source) -> str:
    is_full = source.kind == SourceKind.WEBSITE and source.total >= settings.KNOWLEDGE_SOURCE_PAGES
    return reason("At most %d pages are read; there may be more.", source.total) if is_full else ""


def _settle_missing(source: Source) -> None:
    gone = missing(source)
    count = gone.count()
    answering = source.articles.filter(status=ArticleStatus.PUBLISHED).count()
    if source.kind not in TYPED and count * 2 > answering:
        source.held = count
    elif count:
        source.gone = retire(source, gone, by=Actor.system())
