"""Articles, and the passages they are found by."""

import hashlib
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import Team
from core.actor import Actor
from knowledge.enums import ArticleStatus, Language
from knowledge.text import title_key
from llm.embedding import DIMENSIONS


class ArticleQuerySet(models.QuerySet["Article"]):
    """The one door to articles for an actor."""

    def published(self) -> Self:
        """Narrows to what customers may read."""
        return self.filter(status=ArticleStatus.PUBLISHED)

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: staff everything, anybody else what is published."""
        return self if actor.is_staff else self.published()

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
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=ArticleStatus, default=ArticleStatus.DRAFT)
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
    # The title as questions are compared with it, and fingerprints of title and body: now, and as indexed.
    title_key = models.CharField(max_length=300, editable=False)
    checksum = models.CharField(max_length=64, editable=False)
    indexed_checksum = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ("language", "title")
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="article_title_not_empty"),
            models.CheckConstraint(condition=~Q(source_key=""), name="article_source_key_not_empty"),
            models.CheckConstraint(condition=Q(language__in=Language.values), name="article_language_known"),
            models.CheckConstraint(condition=Q(status__in=ArticleStatus.values), name="article_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["title_key"], name="article_title_key"),
            models.Index(
                fields=["language", "title"], name="article_listed", condition=Q(status="published")
            ),
            # Small while most is published: search leaves out what stands in it.
            models.Index(fields=["id"], name="article_hidden", condition=~Q(status="published")),
            models.Index(fields=["id"], name="article_stale", condition=~Q(indexed_checksum=F("checksum"))),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The path of our own page of the article."""
        return reverse("knowledge:article", args=[self.pk, self.slug])

    @property
    def public_url(self) -> str:
        """The address customers are given: where it came from, else our own page; absolute either way."""
        return self.source_url or f"{settings.PUBLIC_URL}{self.get_absolute_url()}"

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

    def __str__(self) -> str:
        return f"{self.article_id}.{self.position} {self.heading}".strip()
