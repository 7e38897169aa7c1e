"""The widget's app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebConfig(AppConfig):
    """Tells Django about the app."""

    name = "integrations.web"
    label = "web"
    verbose_name = _("Chat widget")
