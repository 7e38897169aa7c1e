"""What may be written of a ticket: each returns the value as it is stored, or raises Invalid."""

from django.utils.translation import gettext as _

from accounts.models import User
from conversations.enums import Priority
from core.errors import Invalid
from core.storable import storable
from tickets.enums import TicketStatus

MAX_SUBJECT = 200
MAX_DESCRIPTION = 10_000


def line(text: str) -> str:
    """A subject: one line, and not empty."""
    clean = " ".join(storable(text).split())
    if not clean:
        raise Invalid(_("A ticket needs a subject."), field="subject")
    if len(clean) > MAX_SUBJECT:
        raise Invalid(_("A subject may have %d characters.") % MAX_SUBJECT, field="subject")
    return clean


def body(text: str) -> str:
    """A description, perhaps empty."""
    clean = storable(text).strip()
    if len(clean) > MAX_DESCRIPTION:
        raise Invalid(_("A description may have %d characters.") % MAX_DESCRIPTION, field="description")
    return clean


def priority_of(value: int) -> int:
    """An urgency that there is."""
    if value not in Priority.values:
        raise Invalid(_("There is no such priority."), field="priority")
    return value


def status_of(value: str) -> str:
    """A status that there is."""
    if value not in TicketStatus.values:
        raise Invalid(_("There is no such status."), field="status")
    return value


def person_of(user: User | None) -> User | None:
    """Somebody who can be in charge, or nobody."""
    if user is not None and not (user.is_active and user.is_staff):
        raise Invalid(_("Only active members of staff can be responsible."), field="assignee")
    return user
