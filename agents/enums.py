"""Closed sets of the agent runtime."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunStatus(models.TextChoices):
    """How a run ended, or that it has not."""

    RUNNING = "running", _("Running")
    ANSWERED = "answered", _("Answered")
    HANDED_OVER = "handed_over", _("Handed over")
    CANCELLED = "cancelled", _("Stopped")
    SUPERSEDED = "superseded", _("Started over")
    FAILED = "failed", _("Failed")
