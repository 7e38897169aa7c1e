"""How Django finds the API."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The HTTP contract; it has no tables."""

    name = "api"
