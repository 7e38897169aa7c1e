"""Lists that people paste or upload, read in line by line."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.enums import UploadStatus
from campaigns.models.campaign import Campaign


class Upload(models.Model):
    """A list as it was given, and how far it has been read.

    `content` is UTF-8 text; once it has been read, JSON of what became of nobody (`lists.remains`): who else
    is named there would not be found when they want to be forgotten.
    `rows`: lines below the heading that say anything; `done`: those that have been looked at; `added`: those
    that became a recipient; `known`: those who were one already. The others are `BadRow`s.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="uploads")
    name = models.CharField(_("file"), max_length=200, blank=True)
    content = models.TextField()
    region = models.CharField(_("country"), max_length=2, blank=True)
    gives_consent = models.BooleanField(default=False)
    status = models.CharField(_("state"), max_length=7, choices=UploadStatus, default=UploadStatus.WAITING)
    error = models.CharField(_("error"), max_length=300, blank=True)
    columns: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("read"), default=0)
    added = models.PositiveIntegerField(_("added"), default=0)
    known = models.PositiveIntegerField(_("there already"), default=0)
    created_by = models.CharField(_("by"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("given"), auto_now_add=True)

    class Meta:
        verbose_name = _("list")
        verbose_name_plural = _("lists")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class BadRow(models.Model):
    """A line that became no recipient: kept as it was, with the reason. `line` as an editor counts."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="bad")
    line = models.PositiveIntegerField(_("line"))
    text = models.TextField(_("text"))
    # A reason as of `core.reasons`.
    reason = models.CharField(_("why"), max_length=300)

    class Meta:
        verbose_name = _("bad row")
        verbose_name_plural = _("bad rows")
        ordering = ("upload", "line")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["upload", "line"], name="badrow_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"
