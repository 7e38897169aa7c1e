"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Tells Django about the app."""

    name = "accounts"
    verbose_name = _("People and keys")

    def ready(self) -> None:
        """Registers the checks."""
        from accounts import checks  # noqa: F401  # deferred: app ready
