"""The core app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class CoreConfig(AppConfig):
    """Tells Django about the app."""

    name = "core"

    def ready(self) -> None:
        """Looks after connections to the database."""
        from core.reading_times import read_times  # deferred: app ready

        connection_created.connect(read_times)
