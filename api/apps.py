"""How Django finds the API."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """The HTTP contract, and the webhooks that are its other half."""

    name = "api"
    verbose_name = _("API")
