"""Coming in as staff do: the steps of the sign-in, and what an authenticator app shows."""

import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from accounts.models import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LOGIN, CODE, ME = "/accounts/login/", "/accounts/login/code/", "/accounts/me/"
DESK = "/admin/inbox/"


def shown(secret: str = SECRET, *, off: int = 0) -> str:
    """What an app shows now, or `off` half minutes later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + off)))


def give_app(user: User) -> Authenticator:
    """Gives somebody an authenticator app."""
    row: Authenticator = TOTP.activate(user, SECRET).instance
    return row


def give_codes(user: User) -> list[str]:
    """Gives somebody recovery codes."""
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def knock(client: Client, name: str, password: str | None = None, **more: Any) -> Any:
    """Types a name and a password, which is the name where nothing else is said."""
    return client.post(LOGIN, {"username": name, "password": password or name, **more})


def signed_in(user: User, *, client: Client | None = None) -> Client:
    """A browser in which somebody typed their password."""
    browser = client or Client()
    answer = knock(browser, user.username)
    assert answer.status_code == 302, answer.content
    return browser


def is_in(client: Client) -> bool:
    """Whether the desk opens."""
    return bool(client.get(DESK).status_code == 200)


def show_again(client: Client, user: User) -> None:
    """Types the password again, as weighty pages ask."""
    answer = client.post("/accounts/again/", {"password": user.username})
    assert answer.status_code == 302, answer.content


def words(answer: Any) -> str:
    """What a page says."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
