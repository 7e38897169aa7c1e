"""Passwords: changed by who knows the old one, or by who reads the mailbox."""

from typing import NoReturn

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from accounts import tasks
from accounts.actions.sign_ins import end_sign_ins
from accounts.mails import Letter, letter
from accounts.models import User
from accounts.queries import user_by_email, user_of
from core.actor import Actor
from core.errors import Invalid


class ResetTokens(PasswordResetTokenGenerator):
    """Django's: signed, for an hour, and void once password, address or last sign-in are others."""

    key_salt = "accounts.actions.passwords"


reset_tokens = ResetTokens()


@transaction.atomic
def change_password(*, by: Actor, old_password: str, new_password: str) -> None:
    """Sets one's own password and ends all of one's sign-ins, this one too.

    Raises Forbidden for keys, and Invalid when the old password is wrong or the new one too weak.
    """
    # Not the key: what names the user, such as work given to them, does not wait while passwords are hashed.
    user = User.objects.select_for_update(no_key=True).get(pk=user_of(by).pk)
    if not user.check_password(old_password):
        raise Invalid(_("This is not your password."), field="old_password")
    set_password(user, new_password, field="new_password")


def ask_password_reset(*, email: str) -> None:
    """Has a mail with a link sent to the user with this address, if there is one.

    Does the same in any case: who is looked for, and found or not, is the job's business.
    """
    tasks.plan_mail(tasks.MailKind.RESET, email)


def reset_letter(email: str) -> Letter | None:
    """Returns the mail with the link; None when there is nobody to get it."""
    user = user_by_email(email)
    if user is None or not (user.is_active and user.is_staff):
        return None
    return letter("reset", to=user.email, language=user.language, token=reset_token(user))


def reset_token(user: User) -> str:
    """Returns what proves that somebody reads the user's mails, for an hour and one new password."""
    return f"{urlsafe_base64_encode(force_bytes(user.pk))}.{reset_tokens.make_token(user)}"


@transaction.atomic
def reset_password(*, token: str, password: str) -> User:
    """Sets the password of whoever the token was mailed to, and ends all their sign-ins.

    Raises Invalid for a token that is not valid, too old or used, and for a weak password.
    """
    user = _user_of_token(token)
    set_password(user, password, field="password")
    return user


def set_password(user: User, password: str, *, field: str) -> None:
    """Checks and sets the password of a locked row, and ends the sign-ins."""
    require_good_password(password, user, field=field)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sign_ins(user)


def require_good_password(password: str, user: User, *, field: str = "password") -> None:
    """Raises Invalid with what is wrong with a password that somebody wants."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field=field) from error


def _user_of_token(token: str) -> User:
    encoded, _dot, rest = token.partition(".")
    try:
        pk = int(urlsafe_base64_decode(encoded))
    except (ValueError, OverflowError):
        refuse_token()
    # Locked before the token is looked at: of two uses at once the second sees the first one's password.
    rows = User.objects.select_for_update(no_key=True).filter(is_active=True, is_staff=True)
    user = rows.filter(pk__lt=2**63, pk=pk).first()
    if user is None or not reset_tokens.check_token(user, rest):
        refuse_token()
    return user


def refuse_token() -> NoReturn:
    """Refuses a link."""
    raise Invalid(_("This link is not valid, was used already or is too old."), field="token")
