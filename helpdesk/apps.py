"""The app that holds commands and checks."""

from django.apps import AppConfig


class HelpdeskConfig(AppConfig):
    """Tells Django about the app."""

    name = "helpdesk"
