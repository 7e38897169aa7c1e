"""The description says what the API does: every route, every answer, every field."""

import json
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from django.utils import timezone
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from api.schema import description
from campaigns.models import Campaign
from conversations.models import Conversation
from tests.api.test_matrix import ONE, ROWS, address, body_of, bring, canonical, methods
from tickets.models import Ticket


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
    served = {(described(route), verb) for route, view in canonical() for verb in methods(view)}
    assert told == served


def described(route: str) -> str:
    """Returns a route as OpenAPI writes it."""
    return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)


def test_every_operation_says_who_may_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    names = set()
    for path, verbs in document["paths"].items():
        for verb in verbs.values():
            names.add(verb["operationId"])
            assert verb["security"] == [{"ApiKey": []}, {"XApiKey": []}, {"cookieAuth": []}]
            assert verb["summary"]
            assert {"401", "403", "422", "503"} <= set(verb["responses"])
            assert ("404" in verb["responses"]) == ("{" in path)
    assert len(names) == len(ROWS)


def test_bodies_are_closed(document: dict[str, Any]) -> None:
    for verbs in document["paths"].values():
        for verb in verbs.values():
            if "requestBody" in verb:
                assert verb["requestBody"]["required"]
                schema = resolved(document, verb["requestBody"]["content"]["application/json"]["schema"])
                assert schema["additionalProperties"] is False
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


@pytest.mark.parametrize(("route", "verb"), sorted(ROWS))
@pytest.mark.usefixtures("campaign")
def test_answers_are_the_described_ones(
    route: str, verb: str, document: dict[str, Any], key: APIClient, ticket: Ticket
) -> None:
    conversation = ticket.conversations.get()
    campaign = Campaign.objects.get()
    path = described(route)
    url, body = address(route, conversation), body_of(route, verb, conversation)
    bring(route)
    call = getattr(key, verb)
    good = call(url, body, format="json")
    assert good.status_code < 300
    check(document, path, verb, good)
    for refused in (
        getattr(APIClient(), verb)(url, body, format="json"),
        call(f"{url}?nothing=1", body, format="json"),
        call(url.replace(str(conversation.pk), str(ticket.pk)), body, format="json"),
        call(url.replace(str(campaign.pk), str(ticket.pk)), body, format="json"),
    ):
        check(document, path, verb, refused)
    if body is not None or verb == "post":
        check(document, path, verb, call(url, {"nothing": 1}, format="json"))
        check(document, path, verb, call(url, data=b"{", content_type="application/json"))
        check(document, path, verb, call(url, data=b"x", content_type="text/plain"))


def test_conflict_is_described(document: dict[str, Any], key: APIClient, conversation: Conversation) -> None:
    url = f"/api/v1/conversations/{conversation.pk}/status"
    key.patch(url, {"status": "resolved"}, format="json")
    refused = key.patch(url, {"status": "bot"}, format="json")
    assert refused.status_code == 409
    check(document, "/api/v1/conversations/{conversation_id}/status", "patch", refused)


CHANGES = sorted(row for row in ROWS if row[0].startswith(ONE) and row[1] != "get")


@pytest.mark.parametrize(("route", "verb"), CHANGES)
@pytest.mark.usefixtures("ticket")
def test_conflicts_of_campaigns_are_described(
    route: str, verb: str, document: dict[str, Any], key: APIClient, campaign: Campaign
) -> None:
    conversation = Conversation.objects.get()
    at_work = verb == "delete" and route == ONE
    status = "running" if at_work else "done"
    over = None if at_work else timezone.now()
    Campaign.objects.update(status=status, approved_at=timezone.now(), finished_at=over)
    if route.endswith("/test"):
        # Free text, where only a template may be sent.
        campaign.variants.update(template=None, text="Olá")
    body = body_of(route, verb, conversation)
    refused = getattr(key, verb)(address(route, conversation), body, format="json")
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
