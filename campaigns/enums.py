"""Closed sets of campaigns."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Kind(models.TextChoices):
    """How a campaign reaches people."""

    BROADCAST = "broadcast", _("Message to many")
    ONSITE = "onsite", _("Message on your site")


class Source(models.TextChoices):
    """Where the recipients come from."""

    SEGMENT = "segment", _("Customers who fit")
    LIST = "list", _("A list")


class Visitors(models.TextChoices):
    """To whom a message on the site is shown."""

    ANY = "any", _("Everybody")
    NEW = "new", _("First visit")
    RETURNING = "returning", _("Who was here before")


class CampaignStatus(models.TextChoices):
    """Where a campaign stands; docs/campaigns.md says what leads where."""

    DRAFT = "draft", _("Draft")
    APPROVED = "approved", _("Approved")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    DONE = "done", pgettext_lazy("campaign", "Done")
    CANCELLED = "cancelled", _("Cancelled")


# What may still be changed, and what has come to its end.
OPEN = (CampaignStatus.DRAFT, CampaignStatus.APPROVED)
OVER = (CampaignStatus.DONE, CampaignStatus.CANCELLED)


class RecipientState(models.TextChoices):
    """What we have done for a recipient; how far the message came, its deliveries tell."""

    QUEUED = "queued", _("Waiting")
    WRITTEN = "written", _("Written")
    SKIPPED = "skipped", _("Left out")


class Skip(models.TextChoices):
    """Why a recipient was left out."""

    OPTED_OUT = "opted_out", _("Wants no messages")
    NO_CONSENT = "no_consent", _("Has not agreed to messages")
    NO_ADDRESS = "no_address", _("Cannot be reached through this inbox")
    UNREACHABLE = "unreachable", _("The address is dead")
    DUPLICATE = "duplicate", _("Reached under another entry")
    BUSY = "busy", _("In conversation with us")
    WINDOW_CLOSED = "window_closed", _("Only a template may be sent")
    MISSING_VALUE = "missing_value", _("A value for the text is missing")
    TOO_LONG = "too_long", _("The text does not fit into one message")
    CANCELLED = "cancelled", _("The campaign was cancelled")
    BROKEN = "broken", _("An error of ours; the server's log has it")


class Outcome(models.TextChoices):
    """What happened to a recipient, as people read it: our state and the provider's in one."""

    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Being sent")
    UNKNOWN = "unknown", _("Not confirmed")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", pgettext_lazy("a message was", "Read")
    FAILED = "failed", _("Not delivered")
    SKIPPED = "skipped", _("Left out")


class ConsentState(models.TextChoices):
    """Whether somebody wants to be written to."""

    GIVEN = "given", _("Agreed")
    WITHDRAWN = "withdrawn", _("Wants no messages")


class ConsentSource(models.TextChoices):
    """How we know."""

    WORD = "word", _("Wrote it")
    LINK = "link", _("Followed the link")
    STAFF = "staff", _("Entered by staff")
    LIST = "list", _("Came with a list")
    API = "api", _("Told by a program")
    PROVIDER = "provider", _("Told by the provider")


class UploadStatus(models.TextChoices):
    """How far a list has been read."""

    WAITING = "waiting", _("Waiting")
    READING = "reading", _("Being read")
    DONE = "done", pgettext_lazy("list", "Read in")
    FAILED = "failed", _("Could not be read")
