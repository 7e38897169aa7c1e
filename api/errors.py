"""Every refusal as a problem document (RFC 9457): type, title, status, detail, code, errors, request_id.

`type` is `about:blank`, so that `title` is the phrase of the status; what a program decides by is `code`.
"""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from psycopg.errors import ForeignKeyViolation
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import Conflict, Forbidden, HelpdeskError, Invalid, NotFound, TooMany, Unavailable
from core.reasons import said

PROBLEM = "application/problem+json"
CODES = {
    exceptions.ParseError: "malformed",
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
}
# Those of DRF that say in many words what another one says in few.
FIELD_CODES = {
    "null_characters_not_allowed": "invalid_characters",
    "surrogate_characters_not_allowed": "invalid_characters",
    "max_string_length": "max_length",
}
DATABASE_AWAY_SECONDS = 2
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


def problem_details(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Renders an exception of a view (DRF calls this); None leaves a fault of ours to Django: 500, logged."""
    known = as_helpdesk_error(error)
    body = problem_of(error)
    if body is None:
        return None
    if isinstance(error, exceptions.UnsupportedMediaType):
        body["detail"] = _not_taken(context)
    if known is not None:
        headers = {"Retry-After": str(known.extra["retry_after"])} if "retry_after" in known.extra else {}
    else:
        headers = _headers(error)
    set_rollback()
    request_id = request_id_of(context["request"])
    if request_id:
        body["request_id"] = request_id
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


def _not_taken(context: Mapping[str, Any]) -> str:
    """Says what may be sent in the place of what was."""
    taken = [parser.media_type for parser in context["view"].parser_classes]
    return _("Send the body as %s, and say so in Content-Type.") % ", ".join(taken)


def problem_of(error: Exception) -> dict[str, Any] | None:
    """Returns the body of the problem document for an exception; None for a fault of ours."""
    known = as_helpdesk_error(error)
    if known is not None:
        errors = _errors_of(known)
        return problem(known.status, known.code, _named(errors) or said(known.detail), errors)
    return _from_framework(error) if isinstance(error, exceptions.APIException) else None


def as_helpdesk_error(error: Exception) -> HelpdeskError | None:
    """Returns the error as one of ours where there is one for it."""
    if isinstance(error, HelpdeskError):
        return error
    if isinstance(error, Http404 | exceptions.NotFound):
        return NotFound()
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        return Forbidden(str(error))
    if isinstance(error, exceptions.Throttled):
        return TooMany(retry_after=int(getattr(error, "wait", None) or 1))
    # What the body names was deleted while its sender wrote: the database is the first to see both.
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, ForeignKeyViolation):
        return Conflict()
    # The database is away or restarts: the request may be repeated, it is not a fault of its sender.
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(retry_after=DATABASE_AWAY_SECONDS)
    return None


def problem(
    status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """Returns the body of a problem document."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return body


def _errors_of(error: HelpdeskError) -> list[dict[str, str]]:
    field = error.extra.get("field")
    return [{"field": str(field), "detail": said(error.detail), "code": error.code}] if field else []


def _from_framework(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail))
        return problem(Invalid.status, Invalid.code, _named(errors) or Invalid().detail, errors)
    detail = str(error.detail)
    if isinstance(error, exceptions.NotAuthenticated):
        detail = _(
            "Say who you are: send a key as X-API-Key, or the token of a sign-in as Authorization: Bearer."
        )
    return problem(error.status_code, CODES.get(type(error), "error"), detail)


def _named(errors: list[dict[str, str]]) -> str:
    """Returns what is wrong first, with its field: a log shows nothing else. Empty without errors."""
    if not errors:
        return ""
    field, detail = errors[0]["field"], errors[0]["detail"]
    return f"{field}: {detail}" if field else detail


def _headers(error: Exception) -> dict[str, str]:
    challenge = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": challenge} if challenge else {}


def _flat(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Turns nested messages into a list with the path of each field."""
    if isinstance(detail, dict):
        for name, part in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(part, ".".join(filter(None, (path, own))))
    elif isinstance(detail, list):
        for part in detail:
            yield from _flat(part, path)
    else:
        code = str(getattr(detail, "code", "invalid"))
        code = FIELD_CODES.get(code, code)
        yield {"field": _sayable(path), "detail": _sayable(str(detail)), "code": code}


def _sayable(text: str) -> str:
    """Bounds a message that may repeat what was sent, and makes it something that can be sent back."""
    return text[:300].encode("utf-8", "replace").decode()


def request_id_of(request: Any) -> str:
    """Returns the sender's X-Request-ID if it is one that can be repeated without harm."""
    value = str(request.headers.get("X-Request-ID", ""))
    return value if _REQUEST_ID.fullmatch(value) else ""


def problem_response(request: HttpRequest, error: HelpdeskError) -> JsonResponse:
    """Returns a problem document outside of DRF: health checks, unknown addresses, faults."""
    body = problem(error.status, error.code, error.detail)
    if request_id := request_id_of(request):
        body["request_id"] = request_id
    return JsonResponse(body, status=error.status, content_type=PROBLEM)


class Fault(HelpdeskError):
    """Something went wrong on our side; it was logged."""

    code = "fault"
    status = 500


def is_for_programs(request: HttpRequest) -> bool:
    """True for addresses under which nobody expects a page."""
    return request.path.startswith(("/api/", "/v1/", "/health"))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers for unknown addresses: a problem under /api/, Django's page elsewhere (handler404)."""
    if is_for_programs(request):
        return problem_response(request, NotFound())
    return defaults.page_not_found(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers what somebody may not see: a problem under /api/, a page elsewhere (handler403)."""
    if is_for_programs(request):
        return problem_response(request, Forbidden())
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers when a view failed: a problem under /api/, Django's page elsewhere (handler500)."""
    if is_for_programs(request):
        return problem_response(request, Fault())
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers what Django refused to read: a problem under /api/, its page elsewhere (handler400)."""
    if is_for_programs(request):
        return problem_response(request, HelpdeskError())
    return defaults.bad_request(request, exception)
