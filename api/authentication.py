"""Who asks: a key or a token in a header, or the session of a browser."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actions import USE_NOTED_EVERY, note_key_use
from accounts.models import ApiKey, SignIn, User
from accounts.queries import find_api_key, find_sign_in
from accounts.signing_in.factors import require_second_factor
from accounts.tokens import Kind, read
from core.actor import Actor
from core.errors import Unauthenticated

SCHEME = "Api-Key"
BEARER = "Bearer"


# What proxies in front of us ask for, and leave in the request.
OF_PROXIES = frozenset({"basic", "digest", "negotiate"})


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key KEY` or `X-API-Key: KEY`. A key in the address is not looked at."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """Returns the key's row as `request.auth`; None when no key was sent, 401 for a wrong one."""
        require_one(request)
        sent = key_of(request)
        if sent is None:
            return None
        key = find_api_key(sent)
        if key is None:
            raise AuthenticationFailed(_("The key is not valid, has expired or was switched off."))
        if key.last_used_at is None or timezone.now() - key.last_used_at >= USE_NOTED_EVERY:
            note_key_use(key=key)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme for `WWW-Authenticate`, which is what makes a refusal 401 and not 403."""
        del request
        return f'{SCHEME} realm="api"'


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer TOKEN`: the access token of a sign-in, which acts as its user."""

    def authenticate(self, request: Request) -> tuple[User, SignIn] | None:
        """Returns the sign-in as `request.auth`; None without a token, 401 for a bad one.

        Raises SecondFactorRequired (403) for who must have a second factor and has none.
        """
        sent = sent_as(BEARER, request)
        if sent is None:
            return None
        try:
            sign_in = find_sign_in(read(sent, Kind.ACCESS))
        except Unauthenticated as error:
            raise AuthenticationFailed(error.detail) from error
        if sign_in is None:
            raise AuthenticationFailed(_("This sign-in has ended; sign in again."))
        # A role may have come to need one after the sign-in.
        require_second_factor(sign_in.user)
        return sign_in.user, sign_in

    def authenticate_header(self, request: Request) -> str:
        """Names the scheme for `WWW-Authenticate`."""
        del request
        return f'{BEARER} realm="api"'


def require_one(request: Request) -> None:
    """Refuses a request that says in two ways who it is from, or in one that nobody here knows.

    Whichever of the two counted, somebody would take the other for good.
    """
    scheme, _space, rest = get_authorization_header(request).decode("latin-1").partition(" ")
    in_header = request.headers.get("X-API-Key")
    if not scheme or scheme.lower() in OF_PROXIES:
        return
    if scheme.lower() not in {SCHEME.lower(), BEARER.lower()}:
        raise AuthenticationFailed(_("Nobody signs in like that here: send a key or a token."))
    if in_header is not None and in_header != rest.strip():
        raise AuthenticationFailed(_("Send one key or one token, not two."))


def key_of(request: Request) -> str | None:
    """Returns the key that was sent, perhaps empty; None when the headers hold none."""
    sent = sent_as(SCHEME, request)
    return request.headers.get("X-API-Key") if sent is None else sent


def sent_as(wanted: str, request: Request) -> str | None:
    """Returns what stands in `Authorization` behind a scheme, perhaps nothing; None under another scheme."""
    scheme, _space, rest = get_authorization_header(request).decode("latin-1").partition(" ")
    return rest.strip() if scheme.lower() == wanted.lower() else None


def actor_of(request: Request) -> Actor | None:
    """Returns the one who asks as the `by=` of actions, or None for nobody we let act; read once."""
    known = getattr(request, "_actor", None)
    if known is None:
        known = request._actor = _actor(request)  # type: ignore[attr-defined] # noqa: SLF001 (kept on the request)
    return known if isinstance(known, Actor) else None


def _actor(request: Request) -> Actor | None:
    if isinstance(request.auth, ApiKey):
        return request.auth.as_actor()
    user = request.user
    if isinstance(user, User) and user.is_active and user.is_staff:
        return user.as_actor()
    return None
