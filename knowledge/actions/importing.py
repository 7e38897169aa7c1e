"""Articles brought in from folders, files and web pages, again and again without doubles."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from accounts.models import Team
from core.actor import Actor
from knowledge.actions.articles import delete_articles, index_articles, require_staff
from knowledge.actions.storing import BATCH, ImportReport, Options, Storing
from knowledge.documents import Document, Rejected
from knowledge.models import Article, Category
from knowledge.sources import Origin, from_folder

DEMO = Path(__file__).resolve().parent.parent / "demo"
DEMO_CATEGORIES = DEMO.with_name("demo_categories.json")
Progress = Callable[[int, int], None]


def import_source(
    *,
    source: Origin,
    by: Actor,
    language: str = "",
    team: Team | None = None,
    prune: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Makes articles of everything in a source and embeds what is new or changed, here and now.

    A document is known by its key, so that importing twice makes nothing twice; where neither it nor the
    options have changed since the last import the article is left alone, edits by hand included. New articles
    are published; the status of old ones is kept. What cannot be read is skipped and reported. Articles
    whose documents are gone are reported, and deleted with `prune`. `language` and `team` stand in for
    documents that name none; a language that is named nowhere is detected. Calls `progress(done, all)` after
    each file. Stores in batches, so that an import that is stopped can be repeated.
    """
    require_staff(by)
    report = ImportReport()
    seen: set[str] = set()
    work = Storing(report, Options(language, team))
    documents = _documents(source, report, seen, progress)
    while batch := list(islice(documents, BATCH)):
        # All of the batch, not only what changed: an import that was killed in between is finished here.
        index_articles(article_ids=work.store(batch))
    _settle_missing(source, report, seen, prune=prune, by=by)
    return report


def import_demo(*, by: Actor | None = None) -> ImportReport:
    """Imports the help centre of the demo shop; a second time changes nothing and takes no time."""
    for position, (slug, names) in enumerate(json.loads(DEMO_CATEGORIES.read_text("utf-8")).items()):
        Category.objects.get_or_create(slug=slug, defaults={**names, "position": position})
    return import_source(source=from_folder(DEMO, prefix="demo:"), by=by or Actor.system())


def _documents(
    source: Origin, report: ImportReport, seen: set[str], progress: Progress | None
) -> Iterator[Document]:
    """Reads file by file, and notes every key: what is broken now is not gone."""
    for number, item in enumerate(source.items, start=1):
        for found in item.read():
            seen.add(found.key)
            if isinstance(found, Rejected):
                report.rejected.append(found)
            else:
                yield found
        if progress:
            progress(number, len(source.items))


def _settle_missing(source: Origin, report: ImportReport, seen: set[str], *, prune: bool, by: Actor) -> None:
    """Finds articles that an earlier import of the same source made and this one has not met."""
    earlier = Article.objects.filter(source_key__startswith=source.prefix).only("pk", "title", "source_key")
    # A table that cannot be read today still owns its rows of yesterday.
    broken = tuple(f"{rejected.key}#" for rejected in report.rejected)
    gone = [
        article
        for article in earlier
        if article.source_key not in seen and not (article.source_key or "").startswith(broken)
    ]
    report.missing = [article.title for article in gone]
    if prune and gone:
        report.pruned = delete_articles(articles=gone, by=by)
