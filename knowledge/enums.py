"""Languages, states and readers of articles; what becomes of a question."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Language(models.TextChoices):
    """The languages articles are written in. Search crosses them: each can answer questions in the others."""

    PT = "pt", _("Portuguese")
    EN = "en", _("English")
    ES = "es", _("Spanish")


class ArticleStatus(models.TextChoices):
    """Only what is published is found or shown."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    ARCHIVED = "archived", _("Archived")


class Audience(models.TextChoices):
    """Who may read an article, and be answered from it. Each takes in those before it."""

    PUBLIC = "public", _("Everybody")
    IDENTIFIED = "identified", _("Customers known to be who they say")
    INTERNAL = "internal", _("Staff only")

    @classmethod
    def of_customer(cls, *, proven: bool) -> tuple["Audience", ...]:
        """Returns what may be told to a customer, who is proven to be who they say or not."""
        return (cls.PUBLIC, cls.IDENTIFIED) if proven else (cls.PUBLIC,)


class ProposalStatus(models.TextChoices):
    """What has become of a proposed answer."""

    PROPOSED = "proposed", _("Proposed")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")


class WantedStatus(models.TextChoices):
    """What has become of an article that is missing."""

    OPEN = "open", pgettext_lazy("article to write", "To write")
    DISMISSED = "dismissed", pgettext_lazy("article to write", "Dismissed")
    WRITTEN = "written", pgettext_lazy("article to write", "Answered")


class WhyUnanswered(models.TextChoices):
    """How it showed that a question was not answered from what we know."""

    NOTHING_FOUND = "nothing_found", _("Search found nothing")
    NOT_HELPFUL = "not_helpful", _("The answer was not helpful")
    HANDED_OVER = "handed_over", _("Handed over to people")


class Verdict(models.TextChoices):
    """What follows from what a question finds."""

    ANSWER = "answer", _("It would be answered from the first passage.")
    OFFER = "offer", _("Not sure enough to answer: the nearest articles would be offered.")
    NOTHING = "nothing", _("Nothing is near enough: a ticket or a person would be offered.")


class Fate(models.TextChoices):
    """What becomes of a passage that was found."""

    SHOWN = "shown", _("shown to the agent")
    REPEATS = "repeats", _("left out: the same article in another language stands above")
    TOO_FAR = "too_far", _("left out: too far from the question")
    TOO_MANY = "too_many", _("left out: five are shown")


class SourceKind(models.TextChoices):
    """Where articles are brought in from."""

    WEBSITE = "website", _("Website")
    FILES = "files", _("Files")
    TEXT = "text", _("Pasted text")
    QUESTIONS = "questions", _("Questions and answers")


class SourceStatus(models.TextChoices):
    """How the last reading of a source stands."""

    NEW = "new", _("Not read yet")
    WAITING = "waiting", _("Waiting")
    READING = "reading", _("Being read")
    DONE = "done", _("Read")
    PARTIAL = "partial", _("Read, with problems")
    FAILED = "failed", _("Could not be read")
    STOPPED = "stopped", _("Stopped")

    @classmethod
    def busy(cls) -> tuple["SourceStatus", ...]:
        """Those in which a job has it, or will."""
        return (cls.WAITING, cls.READING)


class ItemStatus(models.TextChoices):
    """What became of one page or file of a source when it was last read."""

    WAITING = "waiting", _("Waiting")
    READ = "read", _("Read")
    UNCHANGED = "unchanged", _("Unchanged")
    SKIPPED = "skipped", _("Left out")
    FAILED = "failed", _("Could not be read")
    GONE = "gone", _("Gone")


class WhenGone(models.TextChoices):
    """What becomes of an article whose page or file is gone."""

    ARCHIVE = "archive", _("Put it away: it answers nobody, and comes back if the page does")
    DELETE = "delete", _("Delete it")
