"""`manage.py load_demo`: a shop to try everything with."""

from typing import Any

from django.core.management import BaseCommand

from helpdesk.demo import load


class Command(BaseCommand):
    """Loads teams, logins, an inbox, an agent, the help centre and a few conversations. Safe to repeat.

    The logins have well-known passwords: for a machine that only you can reach.
    """

    help = "Loads the demonstration shop."

    def handle(self, **_options: Any) -> None:
        """Loads what is not there yet."""
        load()
