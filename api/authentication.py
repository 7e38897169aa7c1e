"""Who asks: a key in a header, or the session of a browser."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actions import USE_NOTED_EVERY, note_key_use
from accounts.models import ApiKey, User
from accounts.queries import find_api_key
from core.actor import Actor

SCHEME = "Api-Key"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key KEY` or `X-API-Key: KEY`. A key in the address is not looked at."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """Returns the key's row as `request.auth`; None when no key was sent, 401 for a wrong one."""
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


def key_of(request: Request) -> str | None:
    """Returns the key that was sent, perhaps empty; None when the headers hold none."""
    scheme, _space, rest = get_authorization_header(request).decode("latin-1").partition(" ")
    if scheme.lower() == SCHEME.lower():
        return rest.strip()
    return request.headers.get("X-API-Key")


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
