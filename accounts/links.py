"""Tokens in the links that are mailed: random, kept as a hash, good for a time."""

import secrets
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.queries import hash_key

GOOD_FOR = timedelta(hours=72)


def new_token() -> tuple[str, str]:
    """Returns 256 random bits as text for a link, and the hash to keep."""
    token = secrets.token_urlsafe(32)
    return token, hash_key(token)


def hash_of(token: str) -> str | None:
    """Returns the hash under which a token is kept; None for what can be none."""
    return hash_key(token) if token.strip() else None


def end_of_new() -> datetime:
    """Returns the moment until which what is mailed now is good."""
    return timezone.now() + GOOD_FOR
