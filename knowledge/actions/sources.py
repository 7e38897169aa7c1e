"""Sources of articles: set up, given files, read, stopped, deleted."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound, TooLarge
from core.http import check_address
from core.storable import storable
from knowledge.actions.articles import delete_articles, require_lead
from knowledge.enums import ArticleStatus, SourceKind, SourceStatus, WhenGone
from knowledge.formats import KNOWN, MAX_TABLE_BYTES, SUFFIXES
from knowledge.models import Article, Source, SourceItem
from knowledge.tasks import plan_reading

# What every article of a source has; a page must be read anew to have it changed.
OPTIONS = ("team_id", "language", "category_id", "audience", "tags")
CONTENT = ("kind", "address", "text")
ENTERED = ("name", "hours", "when_gone", *CONTENT, *OPTIONS)
MAX_FILES = 1_000
LONGEST_NAME = 200


@transaction.atomic
def save_source(*, source: Source, by: Actor) -> Source:
    """Stores a source, new or changed, and has it read where there is something to read anew.

    Raises Forbidden for operators, Invalid for a website without a fit address and for typed kinds without
    text.
    """
    require_lead(by)
    check_source(source)
    before = Source.objects.select_for_update().filter(pk=source.pk).first() if source.pk else None
    changed = [name for name in ENTERED if before is None or getattr(before, name) != getattr(source, name)]
    source.due_at = next_reading(source)
    if before is None:
        source.save()
    else:
        source.save(update_fields=[*ENTERED, "due_at"])
    if set(changed) & {*OPTIONS, *CONTENT}:
        source.items.update(etag="", modified="")
        if before is not None or source.kind != SourceKind.FILES:
            _start(source)
    return source


def check_source(source: Source) -> None:
    """Raises Invalid, or OutboundRefused, for what could never be read."""
    if source.kind == SourceKind.WEBSITE:
        if not source.address:
            raise Invalid(_("A website needs its address."), field="address")
        check_address(source.address)
    elif source.kind in {SourceKind.TEXT, SourceKind.QUESTIONS} and not source.text.strip():
        raise Invalid(_("There is no text yet."), field="text")


def next_reading(source: Source) -> datetime | None:
    """Returns when it is read again: so many hours after it was last, or by hand only."""
    if not source.hours:
        return None
    return (source.finished_at or timezone.now()) + timedelta(hours=source.hours)


@transaction.atomic
def start_sync(*, source: Source, by: Actor) -> Source:
    """Has a source read by a job; one that is being read goes on as it is. Raises Forbidden, NotFound."""
    require_lead(by)
    return _start(_locked(source))


def _start(source: Source) -> Source:
    started = Source.objects.filter(pk=source.pk).exclude(status__in=SourceStatus.busy())
    started.update(status=SourceStatus.WAITING, error="", done=0, total=0)
    plan_reading(source.pk)
    source.refresh_from_db()
    return source


@transaction.atomic
def stop_sync(*, source: Source, by: Actor) -> Source:
    """Stops a reading after the page in hand; what it has stored stays. Raises Forbidden, NotFound."""
    require_lead(by)
    row = _locked(source)
    if row.is_busy:
        row.status, row.finished_at = SourceStatus.STOPPED, timezone.now()
        row.due_at = next_reading(row)
        row.save(update_fields=["status", "finished_at", "due_at"])
    return row


@transaction.atomic
def confirm_gone(*, source: Source, by: Actor) -> int:
    """Puts away, or deletes, what the last reading held back since too much was gone; returns how many.

    Raises Forbidden, NotFound, and Conflict while the source is being read.
    """
    require_lead(by)
    row = _locked(source)
    if row.is_busy:
        raise Conflict
    count = retire(row, missing(row), by=by) if row.held else 0
    row.held, row.gone = 0, row.gone + count
    if row.status == SourceStatus.PARTIAL and not row.rejected and not row.error:
        row.status = SourceStatus.DONE
    row.save(update_fields=["held", "gone", "status"])
    return count


@transaction.atomic
def delete_source(*, source: Source, by: Actor) -> int:
    """Deletes a source with its files and its articles; returns how many articles. Raises Forbidden.

    What nobody reads again cannot be trusted for long. Who wants to keep them imports the files by command.
    """
    require_lead(by)
    _forget_files(source.items.exclude(file=""))
    count = delete_articles(articles=list(source.articles.only("pk")), by=by)
    source.delete()
    return count


def add_files(*, source: Source, files: Iterable[tuple[str, bytes]], by: Actor) -> int:
    """Keeps files (name, content) for a source, instead of those of the same names, and has them read.

    Stores the contents first, outside of any transaction. Raises Forbidden, Invalid for names that end like
    nothing we read or a source of another kind, TooLarge.
    """
    require_lead(by)
    if source.kind != SourceKind.FILES:
        raise Invalid(_("Files can only be added to a source of files."), field="files")
    given = [(checked_name(name, len(content)), content) for name, content in files]
    if source.items.count() + len(given) > MAX_FILES:
        raise Invalid(_("A source has at most %d files.") % MAX_FILES, field="files")
    for name, content in given:
        _keep(source, name, content)
    with transaction.atomic():
        if given:
            _start(_locked(source))
    return len(given)


def checked_name(name: str, size: int) -> str:
    """Returns a file's name without its folders.

    Raises Invalid where it ends like nothing we read, TooLarge for more bytes than are read.
    """
    plain = storable(name.replace("\\", "/").rpartition("/")[2]).strip()
    suffix = f".{plain.rpartition('.')[2].lower()}"
    if suffix not in SUFFIXES or len(plain) > LONGEST_NAME:
        told = _("%(name)s cannot be read: it is none of %(kinds)s.")
        raise Invalid(told % {"name": plain[:100], "kinds": KNOWN}, field="files")
    if size > MAX_TABLE_BYTES:
        raise TooLarge(field="files")
    return plain


def _keep(source: Source, name: str, content: bytes) -> None:
    """Stores a file and then its row; a row without its file would be the worse half."""
    stored = SourceItem(source=source, name=name, size=len(content))
    stored.file.save(uuid.uuid4().hex, ContentFile(content), save=False)
    try:
        with transaction.atomic():
            old = SourceItem.objects.select_for_update().filter(source=source, name=name).first()
            if old is None:
                stored.save()
            else:
                _delete_after(old)
                old.file, old.size = stored.file.name, stored.size
                old.save(update_fields=["file", "size"])
    except BaseException:
        stored.file.delete(save=False)
        raise


@transaction.atomic
def remove_items(*, items: Sequence[SourceItem], by: Actor) -> int:
    """Removes files from their sources, and what was made of them as each source has it; returns how many.

    Raises Forbidden, and Invalid for pages: those a site removes itself.
    """
    require_lead(by)
    if any(not item.file for item in items):
        raise Invalid(_("Only files can be removed; pages go when their site removes them."))
    for item in items:
        retire(item.source, item_articles(item).filter(status=ArticleStatus.PUBLISHED), by=by)
    rows = SourceItem.objects.filter(pk__in=[item.pk for item in items])
    _forget_files(rows)
    return rows.delete()[0]


def _forget_files(items: QuerySet[SourceItem]) -> None:
    """Has the contents removed once the rows are gone."""
    for item in items:
        _delete_after(item)


def _delete_after(item: SourceItem) -> None:
    transaction.on_commit(partial(item.file.storage.delete, str(item.file.name)), robust=True)


def item_articles(item: SourceItem) -> QuerySet[Article]:
    """Returns the articles made of a page or file: one, or the rows of a table."""
    made = Q(source_key=item.key) | Q(source_key__startswith=f"{item.key}#")
    return Article.objects.filter(made, origin=item.source_id)


def missing(source: Source) -> QuerySet[Article]:
    """Returns the articles that answer still and were not met by the last reading of their source."""
    answering = source.articles.filter(status=ArticleStatus.PUBLISHED)
    return answering.exclude(origin_sync=source.sync)


def retire(source: Source, articles: QuerySet[Article], *, by: Actor) -> int:
    """Takes articles whose page is gone out of every answer, as their source has it; returns how many."""
    if source.when_gone == WhenGone.DELETE:
        return delete_articles(articles=list(articles.only("pk")), by=by)
    return articles.update(status=ArticleStatus.ARCHIVED, gone_at=timezone.now())


def _locked(source: Source) -> Source:
    row = Source.objects.select_for_update().filter(pk=source.pk).first()
    if row is None:
        raise NotFound
    return row


def plan_due() -> None:
    """Has every source read whose time has come, and those that may have lost their job; a periodic job."""
    now = timezone.now()
    for source in Source.objects.filter(due_at__lte=now).exclude(status__in=SourceStatus.busy()):
        with transaction.atomic():
            _start(source)
    for pk in Source.objects.filter(status__in=SourceStatus.busy()).values_list("pk", flat=True):
        plan_reading(pk)
