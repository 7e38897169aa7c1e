"""The OpenAPI description: what drf-spectacular is told, and what it cannot know by itself."""

from functools import cache
from http import HTTPStatus
from typing import Any

from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from api.errors import PROBLEM
from campaigns.segments import Segment

DESCRIPTION = """\
Conversations, messages, tickets and campaigns of a helpdesk, for programs.

**Sign in** with a key in a header, `Authorization: Api-Key KEY` or `X-API-Key: KEY`; a browser's session
works too. A key reads with the scope `read` and writes with `write`; a key that is tied to teams sees what
their operators see.

**Lists** come in pages: follow `next` until it is null.

**Refusals** are problem documents (RFC 9457). Decide by `code`; `errors` names the fields. Unknown fields and
query parameters are refused, never ignored.
"""

TAGS = [
    {"name": "conversations", "description": "Threads with customers."},
    {"name": "messages", "description": "What was said."},
    {"name": "tickets", "description": "Work with a number."},
    {"name": "campaigns", "description": "One message to many, each accounted for."},
]

ALWAYS = (401, 403, 422, 503)
FOR_AN_OBJECT = (404,)
WITH_BODY = (400, 413, 415)
# Where the state may forbid what is asked for.
CONFLICTS = {
    "/api/v1/conversations/{conversation_id}/status": {"patch"},
    "/api/v1/conversations/{conversation_id}/messages": {"post"},
    "/api/v1/campaigns/{campaign_id}": {"patch", "delete"},
    "/api/v1/campaigns/{campaign_id}/recipients": {"post", "delete"},
    **{
        f"/api/v1/campaigns/{{campaign_id}}/{verb}": {"post"}
        for verb in ("approve", "start", "pause", "resume", "cancel", "test")
    },
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the two headers in which a key may come."""

    target_class = "api.authentication.ApiKeyAuthentication"
    name = ["ApiKey", "XApiKey"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Returns the headers as alternatives."""
        del auto_schema
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Returns both headers as OpenAPI security schemes."""
        del auto_schema
        return [
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Api-Key KEY"},
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key alone."},
        ]


def only_canonical(
    endpoints: list[tuple[str, str, str, Any]], **_kwargs: Any
) -> list[tuple[str, str, str, Any]]:
    """Leaves out the addresses with a slash at their end: they are the same ones again."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def with_introduction(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Adds what there is to know before the first call."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = TAGS
    return result


def with_segments(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describes the rules of a segment by the models that read them, each kind under a name of its own."""
    whole = Segment.model_json_schema(ref_template="#/components/schemas/{model}")
    result["components"]["schemas"] |= {**whole.pop("$defs"), "Segment": whole}
    return result


def with_strict_bodies(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Says that a body is needed and that it, and what is in it, may hold nothing but what is listed."""
    schemas = result["components"]["schemas"]
    for verbs in result["paths"].values():
        for verb in verbs.values():
            if body := verb.get("requestBody"):
                body["required"] = True
                for name in _names_in(body, schemas, set()):
                    if "properties" in schemas[name]:
                        schemas[name]["additionalProperties"] = False
    return result


def _names_in(part: Any, schemas: dict[str, Any], found: set[str]) -> set[str]:
    """Returns the names of all schemas that a description refers to, and those refer to."""
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in found:
            found.add(name)
            _names_in(schemas[name], schemas, found)
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _names_in(inner, schemas, found)
    return found


def with_pages(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Puts the rows of a list where they really come: beside the address of the next page."""
    for path in result["paths"].values():
        content = path.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("type") == "array":
            rows = dict(schema)
            following = {"type": ["string", "null"], "format": "uri", "description": "The next page."}
            content["application/json"]["schema"] = {
                "type": "object",
                "properties": {"results": rows, "next": following},
                "required": ["results", "next"],
                "additionalProperties": False,
            }
    return result


def with_problems(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Adds to every operation the refusals it may answer with."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    used: set[int] = set()
    for path, verbs in result["paths"].items():
        for method, verb in verbs.items():
            for status in sorted(_refusals(path, method, verb)):
                used.add(status)
                verb["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    components["responses"] = {f"Problem{status}": _problem_response(status) for status in sorted(used)}
    return result


def _refusals(path: str, method: str, verb: dict[str, Any]) -> set[int]:
    statuses = set(ALWAYS)
    if "{" in path:
        statuses |= set(FOR_AN_OBJECT)
    # A POST that needs no body reads what is sent all the same, and refuses it.
    if "requestBody" in verb or method == "post":
        statuses |= set(WITH_BODY)
    if method in CONFLICTS.get(path, ()):
        statuses.add(409)
    return statuses


def _problem_schemas() -> dict[str, Any]:
    text = {"type": "string"}
    field = {
        "type": "object",
        "description": "What is wrong with one field of the body or of the query.",
        "properties": {"field": {**text, "description": "Path of the field."}, "detail": text, "code": text},
        "required": ["field", "detail", "code"],
    }
    problem = {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "properties": {
            "type": {**text, "examples": ["about:blank"]},
            "title": {**text, "description": "Phrase of the status."},
            "status": {"type": "integer"},
            "detail": {**text, "description": "For people, in the language of the request."},
            "code": {**text, "description": "For programs.", "examples": ["not_found"]},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            "request_id": {**text, "description": "The X-Request-ID of the request, if it had one."},
        },
        "required": ["type", "title", "status", "detail", "code"],
    }
    return {"FieldError": field, "Problem": problem}


def _problem_response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return response


@cache
def description() -> dict[str, Any]:
    """Returns the OpenAPI document. Made once a process, in English; it depends on nothing but the code."""
    with translation.override("en"):
        document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def rendered(kind: str) -> bytes:
    """Returns the OpenAPI document as `json` or `yaml`."""
    renderer = OpenApiJsonRenderer() if kind == "json" else OpenApiYamlRenderer()
    output: bytes = renderer.render(description(), renderer_context={})
    return output
