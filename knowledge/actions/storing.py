"""Documents made articles, batch by batch, without doubles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.text import slugify

from accounts.models import Team
from knowledge.actions.articles import store
from knowledge.documents import Document, Rejected
from knowledge.enums import ArticleStatus
from knowledge.languages import detect, language_code, language_or_default
from knowledge.models import Article, Category, Source

BATCH = 64  # documents stored in one transaction, then embedded together


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


@dataclass(frozen=True, slots=True)
class Options:
    """What stands in for what documents do not say, and which reading of which source brings them."""

    language: str = ""
    team: Team | None = None
    audience: str = ""
    category: Category | None = None
    tags: tuple[str, ...] = ()
    origin: Source | None = None

    def of(self, team: Team | None) -> tuple[str, ...]:
        """Returns them as part of a document's fingerprint; what is not set is no part of it."""
        more = (self.audience, self.category.slug if self.category else "", *self.tags)
        return (self.language, team.slug if team else "", *(more if any(more) else ()))


@dataclass
class Storing:
    """What all batches of one import share."""

    report: ImportReport
    options: Options

    @transaction.atomic
    def store(self, documents: Sequence[Document]) -> list[int]:
        """Creates and updates the articles of a batch; returns the ids of all of them."""
        keys = [document.key for document in documents]
        known = {article.source_key: article for article in Article.objects.filter(source_key__in=keys)}
        teams = self._teams(document.team for document in documents)
        categories = _categories(document.category for document in documents)
        stored = [
            self._store_one(
                document,
                known.get(document.key),
                teams.get(document.team, self.options.team),
                categories.get(slugify(document.category), self.options.category),
            )
            for document in documents
        ]
        if (origin := self.options.origin) is not None:
            # Not with the other columns: whoever edits an article by hand does not take these back.
            met = Article.objects.filter(pk__in=stored)
            met.update(origin=origin, origin_sync=origin.sync)
            met.exclude(gone_at=None).update(gone_at=None, status=ArticleStatus.PUBLISHED)
        return stored

    def _store_one(
        self, document: Document, article: Article | None, team: Team | None, category: Category | None
    ) -> int:
        checksum = document.checksum(*self.options.of(team))
        # Compared with what was read last time, not with what the article says now: edits by hand survive.
        if article is not None and article.source_checksum == checksum:
            self.report.unchanged += not self._is_counted(article)
            return article.pk
        if article is None:
            article = Article(source_key=document.key, status=ArticleStatus.PUBLISHED)
            self.report.created += 1
        else:
            self.report.updated += not self._is_counted(article)
        article.title, article.body = document.title, document.body
        article.language = self._language_of(document)
        article.team, article.tags = team, list(document.tags or self.options.tags)
        article.audience = self.options.audience or article.audience
        # What names none leaves in place what people have chosen.
        article.category = category or article.category
        article.source_url, article.source_checksum = document.url, checksum
        store(article)
        return article.pk

    def _is_counted(self, article: Article) -> bool:
        """True where this reading has met it before: it was killed there, and goes on."""
        origin = self.options.origin
        return origin is not None and (article.origin_id, article.origin_sync) == (origin.pk, origin.sync)

    def _language_of(self, document: Document) -> str:
        return (
            language_code(document.language)
            or language_code(self.options.language)
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
