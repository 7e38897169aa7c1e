"""The pages of signing in and of one's own account: allauth's views in the look of the admin."""

import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.views import LoginView, PasswordChangeView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.internal.auth import begin_registration
from allauth.mfa.webauthn.views import AddWebAuthnView, LoginWebAuthnView
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2LoginView
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from accounts.actions.sign_ins import end_sign_ins
from accounts.doors import admit
from accounts.models import User
from accounts.signing_in.adapters import TRIES_OF_AN_ADDRESS, refused
from accounts.signing_in.factors import lacks_second_factor
from accounts.signing_in.forms import NewPasswordForm, SignInForm
from accounts.signing_in.oidc import PROVIDER_ID, Provider, Return
from core.errors import HelpdeskError

View = Callable[..., HttpResponse]
CONNECTING = "sign_on_connect"


def dressed(view: View) -> View:
    """Gives a page what the frame of the admin asks for, and no cache."""

    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse):
            response.context_data = {**_frame(request), **(response.context_data or {})}
        return response

    return wrapped


def own(view: View) -> View:
    """Makes a view a page of one's own account: staff only, in the frame."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        if not (isinstance(user, User) and user.is_active and user.is_staff):
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return dressed(wrapped)


def weighty(view: View) -> View:
    """Makes a view a page of one's own account that asks for the password, a code or a sign-on again."""
    asked = reauthentication_required(app="allauth.mfa")(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _must_sign_on_again(request):
            address = reverse("openid_connect_login", args=[PROVIDER_ID])
            return HttpResponseRedirect(f"{address}?{urlencode({'next': request.path})}")
        answer: HttpResponse = asked(request, *args, **kwargs)
        return answer

    return own(wrapped)


def _frame(request: HttpRequest) -> dict[str, Any]:
    frame = admin.site.each_context(request)
    if isinstance(request.user, User) and lacks_second_factor(request.user):
        # Nothing of the desk may be opened yet, so nothing of it is offered.
        frame |= {"has_permission": False, "places": [], "is_waiting": True}
    return frame


def _must_sign_on_again(request: HttpRequest) -> bool:
    """Who has neither password nor second factor can only be asked by the provider."""
    user = request.user
    if not user.is_authenticated or get_reauthentication_flows(user) or not settings.OIDC_ISSUER:
        return False
    times = [record["at"] for record in get_authentication_records(request, user)]
    return bool(time.time() - max(times, default=0) > app_settings.REAUTHENTICATION_TIMEOUT)


class SignIn(LoginView):
    """The first page: name and password, a passkey, the single sign-on."""

    form_class = SignInForm
    template_name = "accounts/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whoever is signed in without being staff any more would be sent here again and again."""
        if request.user.is_authenticated and not getattr(request.user, "is_staff", False):
            logout(request)
        answer: HttpResponse = super().dispatch(request, *args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds what Django's login page is made of, and the other ways in."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        has_form = not settings.OIDC_ONLY or "password" in self.request.GET or self.request.method == "POST"
        return {
            **context,
            "title": _("Log in"),
            "app_path": self.request.get_full_path(),
            "next": context["redirect_field_value"] or "",
            "has_form": has_form,
            "sign_on": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        }


class PasskeySignIn(LoginWebAuthnView):
    """The passkey's question and answer; each address may ask for a number of them."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Counts, since every question is a session's row."""
        if refusal := _too_many_tries(request):
            return refusal
        answer: HttpResponse = super().dispatch(request, *args, **kwargs)
        return answer


def _too_many_tries(request: HttpRequest) -> HttpResponse | None:
    """Counts a try to come in; returns the page that refuses it, if it is one too many of this address."""
    try:
        admit("sign-in:ip", request.META.get("REMOTE_ADDR", ""), at_most=TRIES_OF_AN_ADDRESS)
    except HelpdeskError as error:
        return refused(request, error.detail, status=error.status)
    return None


class ChangePassword(PasswordChangeView):
    """Another password. All other browsers are signed out, since sessions hang on the password."""

    form_class = NewPasswordForm
    template_name = "accounts/password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Nobody gets a first password here: who signs on elsewhere needs none."""
        if not (isinstance(request.user, User) and request.user.has_usable_password()):
            raise Http404
        answer: HttpResponse = super().dispatch(request, *args, **kwargs)
        return answer

    def get_default_success_url(self) -> str:
        """Back to the account."""
        return reverse("mfa_index")


class SetUpApp(ActivateTOTPView):
    """The picture for an authenticator app, and the first code."""

    template_name = "accounts/app.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Keeps the app and uses the code up."""
        answer: HttpResponse = super().form_valid(form)
        form.note_step()
        return answer


class AddPasskey(AddWebAuthnView):
    """A new passkey, found by the browser without a name."""

    template_name = "accounts/passkey.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Asks for one that stays in the device and knows its owner."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        options = begin_registration(self.request.user, passwordless=True)
        return {**context, "js_data": {"creation_options": options}}


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """One's own account: password, second factors, passkeys, sign-on, sessions."""
    rows = list(Authenticator.objects.filter(user_id=request.user.pk).order_by("created_at"))
    of_kind = {kind: [row for row in rows if row.type == kind] for kind in Authenticator.Type.values}
    codes = of_kind[Authenticator.Type.RECOVERY_CODES]
    if settings.OIDC_ISSUER:
        request.session.setdefault(CONNECTING, secrets.token_urlsafe(24))
    context = {
        "title": _("Your account"),
        "app": next(iter(of_kind[Authenticator.Type.TOTP]), None),
        "passkeys": [row.wrap() for row in of_kind[Authenticator.Type.WEBAUTHN]],
        "codes_left": len(codes[0].wrap().get_unused_codes()) if codes else None,
        "sign_ons": SocialAccount.objects.filter(user_id=request.user.pk),
        "sign_on": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
        "connecting": request.session.get(CONNECTING, ""),
    }
    return TemplateResponse(request, "accounts/account.html", context)


def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ends all of one's sessions, this one too, and one's sign-ins over the API; a GET asks first."""
    if request.method != "POST":
        context = {
            "title": _("Sign out everywhere"),
            "question": _(
                "You are signed out of every browser, this one too, and of programs that signed in for you."
            ),
            "button": _("Sign out everywhere"),
        }
        return TemplateResponse(request, "accounts/sure.html", context)
    assert isinstance(request.user, User)  # noqa: S101 (narrows the type; `own` lets nobody else in)
    user = request.user
    logout(request)
    end_sign_ins(user)
    messages.success(request, _("You are signed out everywhere."))
    return HttpResponseRedirect(reverse("account_login"))


@require_safe
def begin_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sends somebody to the provider: to sign in, or to tie an account there to theirs here.

    It is a link and no form, since the policy lets forms lead nowhere but here. Other sites cannot start it:
    they are told apart by the browser; and an account is only tied with what its page put into the link.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return HttpResponseRedirect(reverse("account_login"))
    # Not before, or any other site's page could use up the tries of whoever looks at it.
    if refusal := _too_many_tries(request):
        return refusal
    wanted = request.GET.get("connect")
    if wanted is not None:
        known = request.session.pop(CONNECTING, "")
        request.is_connecting = bool(known) and secrets.compare_digest(wanted.encode(), known.encode())  # type: ignore[attr-defined]
        if not request.is_connecting:  # type: ignore[attr-defined]
            return HttpResponseRedirect(reverse("mfa_index"))
    return _with_provider(OAuth2LoginView, request, provider_id)


def end_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Takes somebody in whom the provider sends back."""
    return _with_provider(Return, request, provider_id)


def _with_provider(kind: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        answer: HttpResponse = kind.adapter_view(Provider(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (RequestException, OAuth2Error):
        return refused(request, _("%s does not answer. Try again later.") % settings.OIDC_NAME, status=503)
    return answer
