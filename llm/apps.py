"""The app, and the finding of tools."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from llm import embedding  # noqa: F401 (limits numpy's threads before a model field loads numpy)


class LlmConfig(AppConfig):
    """Imports `tools.py` of every installed app, so that the registry is complete before anything runs."""

    name = "llm"
    verbose_name = _("Models")

    def ready(self) -> None:
        """Fills the tool registry and registers the checks."""
        from llm import checks  # noqa: F401  # deferred: app ready

        autodiscover_modules("tools")
