"""Roles and scopes."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member of staff is for. An admin sees and sets everything."""

    OPERATOR = "operator", _("Operator")
    LEAD = "lead", _("Team lead")
    ADMIN = "admin", _("Administrator")


class Scope(models.TextChoices):
    """What an API key may do. A key without any scope may read only."""

    READ = "read", _("Read")
    WRITE = "write", _("Write")
    ADMIN = "admin", _("Administer")
