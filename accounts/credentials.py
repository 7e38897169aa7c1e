"""Name and password of somebody who wants to come in."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from accounts.doors import admit
from accounts.errors import LockedOut, OtpRequired, WrongPassword
from accounts.models import User
from accounts.queries import user_by_email
from accounts.signing_in import codes
from accounts.signing_in.factors import require_second_factor

# Wrong ones are counted by django-axes, but only once each was found wrong: of a hundred tries at the same
# moment it would let all through.
TRIES_OF_A_NAME, TRIES_OF_AN_ADDRESS = 20, 60


def authenticated(
    request: HttpRequest, *, password: str, username: str = "", email: str = "", otp: str = ""
) -> User:
    """Returns the user of a name, or of an e-mail address, and a password.

    Raises WrongPassword alike, and after as much work, whether or not there is such a user; LockedOut after
    ten wrong ones; OtpRequired when a second factor is missing or wrong, which counts as a wrong password;
    SecondFactorRequired for who must have one and has none; TooMany and Unavailable as every door does.
    """
    # First, so that an address which is refused uses up no name's tries and makes no further keys.
    admit("sign-in:ip", request.META.get("REMOTE_ADDR", ""), at_most=TRIES_OF_AN_ADDRESS)
    name = username or _name_of(email)
    admit("sign-in:name", name, at_most=TRIES_OF_A_NAME)
    user = authenticate(request, username=name, password=password)
    _refuse_locked_out(request)
    if not isinstance(user, User) or not user.is_staff:
        raise WrongPassword
    if not codes.check(user, otp):
        if otp:
            _count_wrong(request, name)
        raise OtpRequired
    require_second_factor(user)
    return user


def _name_of(email: str) -> str:
    """Returns the login of an address; the address itself where nobody has it, so that tries are counted."""
    user = user_by_email(email)
    return user.get_username() if user else email.lower()


def _refuse_locked_out(request: Any) -> None:
    if getattr(request, "axes_locked_out", None):
        # Or the middleware would put its own page in the place of our answer.
        request.axes_locked_out = None
        raise LockedOut(retry_after=int(settings.AXES_COOLOFF_TIME * 3600))


def _count_wrong(request: HttpRequest, name: str) -> None:
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)
    _refuse_locked_out(request)
