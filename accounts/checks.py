"""What `manage.py check` says about how people come in."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 (Django's name)

from accounts.enums import Registering

LIFETIMES = ("ACCESS_TOKEN_MINUTES", "REFRESH_TOKEN_DAYS", "ACCOUNT_MAILS_PER_HOUR")


@register()
def check_registration(**_: Any) -> list[CheckMessage]:
    """accounts.E001: REGISTRATION is none of the words it knows."""
    if settings.REGISTRATION in Registering.values:
        return []
    known = ", ".join(Registering.values)
    return [Error(f"REGISTRATION is {settings.REGISTRATION!r}; it knows {known}.", id="accounts.E001")]


@register()
def check_numbers(**_: Any) -> list[CheckMessage]:
    """accounts.E002: a number that has to be above zero is not."""
    return [
        Error(f"{name} is {getattr(settings, name)}, which is not above zero.", id="accounts.E002")
        for name in LIFETIMES
        if getattr(settings, name) <= 0
    ]


@register()
def check_mail(**_: Any) -> list[CheckMessage]:
    """accounts.W001: mails would have to reach people, and there is no server to send them.

    A machine that only its owner reaches, and where nobody registers, needs none.
    """
    is_alone = not settings.SECURE and settings.REGISTRATION == Registering.OFF
    if settings.EMAIL_URL or is_alone:
        return []
    hint = "Set EMAIL_URL, such as smtp+tls://user:password@mail.example:587, and DEFAULT_FROM_EMAIL."
    return [Warning("Mails to users are printed, not sent.", hint, id="accounts.W001")]
