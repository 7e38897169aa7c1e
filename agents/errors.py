"""Refusals of the agents that callers tell apart by their code."""

from django.utils.translation import gettext_noop

from core.errors import Conflict


class HasAnswered(Conflict):
    """This AI agent has answered customers, and what it did stays known. Switch it off instead."""

    code = "has_answered"


# The default messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop("This AI agent has answered customers, and what it did stays known. Switch it off instead."),
)
