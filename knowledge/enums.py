"""Languages and states of articles."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Language(models.TextChoices):
    """The languages articles are written in. Search crosses them: each can answer questions in the others."""

    PT = "pt", _("Portuguese")
    EN = "en", _("English")
    ES = "es", _("Spanish")


class ArticleStatus(models.TextChoices):
    """Only what is published is found or shown."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    ARCHIVED = "archived", _("Archived")
