"""The agents app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgentsConfig(AppConfig):
    """Tells Django about the app."""

    name = "agents"
    verbose_name = _("AI agents")

    def ready(self) -> None:
        """Connects the receivers and registers the answerer that needs no key."""
        from agents import receivers  # noqa: F401  # deferred: app ready
        from agents.builtin import QuotingModel  # deferred: app ready
        from llm.local import register_local_model  # deferred: app ready

        register_local_model("quote", QuotingModel())
