"""The examples in the description: real requests and answers, as they look now.

With EXAMPLES=write they are taken anew; run it alone and in one process.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from rest_framework.test import APIClient

from api import examples
from api.schema import description
from tests.api.rows import ROWS, Row
from tests.api.test_matrix import Stage, address, put_there
from tests.api.test_matrix import stage as stage  # noqa: PLC0414 (a fixture, as those below)
from tests.api.test_matrix import strangers as strangers  # noqa: PLC0414
from tests.api.test_schema import allowed as allowed  # noqa: PLC0414
from tests.api.test_schema import described
from tests.api.test_schema import key as key  # noqa: PLC0414

WRITES = os.environ.get("EXAMPLES") == "write"


@pytest.fixture(scope="module")
def taken() -> Iterator[dict[str, Any]]:
    """Collects examples and keeps them."""
    found: dict[str, Any] = {}
    yield found
    text = json.dumps(dict(sorted(found.items())), ensure_ascii=False, indent=1)
    examples.FILE.write_text(f"{text}\n", encoding="utf-8")


def with_first_inbox(shown: Any) -> Any:
    """Names the inbox that every helpdesk has first, so that an example can be tried as it stands."""
    if isinstance(shown, list):
        return [with_first_inbox(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    named = {name: with_first_inbox(value) for name, value in shown.items()}
    if "inbox" in named:
        named["inbox"] = {**named["inbox"], "id": 1} if isinstance(named["inbox"], dict) else 1
    return named


if WRITES:

    @pytest.mark.parametrize(("route", "verb"), sorted(ROWS))
    def test_examples_are_taken(
        *, route: str, verb: str, allowed: Callable[[Row], APIClient], stage: Stage, taken: dict[str, Any]
    ) -> None:
        row, side = ROWS[route, verb], stage.support
        put_there(row, side)
        url, body = address(route, side, row), row.body_for(side)
        answer = getattr(allowed(row), verb)(url, body, format="json")
        assert answer.status_code == row.own
        found = {"request": body} if body is not None else {}
        if answer.get("Content-Type") == examples.JSON:
            shown = answer.json()
            if isinstance(shown, dict) and "results" in shown:
                shown["results"] = shown["results"][-1:]
            found[str(row.own)] = shown
        found = with_first_inbox(found)
        taken[description()["paths"][described(route)][verb]["operationId"]] = found


def told() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of JSON that is described, and the name of where it stands."""
    for verbs in description()["paths"].values():
        for verb in verbs.values():
            parts = {"request": verb.get("requestBody", {})}
            parts |= {name: part for name, part in verb["responses"].items() if name.startswith("2")}
            for name, part in parts.items():
                if examples.JSON in part.get("content", {}):
                    yield f"{verb['operationId']} {name}", part["content"][examples.JSON]


def test_every_body_has_an_example_of_its_shape() -> None:
    wrong = {}
    for where, content in told():
        if "example" not in content:
            wrong[where] = "has none"
        elif error := complaint(content["example"], content["schema"]):
            wrong[where] = error
    assert wrong == {}


def complaint(example: Any, schema: dict[str, Any]) -> str:
    """Returns what is wrong with an example; empty when it has its shape."""
    validator = jsonschema.Draft202012Validator({**schema, "components": description()["components"]})
    return next((error.message for error in validator.iter_errors(example)), "")


def test_every_refusal_has_an_example_of_its_shape() -> None:
    for name, response in description()["components"]["responses"].items():
        (content,) = response["content"].values()
        assert complaint(content["example"], content["schema"]) == ""
        assert name == f"Problem{content['example']['status']}"


def test_no_example_is_left_of_what_is_gone() -> None:
    served = {verb["operationId"] for verbs in description()["paths"].values() for verb in verbs.values()}
    assert set(examples.kept()) <= served
