"""Who writes which mail."""

from collections.abc import Callable

from accounts.actions.invitations import invitation_letter
from accounts.actions.passwords import reset_letter
from accounts.actions.registration import confirmation_letter
from accounts.mails import Letter
from accounts.tasks import MailKind

WRITERS: dict[MailKind, Callable[[str], Letter | None]] = {
    MailKind.RESET: reset_letter,
    MailKind.INVITATION: invitation_letter,
    MailKind.CONFIRMATION: confirmation_letter,
}


def write(kind: MailKind, about: str) -> Letter | None:
    """Returns the mail, or None when there is nothing to send any more."""
    return WRITERS[kind](about)
