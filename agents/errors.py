"""Refusals of the agents that callers tell apart by their code."""

from django.utils.translation import gettext_noop

from core.errors import Conflict


class HasAnswered(Conflict):
    """This AI agent has answered customers, and what it did stays known. Switch it off instead."""

    code = "has_answered"


class NameTaken(Conflict):
    """There is an AI agent with this name already."""

    code = "name_taken"


# The default messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop("This AI agent has answered customers, and what it did stays known. Switch it off instead."),
    gettext_noop("There is an AI agent with this name already."),
)
