"""The two JSON Web Tokens of a sign-in: what stands in them, and what has to be true of one that comes back.

Signed with HMAC-SHA256 under a key derived from SECRET_KEY; no other algorithm is read, whatever a token says
of itself. Tokens of the keys in SECRET_KEY_FALLBACKS are read too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from core.encryption import derived_keys
from core.errors import Unauthenticated

PURPOSE = b"helpdesk sign-in tokens 1"
ALGORITHM: Final = "HS256"
ISSUER, AUDIENCE = "helpdesk", "helpdesk-api"
# Seconds by which the clocks of two of our machines may differ.
LEEWAY = 5


class Kind(StrEnum):
    """What a token is good for: requests, or the next two tokens."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked token says. `number` tells refresh tokens of one sign-in apart."""

    sign_in: UUID
    user_id: int
    number: UUID


def lifetime(kind: Kind) -> timedelta:
    """Returns how long a token of the kind is good for."""
    if kind == Kind.ACCESS:
        return timedelta(minutes=settings.ACCESS_TOKEN_MINUTES)
    return timedelta(days=settings.REFRESH_TOKEN_DAYS)


def issue(kind: Kind, claims: Claims, *, at: datetime) -> str:
    """Returns a token. The same claims and moment always give the same one."""
    payload = {
        "typ": kind.value,
        "sub": str(claims.user_id),
        "sid": str(claims.sign_in),
        "jti": str(claims.number),
        "iat": int(at.timestamp()),
        "exp": int((at + lifetime(kind)).timestamp()),
    }
    return next(_backends()).encode(payload)


def read(token: str, kind: Kind) -> Claims:
    """Returns what a token says; raises Unauthenticated unless it is one of ours, of the kind, and in time.

    Whether its sign-in still lasts, only the database knows.
    """
    payload = _payload(token)
    if payload.get("typ") != kind.value or "exp" not in payload:
        raise Unauthenticated(_refused())
    try:
        return Claims(UUID(payload["sid"]), int(payload["sub"]), UUID(payload["jti"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated(_refused()) from error


def _payload(token: str) -> dict[str, Any]:
    for backend in _backends():
        try:
            return backend.decode(token)  # type: ignore[arg-type]  # annotated as a class of its own, read as text
        except TokenBackendError:
            continue
    raise Unauthenticated(_refused())


def _backends() -> Iterator[TokenBackend]:
    for key in derived_keys(PURPOSE):
        yield TokenBackend(ALGORITHM, key.hex(), audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY)


def _refused() -> str:
    return _("The token is not valid or has expired.")
