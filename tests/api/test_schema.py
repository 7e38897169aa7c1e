"""The description says what the API does: every route, every answer, every field."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
import yaml
from django.utils import timezone
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from api.schema import description
from campaigns.models import Campaign
from conversations.models import Conversation
from tests.api.conftest import KeyClient, KeyMaker
from tests.api.rows import ALIASES, ROWS, Row, Who
from tests.api.rows.campaigns import ONE
from tests.api.test_matrix import Stage, address, canonical, methods, put_there
from tests.api.test_matrix import stage as stage  # noqa: PLC0414 (a fixture, as that below)
from tests.api.test_matrix import strangers as strangers  # noqa: PLC0414

Told = Callable[[str, str, Any], None]
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return description()


def test_description_is_openapi(document: dict[str, Any]) -> None:
    validate_schema(document)
    assert document["openapi"].startswith("3.1")


def test_description_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    description.cache_clear()
    description()
    assert capsys.readouterr().err == ""


def test_every_route_and_method_is_described(document: dict[str, Any]) -> None:
    told = {(path, verb) for path, verbs in document["paths"].items() for verb in verbs}
    served = {
        (described(route), verb)
        for route, view in canonical()
        for verb in methods(view)
        if (route, verb) not in ALIASES
    }
    assert told == served


def described(route: str) -> str:
    """Returns a route as OpenAPI writes it."""
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)


def test_every_operation_says_who_may_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    names = set()
    rows = {(described(route), verb): row for (route, verb), row in ROWS.items()}
    for path, verbs in document["paths"].items():
        for method, verb in verbs.items():
            names.add(verb["operationId"])
            assert verb["summary"]
            assert {"422", "429", "503"} <= set(verb["responses"])
            assert ("404" in verb["responses"]) >= ("{" in path)
            assert ("412" in verb["responses"]) == (method in {"put", "patch", "delete"})
            if rows[path, method].who != Who.ANYBODY:
                scheme = "ChatKey" if rows[path, method].who == Who.CHATS else "ApiKey"
                assert {scheme: []} in verb["security"]
                assert {"401", "403"} <= set(verb["responses"])
    assert len(names) == len(ROWS)


def test_bodies_are_closed(document: dict[str, Any]) -> None:
    for verbs in document["paths"].values():
        for verb in verbs.values():
            if "requestBody" in verb:
                schema = resolved(document, verb["requestBody"]["content"]["application/json"]["schema"])
                assert schema["additionalProperties"] is False
                # No body is one in which everything is left out.
                assert verb["requestBody"]["required"] == bool(schema.get("required"))
    for name in ("NewVariant", "NamedPerson", "TemplateName", "Tester", "Segment", "TagRule"):
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        part: Any = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            part = part[name]
        schema = part
    return schema


def closed(part: Any) -> Any:
    """Returns a schema in which objects may hold nothing that is not described."""
    if isinstance(part, list):
        return [closed(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    shut = {name: closed(inner) for name, inner in part.items()}
    if shut.get("type") == "object" and isinstance(shut.get("properties"), dict):
        shut.setdefault("additionalProperties", False)
    return shut


def check(document: dict[str, Any], path: str, verb: str, response: Any) -> None:
    """Fails when an answer is not the described one."""
    told = resolved(document, document["paths"][path][verb]["responses"][str(response.status_code)])
    if response.status_code == 204:
        assert (response.content, "content" in told) == (b"", False)
        return
    content_type = response["Content-Type"].partition(";")[0]
    schema = {**told["content"][content_type]["schema"], "components": document["components"]}
    jsonschema.validate(
        json.loads(response.content), closed(schema), format_checker=jsonschema.FormatChecker()
    )


@pytest.fixture
def key(with_key: KeyMaker) -> KeyClient:
    """One that may do everything."""
    return with_key("admin")


@pytest.fixture
def told(document: dict[str, Any]) -> Told:
    """Fails when an answer is not the described one."""

    def check_it(route: str, verb: str, response: Any) -> None:
        check(document, described(route), verb, response)

    return check_it


@pytest.fixture
def allowed(key: KeyClient, as_ana: APIClient) -> Callable[[Row], APIClient]:
    """Returns who may use a route."""
    return lambda row: as_ana if row.who == Who.PEOPLE else key


@pytest.mark.parametrize(("route", "verb"), sorted(ROWS))
def test_answers_are_the_described_ones(
    route: str, verb: str, told: Told, allowed: Callable[[Row], APIClient], stage: Stage
) -> None:
    row, side = ROWS[route, verb], stage.support
    put_there(row, side)
    url, body = address(route, side, row), row.body_for(side)
    call = getattr(allowed(row), verb)
    good = call(url, body, format="json")
    assert good.status_code == row.own
    told(route, verb, good)
    more = "&" if "?" in url else "?"
    told(route, verb, getattr(APIClient(), verb)(url, body, format="json"))
    told(route, verb, call(f"{url}{more}nothing=1", body, format="json"))
    for named in UUIDS.findall(url):
        told(route, verb, call(url.replace(named, str(uuid4())), body, format="json"))
    if body is not None or verb == "post":
        told(route, verb, call(url, {"nothing": 1}, format="json"))
        told(route, verb, call(url, data=b"{", content_type="application/json"))
        told(route, verb, call(url, data=b"x", content_type="text/plain"))


@pytest.mark.parametrize("route", sorted(route for route, verb in ROWS if verb == "get"))
def test_chosen_and_expanded_fields_are_described(
    route: str, told: Told, allowed: Callable[[Row], APIClient], stage: Stage
) -> None:
    """Each field alone, and each that can be whole."""
    row = ROWS[route, "get"]
    put_there(row, stage.support)
    url = address(route, stage.support, row)
    url += "&" if "?" in url else "?"
    caller = allowed(row)
    for name in ("fields", "expand"):
        for value in names_of(route, name):
            answer = caller.get(f"{url}{name}={value}")
            told(route, "get", answer)
            shown = answer.json().get("results", [answer.json()])
            assert name == "expand" or all(set(each) <= {value} for each in shown), value
        told(route, "get", caller.get(f"{url}{name}=nothing"))


def names_of(route: str, parameter: str) -> list[str]:
    """Returns what may be given for `fields` or `expand`; empty where there is no such parameter."""
    parameters = description()["paths"][described(route)]["get"].get("parameters", ())
    found = [each["schema"]["items"]["enum"] for each in parameters if each["name"] == parameter]
    return list(found[0]) if found else []


def test_conflict_is_described(document: dict[str, Any], key: APIClient, conversation: Conversation) -> None:
    url = f"/api/v1/conversations/{conversation.pk}/status"
    key.patch(url, {"status": "resolved"}, format="json")
    refused = key.patch(url, {"status": "bot"}, format="json")
    assert refused.status_code == 409
    check(document, "/api/v1/conversations/{conversation_id}/status", "patch", refused)


CHANGES = sorted(key for key in ROWS if key[0].startswith(ONE) and key[1] != "get")


@pytest.mark.parametrize(("route", "verb"), CHANGES)
def test_conflicts_of_campaigns_are_described(
    route: str, verb: str, document: dict[str, Any], key: APIClient, stage: Stage
) -> None:
    campaign = stage.support.campaign
    at_work = verb == "delete" and route == ONE
    status = "running" if at_work else "done"
    over = None if at_work else timezone.now()
    Campaign.objects.update(status=status, approved_at=timezone.now(), finished_at=over)
    if route.endswith("/test"):
        # Free text, where only a template may be sent.
        campaign.variants.update(template=None, text="Olá")
    body = ROWS[route, verb].body_for(stage.support)
    refused = getattr(key, verb)(address(route, stage.support, ROWS[route, verb]), body, format="json")
    assert refused.status_code == 409
    check(document, described(route), verb, refused)


def test_description_comes_as_yaml_and_as_json(client: Any) -> None:
    as_yaml = client.get("/api/schema/")
    assert as_yaml["Content-Type"] == "application/vnd.oai.openapi"
    as_json = client.get("/api/schema/?format=json")
    assert as_json["Content-Type"] == "application/vnd.oai.openapi+json"
    accepted = client.get("/api/schema", headers={"Accept": "application/json"})
    assert yaml.safe_load(as_yaml.content) == json.loads(as_json.content) == json.loads(accepted.content)
    for query in ("format=nonsense", "lang=%00", "version=1%0d%0ax", "lang=xx"):
        assert client.get(f"/api/schema?{query}").content == as_yaml.content
