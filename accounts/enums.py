"""Roles, scopes, languages."""

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# What a filter calls what is no team's or nobody's, and so no team is called.
NOBODYS = "none"


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


class Registering(models.TextChoices):
    """Who may become a user by themselves; the setting REGISTRATION."""

    OFF = "off", _("Nobody")
    INVITE = "invite", _("Who was invited")
    OPEN = "open", _("Whoever proves their e-mail address")


def language_choices() -> "list[tuple[str, str | Promise]]":
    """Returns our languages; asked for each time, so that another language needs no migration."""
    return list(settings.LANGUAGES)
