"""The description as a document and as two pages to read and try it, all served from here."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie

from api.errors import problem_response
from api.schema import rendered
from core.errors import HelpdeskError
from integrations.web.views import demo_shop

SAFE = ("GET", "HEAD")

# Redoc makes its style elements in the browser: empty ones, filled by script later, and one whose text never
# changes. Naming exactly these two texts by their hash lets them in and no other; scripts stay as strict as
# anywhere. Another version of Redoc may bring another text: the test with a browser tells.
REDOC_STYLES = [
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
]


class NotAllowed(HelpdeskError):
    """Only reading is possible here."""

    code = "method_not_allowed"
    status = 405


def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document: YAML, or JSON for `?format=json` and for clients that accept JSON."""
    if request.method not in SAFE:
        return not_allowed(request)
    asked = request.GET.get("format") or ("json" if "json" in request.headers.get("Accept", "") else "yaml")
    if asked == "json":
        return HttpResponse(rendered("json"), content_type="application/vnd.oai.openapi+json")
    return HttpResponse(rendered("yaml"), content_type="application/vnd.oai.openapi")


def not_allowed(request: HttpRequest) -> HttpResponse:
    """Refuses everything but reading."""
    response = problem_response(request, NotAllowed())
    response["Allow"] = ", ".join(SAFE)
    return response


def front(request: HttpRequest) -> HttpResponse:
    """What is here: said in JSON to programs that want nothing else, shown as the demonstration to people."""
    accepted = request.headers.get("Accept", "")
    if "json" not in accepted or "html" in accepted:
        return demo_shop(request)
    body = {"name": "Helpdesk", "version": settings.VERSION, "docs": "/docs", "api": "/api/v1/"}
    return JsonResponse({**body, "schema": "/api/schema/", "health": "/health"})


@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI: read and try."""
    return _page(request, "api/docs.html")


@csp_update({"style-src": REDOC_STYLES})
def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc: read."""
    return _page(request, "api/redoc.html")


def _page(request: HttpRequest, template: str) -> HttpResponse:
    if request.method not in SAFE:
        return not_allowed(request)
    return render(request, template)
