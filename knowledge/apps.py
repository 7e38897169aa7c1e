"""The app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    """What we know and how it is found."""

    name = "knowledge"
    verbose_name = _("Knowledge")
