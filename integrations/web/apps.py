"""The widget's app."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Tells Django about the app."""

    name = "integrations.web"
    label = "web"
