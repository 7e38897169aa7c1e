"""The door for scripts of staff pages: JSON in, JSON or a problem out, always as somebody."""

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from accounts.models import User
from core.actor import Actor
from core.errors import Forbidden, HelpdeskError, Invalid, TooLarge, Unauthenticated

P = ParamSpec("P")
Json = dict[str, Any]
JsonView = Callable[Concatenate[HttpRequest, P], HttpResponse]

MAX_BODY = 128 * 1024


def staff_user(request: HttpRequest) -> User:
    """Returns the member of staff who asks; raises Unauthenticated for nobody, Forbidden for others."""
    user = request.user
    if not isinstance(user, User):
        raise Unauthenticated
    if not (user.is_active and user.is_staff):
        raise Forbidden
    return user


def problem(error: HelpdeskError) -> JsonResponse:
    """Renders an error as a problem document (RFC 9457)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        **error.extra,
    }
    return JsonResponse(body, status=error.status, content_type="application/problem+json")


def json_view(
    view: Callable[Concatenate[HttpRequest, Actor, P], Json],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Makes a function of request and actor a view for scripts: signed-in staff only, CSRF-checked.

    A script is told with a status instead of being sent to the login page.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return JsonResponse(view(request, staff_user(request).as_actor(), *args, **kwargs))
        except HelpdeskError as error:
            return problem(error)

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", never_cache(csrf_protect(wrapped)))


def body(request: HttpRequest) -> Json:
    """Returns the JSON object that a script sent; an empty body is an empty object."""
    if len(request.body) > MAX_BODY:
        raise TooLarge
    try:
        data = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Invalid from error
    if not isinstance(data, dict):
        raise Invalid
    return data
