"""What requests and answers look like: real ones, kept in `examples.json` by the test that makes them.

After a change of shapes: `EXAMPLES=write make test ARGS="-n0 tests/api/test_examples.py"`.
"""

import json
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")
JSON = "application/json"
# What a refusal says; the `code` is what programs go by.
REFUSALS: dict[int, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: ("malformed", "The body is not JSON."),
    HTTPStatus.UNAUTHORIZED: ("unauthenticated", "Sign in, or send a key."),
    HTTPStatus.FORBIDDEN: ("forbidden", "You may not do this."),
    HTTPStatus.NOT_FOUND: ("not_found", "Not found."),
    HTTPStatus.CONFLICT: ("conflict", "This does not go with the present state."),
    HTTPStatus.PRECONDITION_FAILED: ("changed", "It was changed meanwhile. Read it again."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "This is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("unsupported_media_type", "Send JSON."),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("invalid", "This field is required."),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many", "Too many requests. Try again in a moment."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("unavailable", "Try again in a moment."),
}


@cache
def kept() -> dict[str, dict[str, Any]]:
    """Returns, by operation, the body of a request under `request` and that of an answer under its status."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def add(operations: Iterable[dict[str, Any]]) -> None:
    """Puts the examples into the description; an answer that has none takes that of another of its shape."""
    bodies = {
        (operation["operationId"], name): content[JSON]
        for operation in operations
        for name, part in (("request", operation.get("requestBody", {})), *operation["responses"].items())
        if JSON in (content := part.get("content", {}))
    }
    of_shape = {}
    for (operation_id, name), body in bodies.items():
        if name in (known := kept().get(operation_id, {})):
            body["example"] = of_shape[str(body["schema"])] = known[name]
    for body in bodies.values():
        if "example" not in body and (shape := str(body["schema"])) in of_shape:
            body["example"] = of_shape[shape]


def problem(status: int) -> dict[str, Any]:
    """Returns a problem document as a refusal with this status has it."""
    code, detail = REFUSALS[status]
    about = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    wrong = {"field": "subject", "detail": detail, "code": code}
    errors = {"errors": [wrong]} if status == HTTPStatus.UNPROCESSABLE_ENTITY else {}
    return {**about, "detail": detail, "code": code, **errors}
