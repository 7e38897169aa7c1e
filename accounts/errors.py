"""Refusals at the doors through which people come in."""

from django.utils.translation import gettext_noop

from core.errors import Forbidden, TooMany, Unauthenticated


class WrongPassword(Unauthenticated):
    """This name and this password do not belong together."""

    code = "wrong_password"


class OtpRequired(Unauthenticated):
    """Send the code of your second factor as well."""

    code = "otp_required"


class TokenReused(Unauthenticated):
    """This refresh token was used before. Everything that came of the sign-in has ended; sign in again."""

    code = "token_reused"


class LockedOut(TooMany):
    """Too many wrong passwords; wait a quarter of an hour."""

    code = "locked_out"


class RegistrationOff(Forbidden):
    """Nobody can register here."""

    code = "registration_off"


# The messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop("This name and this password do not belong together."),
    gettext_noop("Send the code of your second factor as well."),
    gettext_noop(
        "This refresh token was used before. Everything that came of the sign-in has ended; sign in again."
    ),
    gettext_noop("Too many wrong passwords; wait a quarter of an hour."),
    gettext_noop("Nobody can register here."),
)
