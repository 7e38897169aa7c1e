"""Closed sets of the agent runtime."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class RunStatus(models.TextChoices):
    """How a run ended, or that it has not."""

    RUNNING = "running", _("Running")
    ANSWERED = "answered", _("Answered")
    HANDED_OVER = "handed_over", _("Handed over")
    CANCELLED = "cancelled", _("Stopped")
    SUPERSEDED = "superseded", _("Started over")
    FAILED = "failed", _("Failed")
    WAITING = "waiting", _("Waits for approval")


class Verdict(models.TextChoices):
    """What the policy said of a tool call. Only after the first two had the tool its effect."""

    ALLOWED = "allowed", _("Allowed")
    APPROVED = "approved", _("Approved by a person")
    ASKED = "asked", _("A person was asked")
    NOT_ALLOWED = "not_allowed", _("Not allowed to this agent")
    UNVERIFIED = "unverified", _("Identity not verified")
    CAPPED = "capped", _("Too often")
    REFUSED = "refused", _("Refused by a person")


class ApprovalStatus(models.TextChoices):
    """How far a call is that a person has to approve. Only pending ones can be decided."""

    PENDING = "pending", pgettext_lazy("approval", "Waiting")
    APPROVED = "approved", pgettext_lazy("approval", "Approved")
    REFUSED = "refused", pgettext_lazy("approval", "Refused")
    EXPIRED = "expired", pgettext_lazy("approval", "Nobody answered in time")
    CANCELLED = "cancelled", pgettext_lazy("approval", "No longer needed")


class Ground(models.TextChoices):
    """What a sentence of an answer rests on."""

    SUPPORTED = "supported", _("Supported")
    UNSUPPORTED = "unsupported", _("Left out: nothing supports it")
    NO_CLAIM = "no_claim", _("States nothing")


class BudgetScope(models.TextChoices):
    """Over what a budget counts, from the narrowest to the widest."""

    CALL = "call", _("One call of the model")
    RUN = "run", _("One answer")
    CONVERSATION = "conversation", _("One conversation")
    CONTACT_DAY = "contact_day", _("One customer in a day")
    MONTH = "month", _("The agent in a month")


class Reuse(models.TextChoices):
    """Whose question may be answered as another's was."""

    NEVER = "never", _("Nobody's: each is answered anew")
    STRANGERS = "strangers", _("Of customers whose identity is not verified")
    EVERYBODY = "everybody", _("Everybody's")


class SuggestionKind(models.TextChoices):
    """What was suggested to an operator."""

    REPLY = "reply", _("Reply")
    SUMMARY = "summary", _("Summary")


class SuggestionStatus(models.TextChoices):
    """What an operator made of a suggestion."""

    OFFERED = "offered", pgettext_lazy("suggestion", "Offered")
    ACCEPTED = "accepted", pgettext_lazy("suggestion", "Accepted")
    EDITED = "edited", pgettext_lazy("suggestion", "Accepted to be edited")
    REFUSED = "refused", pgettext_lazy("suggestion", "Refused")
