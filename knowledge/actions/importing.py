"""Articles brought in from folders, files and web pages, again and again without doubles."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils.text import slugify

from accounts.models import Team
from core.actor import Actor
from knowledge.actions.articles import delete_articles, index_articles, require_staff, store
from knowledge.documents import Document, Rejected
from knowledge.enums import ArticleStatus
from knowledge.languages import detect, language_code, language_or_default
from knowledge.models import Article, Category
from knowledge.sources import Source, from_folder

DEMO = Path(__file__).resolve().parent.parent / "demo"
DEMO_CATEGORIES = DEMO.with_name("demo_categories.json")
BATCH = 64  # documents stored in one transaction, then embedded together
Progress = Callable[[int, int], None]


@dataclass
class ImportReport:
    """What an import did. `missing` are titles of earlier imports whose source is gone."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    pruned: int = 0
    unknown_teams: set[str] = field(default_factory=set)

    @property
    def imported(self) -> int:
        """How many documents are articles now."""
        return self.created + self.updated + self.unchanged


def import_source(
    *,
    source: Source,
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
    work = _Import(report, language, team)
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
    source: Source, report: ImportReport, seen: set[str], progress: Progress | None
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


@dataclass
class _Import:
    """What all batches of one import share."""

    report: ImportReport
    language: str
    team: Team | None

    @transaction.atomic
    def store(self, documents: Sequence[Document]) -> list[int]:
        """Creates and updates the articles of a batch; returns the ids of all of them."""
        keys = [document.key for document in documents]
        known = {article.source_key: article for article in Article.objects.filter(source_key__in=keys)}
        teams = self._teams(document.team for document in documents)
        categories = _categories(document.category for document in documents)
        return [
            self._store_one(
                document,
                known.get(document.key),
                teams.get(document.team, self.team),
                categories.get(slugify(document.category)),
            )
            for document in documents
        ]

    def _store_one(
        self, document: Document, article: Article | None, team: Team | None, category: Category | None
    ) -> int:
        checksum = document.checksum(self.language, team.slug if team else "")
        # Compared with what was read last time, not with what the article says now: edits by hand survive.
        if article is not None and article.source_checksum == checksum:
            self.report.unchanged += 1
            return article.pk
        if article is None:
            article = Article(source_key=document.key, status=ArticleStatus.PUBLISHED)
            self.report.created += 1
        else:
            self.report.updated += 1
        article.title, article.body = document.title, document.body
        article.language = self._language_of(document)
        article.team, article.tags = team, list(document.tags)
        # What names none leaves in place what people have chosen.
        article.category = category or article.category
        article.source_url, article.source_checksum = document.url, checksum
        store(article)
        return article.pk

    def _language_of(self, document: Document) -> str:
        return (
            language_code(document.language)
            or language_code(self.language)
            or detect(f"{document.title}\n{document.body}")
            or language_or_default(None)
        )

    def _teams(self, slugs: Iterable[str]) -> dict[str, Team]:
        wanted = {slug for slug in slugs if slug}
        found = {team.slug: team for team in Team.objects.filter(slug__in=wanted)}
        self.report.unknown_teams |= wanted - found.keys()
        return found


def _categories(names: Iterable[str]) -> dict[str, Category]:
    """Returns the categories by their short names; those that are missing are made, to be named by people."""
    wanted = {slug for name in names if (slug := slugify(name)[:40].strip("-"))}
    Category.objects.bulk_create([Category(slug=slug) for slug in sorted(wanted)], ignore_conflicts=True)
    return {category.slug: category for category in Category.objects.filter(slug__in=wanted)}


def _settle_missing(source: Source, report: ImportReport, seen: set[str], *, prune: bool, by: Actor) -> None:
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
