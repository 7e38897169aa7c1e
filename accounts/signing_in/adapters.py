"""What allauth asks us: who may come in, how secrets are kept, whom a single sign-on means."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from requests import RequestException

from accounts.doors import admit
from accounts.models import User
from accounts.signing_in import newcomers
from core.encryption import closed, opened
from core.errors import HelpdeskError

# A name from wherever, an address whatever the name: more than anybody mistypes.
TRIES_OF_A_NAME, TRIES_OF_AN_ADDRESS = 20, 60
SESSIONS_BACKEND = "django.contrib.auth.backends.ModelBackend"


def refused(request: HttpRequest, why: str, *, status: int = 403) -> HttpResponse:
    """Returns the page for somebody who does not come in."""
    context = {"title": _("You could not be signed in"), "why": why}
    return render(request, "accounts/refused.html", context, status=status)


class AccountAdapter(DefaultAccountAdapter):
    """Lets active staff in and nobody sign up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Registration is not allauth's."""
        del request
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts a try of a password before it is looked at."""
        try:
            # First, so that an address which is refused uses up no name's tries and makes no further keys.
            admit("sign-in:ip", request.META.get("REMOTE_ADDR", ""), at_most=TRIES_OF_AN_ADDRESS)
            admit("sign-in:name", str(credentials.get("username", "")), at_most=TRIES_OF_A_NAME)
        except HelpdeskError as error:
            raise ValidationError(error.detail) from error

    def pre_login(self, request: HttpRequest, user: User, **hook: Any) -> HttpResponse | None:
        """Refuses who is no active member of staff, and with OIDC_ONLY who came by a passkey."""
        del hook
        if not (user.is_active and user.is_staff):
            return refused(request, _("This account is switched off."))
        records = get_authentication_records(request, user)
        came_by_sign_on = any(record["method"] == "socialaccount" for record in records)
        if settings.OIDC_ONLY and not (came_by_sign_on or user.is_superuser):
            return refused(request, _("Sign in with %s.") % settings.OIDC_NAME)
        return None

    def login(self, request: HttpRequest, user: User) -> None:
        """Begins the session; by whatever way somebody came, Django's own backend reads them from it."""
        user.backend = SESSIONS_BACKEND
        super().login(request, user)


class FactorAdapter(DefaultMFAAdapter):
    """Keeps secrets encrypted and says what apps and browsers show."""

    def encrypt(self, text: str) -> str:
        """Closes a secret with the installation's key."""
        return closed(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Opens it again."""
        return str(opened(encrypted_text))

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 (allauth's signature)
        """Names a passkey that nobody named."""
        del user, type
        return _("Passkey")

    def _get_site_name(self) -> str:
        return "Helpdesk"


class SignOnAdapter(DefaultSocialAccountAdapter):
    """Finds whom a single sign-on means; strangers stay outside."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whoever may be made a user was, in `pre_social_login`."""
        del request, sociallogin
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Ties the sign-on to its user, or ends it with a page that says why not."""
        # Nothing is asked of the provider afterwards, and a token in a session could be stolen.
        sociallogin.token = None
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        try:
            newcomers.settle(request, sociallogin)
        except HelpdeskError as error:
            raise ImmediateHttpResponse(refused(request, error.detail)) from error

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str = AuthError.UNKNOWN,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Says that it did not work, and to nobody why: the answer may come from whoever forged it.

        A provider that does not answer is another matter: raises its RequestException again.
        """
        del provider, extra_context
        if isinstance(exception, RequestException):
            raise exception
        was_given_up = error == AuthError.CANCELLED
        why = _("The sign-on was given up.") if was_given_up else _("Try to sign in once more.")
        raise ImmediateHttpResponse(refused(request, why, status=401))
