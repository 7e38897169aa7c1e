"""Words of the ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    """How a call to a provider ended."""

    OK = "ok", _("answered")
    ERROR = "error", _("failed")
    TIMEOUT = "timeout", _("too slow")
    CUT = "cut", _("broke off")
    CANCELLED = "cancelled", _("stopped by us")
