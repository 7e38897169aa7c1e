"""The reading of one source: page by page, file by file, each stored for good before the next.

What is to be read are rows (`SourceItem`), and what came of one is written with its articles in one
transaction. So a reading that was killed goes on behind the last page that counts, with the same number, and
its figures stay right.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from core.crash_points import crash_point
from core.outages import is_outage
from core.reasons import in_english, reason
from knowledge.actions.articles import index_articles
from knowledge.actions.settling import READ, Stopped, current, finish
from knowledge.actions.sources import item_articles
from knowledge.actions.storing import BATCH, ImportReport, Options, Storing
from knowledge.documents import Document, Rejected
from knowledge.enums import ItemStatus, SourceKind, SourceStatus
from knowledge.models import Article, Source, SourceItem
from knowledge.reading import visit_file, visit_text
from knowledge.websites import SiteUnreadable, Visit, Website

logger = logging.getLogger(__name__)
OURS = reason("An error of ours; the server's log has it")
# Pages or files in one step, and the seconds after which it ends anyway: then their passages are made.
STEP, STEP_SECONDS = 16, 15.0
MAX_DEPTH = 10
MAX_BYTES = 1024 * 1024 * 1024
# So many pages in a row that fail for what may pass: the site is away.
PATIENCE = 8


class Syncing:
    """Reads one source; call `go_on` until it returns False. Network and parsing are outside transactions."""

    def __init__(self, source_id: int, sleep: Callable[[float], None] = time.sleep) -> None:
        """Takes how to wait, which is replaced in tests only."""
        self.source_id = source_id
        self._sleep = sleep
        self._site: Website | None = None
        self._failures = 0

    def go_on(self) -> bool:
        """Does the next step; returns whether there are more. What cannot be read ends it, and says why.

        An outage of the database or of the place of files does not: it is raised, and the next job goes on.
        """
        source = _begun(self.source_id)
        if source is None:
            return False
        try:
            return self._step(source)
        except Stopped:
            logger.info("the reading of source %s was stopped", source.pk)
        except SiteUnreadable as error:
            finish(source, error=str(error))
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("source %s cannot be read", source.pk)
            finish(source, error=OURS)
        # What was stored before it ended is to be found all the same.
        index_articles(article_ids=list(_stale(source)))
        return False

    def _step(self, source: Source) -> bool:
        if not source.items.filter(sync=source.sync).exists():
            self._open(source)
        waiting = source.items.filter(sync=source.sync, status=ItemStatus.WAITING)
        if batch := list(waiting.order_by("depth", "pk")[:STEP]):
            index_articles(article_ids=self._read(source, batch))
            return True
        if source.kind == SourceKind.WEBSITE and _ask_for_known(source):
            return True
        if stale := list(_stale(source)):
            index_articles(article_ids=stale)
        finish(source)
        return False

    def _open(self, source: Source) -> None:
        """Writes down what there is to read."""
        if source.kind == SourceKind.WEBSITE:
            site = self._website(source)
            named = site.named()
            with transaction.atomic():
                if site.names_itself:
                    # Where a sitemap names the pages, the start is read for itself and not for its links.
                    _note(source, [site.start], depth=None if named else 0)
                _note(source, named, depth=None)
        elif source.kind == SourceKind.FILES:
            source.items.exclude(file="").update(sync=source.sync, status=ItemStatus.WAITING, reason="")
        else:
            _note(source, [source.kind], depth=None)
        _count(source)

    def _website(self, source: Source) -> Website:
        if self._site is None:
            site = Website(source.address)
            site.open()
            self._site = site
        return self._site

    def _read(self, source: Source, batch: Sequence[SourceItem]) -> list[int]:
        """Reads and stores some pages or files; returns the articles made of them."""
        ends_at = time.monotonic() + STEP_SECONDS
        stored: list[int] = []
        for item in batch:
            visit = self._visit(source, item)
            stored += _stored(source, item, visit)
            crash_point("knowledge.item_stored")
            self._failures = self._failures + 1 if visit.is_outage else 0
            if self._failures >= PATIENCE:
                raise SiteUnreadable(reason("the site has stopped answering: %s", visit.reason))
            if time.monotonic() > ends_at:
                break
        return stored

    def _visit(self, source: Source, item: SourceItem) -> Visit:
        try:
            if source.kind == SourceKind.FILES:
                return visit_file(item)
            if source.kind != SourceKind.WEBSITE:
                return visit_text(source, item)
            site = self._website(source)
            self._sleep(site.pause)
            return site.visit(item.name, key=item.key, etag=item.etag, modified=item.modified)
        except Exception as error:
            if isinstance(error, SiteUnreadable) or is_outage(error):
                raise
            logger.exception("%s of source %s cannot be read", item.name, source.pk)
            return Visit(ItemStatus.FAILED, OURS)


@transaction.atomic
def _begun(source_id: int) -> Source | None:
    """Returns the source if it is to be read; the first time, with a number and figures anew."""
    busy = Source.objects.select_for_update(of=("self",)).filter(status__in=SourceStatus.busy())
    source = busy.filter(pk=source_id).select_related("team", "category").first()
    if source is not None and source.status == SourceStatus.WAITING:
        source.status, source.started_at, source.error = SourceStatus.READING, timezone.now(), ""
        source.sync += 1
        source.created = source.updated = source.unchanged = source.gone = source.rejected = source.held = 0
        source.done = source.total = 0
        source.save()
    return source


@transaction.atomic
def _note(source: Source, names: Iterable[str], *, depth: int | None) -> None:
    """Writes down pages to be read, unless this reading has them already or has enough."""
    current(source)
    wanted = list(dict.fromkeys(names))
    known = source.items.filter(name__in=wanted)
    known.exclude(sync=source.sync).update(
        sync=source.sync, status=ItemStatus.WAITING, depth=depth, reason=""
    )
    there = set(known.values_list("name", flat=True))
    room = settings.KNOWLEDGE_SOURCE_PAGES - source.items.filter(sync=source.sync).count()
    new = [name for name in wanted if name not in there][: max(room, 0)]
    SourceItem.objects.bulk_create(
        (SourceItem(source=source, name=name, sync=source.sync, depth=depth) for name in new),
        ignore_conflicts=True,
    )


def _ask_for_known(source: Source) -> int:
    """Has the pages asked for themselves that were read once and that nothing leads to any more.

    A page is gone when its site says so, not when a link to it is.
    """
    known = source.items.exclude(sync=source.sync).filter(status__in=(*READ, ItemStatus.FAILED))
    count = known.update(sync=source.sync, status=ItemStatus.WAITING, depth=None, reason="")
    if count:
        _count(source)
    return count


def _stored(source: Source, item: SourceItem, visit: Visit) -> list[int]:
    """Writes down what came of one page or file: its articles, its state, where it leads."""
    documents = [found for found in visit.documents if isinstance(found, Document)]
    rejected = [found for found in visit.documents if isinstance(found, Rejected)]
    stored: list[int] = []
    for start in range(0, len(documents), BATCH):
        stored += _store_some(source, documents[start : start + BATCH])
    if rejected and not documents and visit.status == ItemStatus.READ:
        visit = replace(visit, status=ItemStatus.FAILED, reason=rejected[0].reason, etag="", modified="")
    elif rejected:
        visit = replace(visit, reason=_summed(rejected), etag="", modified="")
    _close(source, item, _told_where_it_ends(source, item, visit), rejected)
    if visit.instead:
        _note(source, [visit.instead], depth=item.depth)
    if item.depth is not None and item.depth < MAX_DEPTH:
        _note(source, visit.links, depth=item.depth + 1)
    _count(source)
    return stored


def _told_where_it_ends(source: Source, item: SourceItem, visit: Visit) -> Visit:
    """Returns what came of a page, with a word about links that are too far from the start to be followed."""
    if item.depth is None or item.depth < MAX_DEPTH or visit.reason:
        return visit
    known = source.items.filter(sync=source.sync, name__in=visit.links).count()
    if known == len(visit.links):
        return visit
    return replace(
        visit, reason=reason("its links are not followed: it is %d links from the start", item.depth)
    )


def _summed(rejected: Sequence[Rejected]) -> str:
    first = rejected[0]
    return f"{len(rejected)} × {first.name}: {in_english(first.reason)}"[:500]


@transaction.atomic
def _store_some(source: Source, documents: Sequence[Document]) -> list[int]:
    current(source)
    report = ImportReport()
    options = Options(
        language=source.language,
        team=source.team,
        audience=source.audience,
        category=source.category,
        tags=tuple(source.tags),
        origin=source,
    )
    stored = Storing(report, options).store(documents)
    Source.objects.filter(pk=source.pk).update(
        created=F("created") + report.created,
        updated=F("updated") + report.updated,
        unchanged=F("unchanged") + report.unchanged,
    )
    return stored


@transaction.atomic
def _close(source: Source, item: SourceItem, visit: Visit, rejected: Sequence[Rejected]) -> None:
    """Marks a page or file as looked at. What failed or did not change is not gone: it keeps its articles."""
    current(source)
    kept = item_articles(item)
    keys = {found.key for found in rejected}
    unread = Article.objects.filter(origin=source, source_key__in=keys)
    if visit.status == ItemStatus.UNCHANGED:
        count = kept.exclude(origin_sync=source.sync).update(origin_sync=source.sync)
        Source.objects.filter(pk=source.pk).update(unchanged=F("unchanged") + count)
    elif visit.status == ItemStatus.FAILED or item.key in keys:
        kept.update(origin_sync=source.sync)
    unread.update(origin_sync=source.sync)
    failed = len(rejected) or visit.status == ItemStatus.FAILED
    Source.objects.filter(pk=source.pk).update(rejected=F("rejected") + int(failed))
    item.status, item.reason, item.checked_at = visit.status, visit.reason[:500], timezone.now()
    item.etag, item.modified, item.size = visit.etag, visit.modified, visit.size or item.size
    item.save(update_fields=["status", "reason", "checked_at", "etag", "modified", "size"])


def _count(source: Source) -> None:
    """Writes down how far the reading is."""
    figures = source.items.filter(sync=source.sync).aggregate(
        total=Count("pk"), waiting=Count("pk", filter=Q(status=ItemStatus.WAITING)), size=Sum("size")
    )
    done = figures["total"] - figures["waiting"]
    Source.objects.filter(pk=source.pk, sync=source.sync).update(total=figures["total"], done=done)
    if (figures["size"] or 0) > MAX_BYTES:
        raise SiteUnreadable(reason("it holds more than %d MB", MAX_BYTES // 1024**2))


def _stale(source: Source) -> Iterable[int]:
    """Returns the articles that a reading which was killed has stored, and whose passages it has not made."""
    mine = Article.objects.filter(origin=source, origin_sync=source.sync).stale()
    return mine.values_list("pk", flat=True)
