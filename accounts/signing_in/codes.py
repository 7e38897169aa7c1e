"""The six digits of an authenticator app, and recovery codes: each good for once."""

import time

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import HttpRequest

from accounts.doors import admit, take_back
from accounts.models import User
from accounts.signing_in.factors import has_second_factor

# Ten at the edge of two windows: one in 30,000 for who guesses, before the login is locked for them.
TRIES, SECONDS = 5, 300
DOOR = "sign-in:code"


def check(user: User, code: str) -> bool:
    """Says whether the user may come in with this code: it is theirs, or nothing is asked of them.

    To be called once the password was found right. Raises TooMany and Unavailable as every door does.
    """
    return not has_second_factor(user) or (bool(code) and accepted(user, code) is not None)


def accepted(user: User, code: str, *, request: HttpRequest | None = None) -> Authenticator | None:
    """Uses a code up and returns what it is of; None for a wrong or used one.

    With a request, a wrong code counts like a wrong password (django-axes). Raises TooMany after five tries
    in five minutes, however many come at once, and Unavailable while they cannot be counted.
    """
    admit(DOOR, str(user.pk), at_most=TRIES, seconds=SECONDS)
    found = _used_up(user, code)
    if found is not None:
        take_back(DOOR, str(user.pk), seconds=SECONDS)
    elif request is not None:
        user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)
    return found


def step_of(secret: str, code: str, *, after: int = 0) -> int | None:
    """Returns the number of the half minute, later than `after`, in which an app shows this code, or None."""
    now = int(time.time()) // app_settings.TOTP_PERIOD
    off = app_settings.TOTP_TOLERANCE
    for step in range(now - off, now + off + 1):
        shown = format_hotp_value(hotp_value(secret, step))
        if step > after and compare_user_code(actual=code, expected=shown):
            return step
    return None


def note_step(row: Authenticator, step: int) -> None:
    """Remembers the last half minute whose code was used: neither it nor an earlier one is good any more."""
    row.data["step"] = step
    row.save(update_fields=["data"])


@transaction.atomic
def _used_up(user: User, code: str) -> Authenticator | None:
    """The rows are locked: of a hundred who bring one code at once, one finds it unused."""
    rows = Authenticator.objects.select_for_update().filter(user=user)
    for row in rows.exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk"):
        is_app = row.type == Authenticator.Type.TOTP
        if _uses_step(row, code) if is_app else row.wrap().validate_code(code):
            # Whoever is asked for the user of the row means this one.
            row.user = user
            return row
    return None


def _uses_step(row: Authenticator, code: str) -> bool:
    step = step_of(decrypt(row.data["secret"]), code, after=row.data.get("step", 0))
    if step is None:
        return False
    note_step(row, step)
    return True
