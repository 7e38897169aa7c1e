"""Mails of the system itself, to its own people: plain text, in their language."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from core.language import spoken


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is ready to go."""

    to: str
    subject: str
    text: str


def letter(name: str, *, to: str, language: str, token: str = "", **context: Any) -> Letter:
    """Returns the mail `name` with a link, with the token in it, to the address of this installation.

    Never on the one that a request came to, which its sender chooses. Nothing that strangers wrote stands in
    a mail that strangers can have sent.
    """
    page = reverse(f"accounts:{name}", args=[token]) if token else reverse("accounts:forgotten")
    link = f"{settings.PUBLIC_URL}{page}"
    with translation.override(spoken(language or settings.LANGUAGE_CODE)):
        text = render_to_string(
            f"accounts/mail/{name}.txt", {"link": link, "site": settings.PUBLIC_URL, **context}
        )
    subject, _blank, body = text.strip().partition("\n\n")
    return Letter(to, " ".join(subject.split()), f"{body.strip()}\n")


def send(ready: Letter) -> None:
    """Hands a mail to the mail server; raises OSError when it does not take it."""
    send_mail(ready.subject, ready.text, settings.DEFAULT_FROM_EMAIL, [ready.to])
