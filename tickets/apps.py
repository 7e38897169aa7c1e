"""How Django finds the tickets."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketsConfig(AppConfig):
    """The app with tickets and their history."""

    name = "tickets"
    verbose_name = _("Tickets")

    def ready(self) -> None:
        """Connects the receivers."""
        from tickets import receivers  # noqa: F401  # deferred: app ready
