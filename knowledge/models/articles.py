"""Articles, their categories, and the passages they are found by."""

import hashlib
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from accounts.models import Team
from core.actor import Actor
from knowledge.enums import ArticleStatus, Audience, Language
from knowledge.languages import language_code
from knowledge.text import title_key
from llm.embedding import DIMENSIONS


class Category(models.Model):
    """What articles are about, as the help centre sorts them; one for all languages."""

    slug = models.SlugField(
        _("short name"), max_length=40, unique=True, help_text=_("In addresses and imported files: delivery")
    )
    name_en = models.CharField(_("name in English"), max_length=60, blank=True)
    name_pt = models.CharField(_("name in Portuguese"), max_length=60, blank=True)
    name_es = models.CharField(_("name in Spanish"), max_length=60, blank=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=100, help_text=_("The smaller the earlier.")
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("position", "slug")

    def __str__(self) -> str:
        return self.name_in(language_code(get_language()) or Language.EN)

    def get_absolute_url(self) -> str:
        """The path of its page."""
        return reverse("knowledge:category", args=[self.slug])

    def name_in(self, language: str) -> str:
        """Returns its name in a language; where it has none there, one in another, or its short name."""
        names = [getattr(self, f"name_{code}") for code in (language, *Language.values)]
        return next(filter(None, names), self.slug.replace("-", " ").capitalize())


class ArticleQuerySet(models.QuerySet["Article"]):
    """The one door to articles for an actor."""

    def current(self) -> Self:
        """Narrows to what holds now: published, and within its dates."""
        now = timezone.now()
        began = Q(valid_from=None) | Q(valid_from__lte=now)
        return self.filter(
            began, Q(valid_until=None) | Q(valid_until__gt=now), status=ArticleStatus.PUBLISHED
        )

    def public(self) -> Self:
        """Narrows to what anybody may read now."""
        return self.current().filter(audience=Audience.PUBLIC)

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: staff everything, anybody else what anybody may read."""
        return self if actor.is_staff else self.public()

    def stale(self) -> Self:
        """Narrows to those whose passages do not show their present text."""
        return self.exclude(indexed_checksum=F("checksum"))


class Article(models.Model):
    """Something we know, in Markdown. What follows from title and body is set by `prepare`."""

    title = models.CharField(_("title"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=80, editable=False)
    body = models.TextField(_("text"), blank=True, help_text=_("Markdown."))
    language = models.CharField(_("language"), max_length=2, choices=Language)
    team = models.ForeignKey(
        Team, models.SET_NULL, related_name="articles", verbose_name=_("team"), null=True, blank=True
    )
    category = models.ForeignKey(
        Category,
        models.SET_NULL,
        related_name="articles",
        verbose_name=_("category"),
        null=True,
        blank=True,
    )
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=ArticleStatus, default=ArticleStatus.DRAFT)
    audience = models.CharField(
        _("for"),
        max_length=10,
        choices=Audience,
        default=Audience.PUBLIC,
        help_text=_("Nobody else is answered from it, and only what is for everybody has a page."),
    )
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_until = models.DateTimeField(
        _("valid until"), null=True, blank=True, help_text=_("From then on nobody is answered from it.")
    )
    source_url = models.URLField(
        _("source"),
        max_length=500,
        blank=True,
        help_text=_("Where customers are sent instead of our own page."),
    )
    # Where it was imported from, so that the next import updates it. NULL if nowhere: NULLs do not collide.
    source_key = models.CharField(
        _("imported from"), max_length=500, unique=True, null=True, blank=True, editable=False
    )
    source_checksum = models.CharField(max_length=64, blank=True, editable=False)
    # The source that keeps it, the last of its readings that met it, and since when it is gone from there.
    # It goes with its source: nobody would notice any more when it stops being true.
    origin = models.ForeignKey(
        "knowledge.Source",
        models.CASCADE,
        related_name="articles",
        verbose_name=_("kept by"),
        null=True,
        blank=True,
        editable=False,
    )
    origin_sync = models.PositiveIntegerField(default=0, editable=False)
    gone_at = models.DateTimeField(_("gone from there"), null=True, blank=True, editable=False)
    # The title as questions are compared with it, and fingerprints of title and body: now, and as indexed.
    title_key = models.CharField(max_length=300, editable=False)
    checksum = models.CharField(max_length=64, editable=False)
    indexed_checksum = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ArticleQuerySet.as_manager()

    # Jobs write these, and that is no other article.
    unversioned = ("indexed_checksum", "origin_sync")

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ("language", "title")
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="article_title_not_empty"),
            models.CheckConstraint(condition=~Q(source_key=""), name="article_source_key_not_empty"),
            models.CheckConstraint(condition=Q(language__in=Language.values), name="article_language_known"),
            models.CheckConstraint(condition=Q(status__in=ArticleStatus.values), name="article_status_known"),
            models.CheckConstraint(condition=Q(audience__in=Audience.values), name="article_audience_known"),
            models.CheckConstraint(
                condition=Q(valid_from=None) | Q(valid_until=None) | Q(valid_from__lt=F("valid_until")),
                name="article_valid_in_order",
                violation_error_message=_("It must begin to be valid before it ends."),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["title_key"], name="article_title_key"),
            models.Index(
                fields=["language", "title"], name="article_listed", condition=Q(status="published")
            ),
            # Small while most is for everybody: search leaves out what it may not find by looking here.
            models.Index(
                fields=["id"],
                name="article_restricted",
                condition=~Q(status="published", audience="public", valid_from=None, valid_until=None),
            ),
            GinIndex(OpClass("title", name="gin_trgm_ops"), name="article_title_words"),
            models.Index(fields=["id"], name="article_stale", condition=~Q(indexed_checksum=F("checksum"))),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The path of our own page of the article."""
        return reverse("knowledge:article", args=[self.pk, self.slug])

    @property
    def is_searchable(self) -> bool:
        """True when its passages show its present text."""
        return self.checksum == self.indexed_checksum

    @property
    def public_url(self) -> str:
        """The address customers are given: where it came from, else our own page; absolute either way.

        Empty where there is neither: what is not for everybody has no page of its own.
        """
        own = self.get_absolute_url() if self.audience == Audience.PUBLIC else ""
        return self.source_url or (own and f"{settings.PUBLIC_URL}{own}")

    def prepare(self) -> None:
        """Sets the slug, the title as it is compared and the fingerprint from title and body."""
        self.slug = slugify(self.title)[:80].strip("-") or "article"
        self.title_key = title_key(self.title)
        self.checksum = hashlib.sha256(f"{self.title}\0{self.body}".encode()).hexdigest()


class Chunk(models.Model):
    """A passage of an article: the plain text that is quoted and the vector it is found by.

    Position 0 is the opening; a short article has no other. Chunks are replaced together, so they always
    show one state of their article, which may be one edit old until the job has run.
    """

    article = models.ForeignKey(Article, models.CASCADE, related_name="chunks", verbose_name=_("article"))
    position = models.PositiveSmallIntegerField(_("position"))
    heading = models.CharField(_("heading"), max_length=300, blank=True)
    text = models.TextField(_("text"), blank=True)
    # Half precision: half the memory a search reads, and no difference in what it finds.
    vector: Any = HalfVectorField(_("vector"), dimensions=DIMENSIONS, editable=False)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        ordering = ("article", "position")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["article", "position"], name="chunk_position_unique"),
        ]
        indexes: ClassVar = [
            HnswIndex(
                fields=["vector"],
                name="chunk_nearest",
                m=16,
                ef_construction=64,
                opclasses=["halfvec_ip_ops"],
            ),
            # Codes are found as they are written.
            GinIndex(
                OpClass("text", name="gin_trgm_ops"),
                OpClass("heading", name="gin_trgm_ops"),
                name="chunk_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.article_id}.{self.position} {self.heading}".strip()
