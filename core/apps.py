"""The core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Tells Django about the app."""

    name = "core"
