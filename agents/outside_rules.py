"""What may stand in the description of an outside tool: said before it is stored, field by field."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from agents.models import HttpTool
from agents.outside import SESSION, names_in
from core.errors import NotFound
from core.http import check_address
from core.outbound import OutboundRefused
from llm.tools import Effect, get_tool

# What a schema may say: enough to describe arguments, nothing that is fetched or takes for ever.
KEYWORDS = {
    "type", "properties", "required", "description", "title", "enum", "items", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems", "default", "additionalProperties", "format",
}  # fmt: skip
MOST_HEADERS, LONGEST_HEADER = 20, 4_000
DEEPEST = 5
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# What the outbound door, or we, write ourselves.
OURS = {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "content-type"}


def complaints(row: HttpTool) -> Iterator[tuple[str, str]]:
    """Yields what is wrong with a description: the field, and the reason for whoever writes it."""
    if _is_taken(row.name):
        yield "name", _("A tool of that name is built in.")
    wrong = list(_of_schema(row.parameters, 0))
    if not isinstance(row.parameters, dict) or row.parameters.get("type") != "object":
        wrong = [_("It must describe an object: {“type”: “object”, “properties”: {…}}.")]
    yield from (("parameters", told) for told in wrong[:3])
    yield from (("url", told) for told in _of_address(row, known=set() if wrong else _properties(row)))
    yield from (("headers", told) for told in _of_headers(row.headers))
    if row.effect == Effect.READ and row.method not in {HttpTool.Method.GET, HttpTool.Method.POST}:
        yield "effect", _("A tool that only reads asks with GET, or with POST.")


def _is_taken(name: str) -> bool:
    try:
        get_tool(name)
    except NotFound:
        return False
    return True


def _properties(row: HttpTool) -> set[str]:
    return set(row.parameters.get("properties", {}))


def _of_schema(part: Any, depth: int) -> Iterator[str]:
    """Looks at one part of a schema and what is within."""
    from jsonschema import Draft202012Validator  # deferred: slow import
    from jsonschema.exceptions import SchemaError  # deferred: slow import

    if not isinstance(part, Mapping):
        yield _("It must be a JSON object.")
        return
    if depth > DEEPEST:
        yield _("It is nested too deeply.")
        return
    if unknown := sorted(set(part) - KEYWORDS):
        yield _("“%s” is not taken; what is: %s.") % (str(unknown[0])[:40], ", ".join(sorted(KEYWORDS)))
        return
    try:
        Draft202012Validator.check_schema(part)
    except SchemaError as error:
        yield _("It is no JSON schema: %s") % error.message[:200]
        return
    for name, inner in part.get("properties", {}).items():
        if not re.fullmatch(r"[a-zA-Z_]\w{0,59}", name) or name in SESSION:
            yield _("“%s” cannot be the name of an argument.") % name[:60]
        yield from _of_schema(inner, depth + 1)
    if isinstance(part.get("items"), Mapping):
        yield from _of_schema(part["items"], depth + 1)


def _of_address(row: HttpTool, known: set[str]) -> Iterator[str]:
    try:
        names = names_in(row.url)
        parts = urlsplit(row.url)
    except ValueError:
        yield _("Braces stand around the name of an argument, and nowhere else.")
        return
    if names_in_host := [name for name in names if f"{{{name}}}" in f"{parts.scheme}//{parts.netloc}"]:
        yield _("“%s” would choose the host: that must be fixed.") % names_in_host[0]
    for name in sorted(names - known - set(SESSION)):
        yield _("“%s” is no argument of this tool.") % name
    if not row.needs_verification and names & set(SESSION[:2]):
        yield _("Anybody can claim an address or a number: this is for verified customers only.")
    if parts.fragment:
        yield _("An address has no # here.")
    try:
        check_address(re.sub(r"{\w+}", "x", row.url))
    except OutboundRefused as error:
        yield str(error.detail)


def _of_headers(headers: Any) -> Iterator[str]:
    if not isinstance(headers, Mapping) or len(headers) > MOST_HEADERS:
        yield _("Write at most %d headers, each as Name: value.") % MOST_HEADERS
        return
    for name, value in headers.items():
        if not _HEADER.fullmatch(str(name)) or name.lower() in OURS:
            yield _("“%s” cannot be a header here.") % str(name)[:60]
        elif not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= LONGEST_HEADER:
            yield _("The value of “%s” cannot be sent.") % name
