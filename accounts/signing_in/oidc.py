"""OpenID Connect: what allauth leaves out of it.

allauth trusts an id token that it fetched itself, knows no nonce, and lets an address add scopes and
parameters. Here the token's signature, issuer, audience, time and nonce are checked, and nothing of the
address goes to the provider. (OpenID Connect Core 1.0 §3.1.3.7; RFC 7636 for PKCE.)
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

PROVIDER_ID = "oidc"
# None with a shared secret: whoever knows the client's secret could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCKS_OFF_SECONDS = 60
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
# Or whoever begins a sign-on would have it fetched anew. Keys are: a provider may change them at once.
DESCRIPTION, REMEMBERED_SECONDS = "sign-on:description:{}", 300
Claims = dict[str, Any]
logger = logging.getLogger(__name__)


class Provider(OpenIDConnectOAuth2Adapter):
    """The provider as it describes itself, and what it says about somebody."""

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's own description, at most five minutes old.

        Raises OAuth2Error when it is not of the issuer that is set.
        """
        config: dict[str, Any] | None = getattr(self, "_openid_config", None) or _remembered()
        if config is None:
            config = self._fetched()
            _remember(config)
        self._openid_config = config
        return config

    def _fetched(self) -> dict[str, Any]:
        config: Any = super().openid_config
        if not isinstance(config, dict) or not all(isinstance(config.get(name), str) for name in NEEDED):
            raise OAuth2Error("the provider's description is not complete")
        if config["issuer"].rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("the description is of another issuer")
        return config

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        """The address that is registered at the provider: never that of the Host header."""
        del request, app
        path = reverse("openid_connect_callback", kwargs={"provider_id": PROVIDER_ID})
        return f"{settings.PUBLIC_URL}{path}"

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **rest: Any) -> SocialLogin:
        """Returns the sign-on that a good id token stands for; raises OAuth2Error for any other."""
        del token
        claims = self._checked(str(rest["response"].get("id_token") or ""), app.client_id)
        login = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        login.claims = claims
        return login

    def _checked(self, token: str, client_id: str) -> Claims:
        try:
            claims: Claims = jwt.decode(
                token,
                self._key_of(token),
                algorithms=ALGORITHMS,
                audience=client_id,
                issuer=self.openid_config["issuer"],
                leeway=CLOCKS_OFF_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise OAuth2Error("the id token is not valid") from error
        if claims.get("azp", client_id) != client_id:
            raise OAuth2Error("the id token was made for another program")
        if not self.nonce or not secrets.compare_digest(str(claims.get("nonce")), self.nonce):
            raise OAuth2Error("the id token answers another request")
        return claims

    def _key_of(self, token: str) -> Any:
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        wanted = jwt.get_unverified_header(token).get("kid")
        found = [key for key in keys if key.key_id == wanted] if wanted else keys
        if len(found) != 1:
            raise OAuth2Error("the id token is signed with an unknown key")
        return found[0].key


def _remembered() -> dict[str, Any] | None:
    with _as_good_as_empty():
        known: dict[str, Any] | None = cache.get(DESCRIPTION.format(settings.OIDC_ISSUER))
        return known
    return None


def _remember(description: dict[str, Any]) -> None:
    with _as_good_as_empty():
        cache.set(DESCRIPTION.format(settings.OIDC_ISSUER), description, REMEMBERED_SECONDS)


@contextmanager
def _as_good_as_empty() -> Iterator[None]:
    """Takes a cache that is away for an empty one."""
    try:
        yield
    except Exception:
        logger.warning("the cache is away; the provider is asked each time", exc_info=True)


class SignOn(OpenIDConnectProvider):
    """The single sign-on: a request that only its own answer fits."""

    oauth2_adapter_class = Provider
    pkce_enabled_default = True

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Takes nothing from the address but where to go afterwards; who may connect, the view found out."""
        is_connecting = getattr(request, "is_connecting", False)
        process = AuthProcess.CONNECT if is_connecting else AuthProcess.LOGIN
        return {"process": process, "next_url": get_next_redirect_url(request)}

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Sends somebody to the provider; the nonce stays in the session for when they come back."""
        nonce = secrets.token_urlsafe(24)
        parameters = {**self.get_auth_params(), "nonce": nonce}
        answer: HttpResponse = super().redirect(
            request, process, next_url, data, auth_params=parameters, nonce=nonce, **kwargs
        )
        return answer

    def extract_uid(self, data: dict[str, Claims]) -> str:
        """The issuer and its subject as one: subjects of another issuer are other people."""
        claims = data["id_token"]
        return hashlib.sha256(json.dumps([claims["iss"], str(claims["sub"])]).encode()).hexdigest()

    def extract_extra_data(self, data: dict[str, Claims]) -> Claims:
        """What is kept: enough to recognise the account, and no more."""
        return {name: data["id_token"].get(name) for name in ("iss", "sub", "email")}


class Return(OAuth2CallbackView):
    """Where the provider sends people back to."""

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, refusal = super()._get_state(request, provider)
        self.adapter.nonce = (state or {}).get("nonce", "")
        return state, refusal
