"""The OpenAPI description: what drf-spectacular is told, and what it cannot know by itself."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from api import examples
from api.errors import PROBLEM
from campaigns.segments import Segment

DESCRIPTION = """\
Conversations, messages, tickets and campaigns of a helpdesk, for programs.

**Sign in** with a key in a header, `Authorization: Api-Key KEY` or `X-API-Key: KEY`; people also with the
tokens of `auth/login`, `Authorization: Bearer TOKEN`, or with a browser's session. A key reads with the scope
`read` and writes with `write`; a key that is tied to teams sees what their operators see.

**Lists** come in pages: follow `next` until it is null.

**Refusals** are problem documents (RFC 9457). Decide by `code`; `errors` names the fields. Unknown fields and
query parameters are refused, never ignored.
"""

TAGS = [
    {"name": "auth", "description": "Who you are."},
    {"name": "users", "description": "Members of staff."},
    {"name": "teams", "description": "Who shares a queue; the sectors."},
    {"name": "invitations", "description": "Who is asked to join the staff."},
    {"name": "keys", "description": "What programs sign in with."},
    {"name": "conversations", "description": "Threads with customers."},
    {"name": "chat", "description": "A question, and its answer at once."},
    {"name": "messages", "description": "What was said."},
    {"name": "tickets", "description": "Work with a number."},
    {"name": "contacts", "description": "Customers, and how inboxes know them."},
    {"name": "tags", "description": "Short names on customers, conversations and articles."},
    {"name": "custom-fields", "description": "What the team notes beyond our own fields."},
    {"name": "campaigns", "description": "One message to many, each accounted for."},
    {"name": "webhooks", "description": "Who is told what happens."},
    {"name": "integrations", "description": "The inboxes: where customers write."},
    {"name": "agents", "description": "AI agents, and what they did."},
    {"name": "runs", "description": "One answer of an AI agent, step by step."},
    {"name": "canned-replies", "description": "Texts that are written again and again."},
    {"name": "articles", "description": "The help centre, from which agents answer."},
    {"name": "search", "description": "What the help centre says about a question."},
    {"name": "reports", "description": "Numbers of a time."},
    {"name": "events", "description": "All that happens, in order, for programs that ask."},
    {"name": "mcp", "description": "The same for models: tools of the Model Context Protocol."},
]


STREAM = "text/event-stream"
# Of `api.seeds.aliases`.
UNVERSIONED = re.compile(r"/api/(?!v[0-9]+/)")


# In the order in which the documentation offers them.
WAYS_IN = ("XApiKey", "ApiKey", "Bearer", "cookieAuth", "ChatKey")


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


class ChatKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the header of the chat of older systems."""

    target_class = "api.seeds.callers.ChatKeyAuthentication"
    name = "ChatKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Returns the header as an OpenAPI security scheme."""
        del auto_schema
        text = "A key, or one of API_KEYS; needed unless REQUIRE_API_KEY is off."
        return {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": text}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the tokens of people."""

    target_class = "api.authentication.BearerAuthentication"
    name = "Bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Returns the header as an OpenAPI security scheme."""
        del auto_schema
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def only_canonical(
    endpoints: list[tuple[str, str, str, Any]], **_kwargs: Any
) -> list[tuple[str, str, str, Any]]:
    """Leaves out what is the same again: with a slash at its end, or without a version in it."""
    return [each for each in endpoints if not each[0].endswith("/") and UNVERSIONED.match(each[0]) is None]


def with_introduction(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Adds what there is to know before the first call."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = TAGS
    schemes = result["components"]["securitySchemes"]
    result["components"]["securitySchemes"] = {name: schemes[name] for name in WAYS_IN} | schemes
    return result


def with_segments(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describes the rules of a segment by the models that read them, each kind under a name of its own."""
    whole = Segment.model_json_schema(ref_template="#/components/schemas/{model}")
    result["components"]["schemas"] |= {**whole.pop("$defs"), "Segment": whole}
    return result


def with_strict_bodies(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Says which bodies are needed, and that they, and what is in them, may hold nothing but what is listed.

    No body at all is one in which everything is left out, where that may be.
    """
    schemas = result["components"]["schemas"]
    for verbs in result["paths"].values():
        for verb in verbs.values():
            if body := verb.get("requestBody"):
                body["required"] = any(schemas[name].get("required") for name in _shapes_of(body))
                for name in _names_in(body, schemas, set()):
                    if "properties" in schemas[name]:
                        schemas[name]["additionalProperties"] = False
    return result


def _shapes_of(body: dict[str, Any]) -> set[str]:
    """Returns the names of the schemas that a body itself may have."""
    return {media["schema"].get("$ref", "").rpartition("/")[2] for media in body["content"].values()}


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


def with_chosen_fields(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describes what an answer looks like when only some of its fields were asked for."""
    schemas = result["components"]["schemas"]
    for path in result["paths"].values():
        verb = path.get("get", {})
        if any(parameter["name"] == "fields" for parameter in verb.get("parameters", ())):
            content = verb["responses"]["200"]["content"]["application/json"]
            content["schema"] = _or_part(content["schema"], schemas)
    return result


def _or_part(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "array":
        return {**schema, "items": _or_part(schema["items"], schemas)}
    name = schema["$ref"].rpartition("/")[2]
    part = f"PartOf{name}"
    schemas[part] = {
        "type": "object",
        "description": f"The fields of {name} that were asked for.",
        "properties": schemas[name]["properties"],
    }
    return {"anyOf": [schema, {"$ref": f"#/components/schemas/{part}"}]}


def with_problems(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Adds the refusals that operations name (`api.openapi`)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    used = {
        int(status)
        for path in result["paths"].values()
        for verb in path.values()
        for status, answer in verb["responses"].items()
        if answer.get("$ref", "").startswith("#/components/responses/Problem")
    }
    components["responses"] = {f"Problem{status}": _problem_response(status) for status in sorted(used)}
    return result


def with_streams(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describes what a stream holds, event by event: the specification of HTML has the lines."""
    for path in result["paths"].values():
        for verb in path.values():
            for answer in verb["responses"].values():
                if STREAM in answer.get("content", {}):
                    answer["content"][STREAM]["schema"] = {"$ref": "#/components/schemas/StreamEvent"}
    text = {"type": "string"}
    result["components"]["schemas"]["StreamEvent"] = {
        "type": "object",
        "description": "One event of a stream.",
        "properties": {
            "event": {**text, "description": "What it is."},
            "id": {**text, "description": "Send the last one as `Last-Event-ID` to go on behind it."},
            "data": {**text, "description": "JSON."},
        },
    }
    return result


def with_links(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Says what can be asked next with the id of what a POST has made."""
    for path, verbs in result["paths"].items():
        made = verbs.get("post", {}).get("responses", {}).get(str(HTTPStatus.CREATED), {})
        if "content" not in made:
            continue
        below = re.compile(re.escape(path) + r"/\{(\w+)\}(/[a-z-]+)*")
        links = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {found[1]: f"$response.body#/{_key_of(found[1])}"},
            }
            for other, operations in result["paths"].items()
            if (found := below.fullmatch(other))
            for operation in operations.values()
        }
        if links:
            made["links"] = links
    return result


def _key_of(parameter: str) -> str:
    return "slug" if parameter.endswith("slug") else "id"


def with_examples(result: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Adds what requests and answers look like."""
    examples.add([verb for path in result["paths"].values() for verb in path.values()])
    return result


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
        "content": {
            PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": examples.problem(status)}
        },
    }
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
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
