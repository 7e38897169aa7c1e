"""What requests and answers look like: real ones, kept in `examples.json` by the test that makes them.

After a change of shapes: `EXAMPLES=write make test ARGS="-n0 tests/api/test_examples.py"`.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

from rest_framework import exceptions

from api.errors import problem_of
from core.errors import (
    Changed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

FILE = Path(__file__).with_name("examples.json")
JSON = "application/json"
# One refusal of each status, as they are raised.
REFUSALS: tuple[Callable[[], Exception], ...] = (
    exceptions.ParseError, partial(exceptions.UnsupportedMediaType, "text/plain"), Unauthenticated, Forbidden,
    NotFound, Conflict, Changed, TooLarge, partial(Invalid, field="subject"), TooMany, Unavailable,
)  # fmt: skip


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
    """Returns what is answered to a refusal with this status."""
    told = (problem_of(make()) for make in REFUSALS)
    return next(body for body in told if body and body["status"] == status)
