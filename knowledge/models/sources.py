"""Where articles are brought in from, again and again, and how each page and file of it stands."""

import secrets
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from core.actor import Actor
from knowledge.enums import Audience, ItemStatus, Language, SourceKind, SourceStatus, WhenGone
from knowledge.models.articles import Category

MOST_HOURS = 24 * 90


class SourceQuerySet(models.QuerySet["Source"]):
    """The one door to sources for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: whoever decides what is known sees all of it."""
        return self if actor.is_staff and (actor.is_admin or actor.leads) else self.none()


class Source(models.Model):
    """A website, files, a text or questions and answers that are kept as articles.

    `sync` counts its readings; each page or file bears the number of the last one that met it. `done` of
    `total` pages and files have been looked at in this one; the counts say what came of them.
    """

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=9, choices=SourceKind)
    address = models.URLField(
        _("address"),
        max_length=400,
        blank=True,
        help_text=_("Where to begin: this page, and those below it. Or the address of a sitemap."),
    )
    text = models.TextField(_("text"), blank=True)
    team = models.ForeignKey(
        Team, models.SET_NULL, related_name="+", verbose_name=_("team"), null=True, blank=True
    )
    language = models.CharField(
        _("language"),
        max_length=2,
        choices=Language,
        blank=True,
        help_text=_("Of what names none itself. Empty: told from the words."),
    )
    category = models.ForeignKey(
        Category, models.SET_NULL, related_name="+", verbose_name=_("category"), null=True, blank=True
    )
    audience = models.CharField(_("for"), max_length=10, choices=Audience, default=Audience.PUBLIC)
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    hours = models.PositiveSmallIntegerField(
        _("hours between readings"),
        null=True,
        blank=True,
        help_text=_("Empty: it is read only when somebody says so."),
    )
    when_gone = models.CharField(
        _("when a page is gone"), max_length=7, choices=WhenGone, default=WhenGone.ARCHIVE
    )
    status = models.CharField(_("state"), max_length=7, choices=SourceStatus, default=SourceStatus.NEW)
    # Reasons as of `core.reasons`.
    error = models.CharField(_("error"), max_length=500, blank=True)
    sync = models.PositiveIntegerField(default=0, editable=False)
    done = models.PositiveIntegerField(_("looked at"), default=0)
    total = models.PositiveIntegerField(_("pages and files"), default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    gone = models.PositiveIntegerField(_("gone"), default=0)
    rejected = models.PositiveIntegerField(_("not read"), default=0)
    # Articles that seem gone, but too many at once to believe it: somebody has to say so.
    held = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(_("began"), null=True, blank=True)
    finished_at = models.DateTimeField(_("last read"), null=True, blank=True)
    due_at = models.DateTimeField(_("next reading"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Source"]] = SourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("name",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=SourceKind.values), name="source_kind_known"),
            models.CheckConstraint(condition=Q(status__in=SourceStatus.values), name="source_status_known"),
            models.CheckConstraint(condition=Q(audience__in=Audience.values), name="source_audience_known"),
            models.CheckConstraint(condition=Q(when_gone__in=WhenGone.values), name="source_when_gone_known"),
            models.CheckConstraint(
                condition=~Q(kind="website") | ~Q(address=""),
                name="source_website_has_address",
                violation_error_message=_("A website needs its address."),
            ),
            models.CheckConstraint(
                condition=Q(hours=None) | Q(hours__gte=1, hours__lte=MOST_HOURS),
                name="source_hours_in_range",
                violation_error_message=_("Between an hour and ninety days, please."),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="source_due", condition=~Q(due_at=None)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_busy(self) -> bool:
        """True while a job has it, or will."""
        return self.status in SourceStatus.busy()

    @property
    def prefix(self) -> str:
        """What the keys of all its articles begin with."""
        return f"source:{self.pk}:"


def item_path(item: "SourceItem", name: str) -> str:
    """Stores each content under random names only: the file's own name never becomes a path."""
    del item, name
    return f"sources/{secrets.token_hex(16)}"


class SourceItem(models.Model):
    """One page or file of a source. It is also the reading's list of work: what waits is not read yet.

    `sync` is the number of the last reading that met it; `etag` and `modified` are what its server called the
    state that was read, so that an unchanged page costs a header. `depth`: how many links it is away from the
    start; none for what is not followed any further.
    """

    source = models.ForeignKey(Source, models.CASCADE, related_name="items", verbose_name=_("source"))
    name = models.CharField(_("page or file"), max_length=450)
    file = models.FileField(_("file"), upload_to=item_path, blank=True)
    size = models.PositiveIntegerField(_("size"), default=0)
    depth = models.PositiveSmallIntegerField(null=True, blank=True)
    etag = models.CharField(max_length=300, blank=True)
    modified = models.CharField(max_length=100, blank=True)
    status = models.CharField(_("state"), max_length=9, choices=ItemStatus, default=ItemStatus.WAITING)
    # A reason as of `core.reasons`.
    reason = models.CharField(_("why"), max_length=500, blank=True)
    sync = models.PositiveIntegerField(default=0)
    checked_at = models.DateTimeField(_("looked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("page or file of a source")
        verbose_name_plural = _("pages and files of sources")
        ordering = ("source", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "name"], name="sourceitem_name_once"),
            models.CheckConstraint(condition=Q(status__in=ItemStatus.values), name="sourceitem_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["source", "sync", "status"], name="sourceitem_work"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """What the keys of the articles made of it are, or begin with."""
        return f"source:{self.source_id}:{self.name}"
