"""Leads whoever must have a second factor and has none to the page where they set one up."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.json_views import problem
from accounts.models import User
from accounts.signing_in.factors import SecondFactorRequired, lacks_second_factor

# The API asks a session for it by itself (api.sessions), since a key beside it is asked for nothing.
FREE = ("/accounts/", "/api/v1/", "/health", settings.STATIC_URL)


def require_second_factor(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Lets such a user reach nothing but the pages of their account; costs nothing while no role is named."""

    def answer(request: HttpRequest) -> Any:
        refusal = _refusal(request) if _is_asked(request) else None
        return get_response(request) if refusal is None else refusal

    return answer


def _is_asked(request: HttpRequest) -> bool:
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return bool(settings.MFA_REQUIRED_ROLES) and has_session and not request.path.startswith(FREE)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    user = request.user
    if not isinstance(user, User) or request.path == reverse("admin:logout") or not lacks_second_factor(user):
        return None
    # Scripts of a page that was open already want a sentence, not a page.
    if "text/html" not in request.headers.get("Accept", ""):
        return problem(SecondFactorRequired())
    messages.warning(request, _("Your role asks for a second factor. Set one up to go on."))
    return HttpResponseRedirect(reverse("mfa_index"))
