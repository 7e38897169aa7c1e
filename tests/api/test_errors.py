"""Every refusal is a problem document, and nothing that is sent breaks anything."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import exceptions
from rest_framework.test import APIClient

from api.errors import bad_request, page_not_found, problem_details, server_error
from api.parsers import MAX_BODY
from api.shapes import MOST_NAMES
from campaigns.models import Campaign
from conversations.models import Conversation
from core import errors
from tickets.models import Ticket

TICKETS, CAMPAIGNS = "/api/v1/tickets", "/api/v1/campaigns"


def is_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.content)
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert set(body) <= {"type", "title", "status", "detail", "code", "errors", "request_id"}
    return body


def test_nobody_is_asked_who_they_are(anonymous: APIClient, db: None) -> None:
    response = anonymous.get(TICKETS)
    detail = is_problem(response, 401, "unauthenticated")["detail"]
    assert "X-API-Key" in detail
    assert "Authorization: Bearer" in detail
    assert response["WWW-Authenticate"] == 'Api-Key realm="api"'


def test_unknown_address(anonymous: APIClient, key: APIClient) -> None:
    for path in ("/api/v1/nothing", "/api/", "/api/v1/tickets/5", "/api/v1/tickets/x/y", "/api/v2/tickets"):
        is_problem(key.get(path), 404, "not_found")
        is_problem(anonymous.post(path), 404, "not_found")


def test_unknown_page_is_a_page(client: Any, db: None) -> None:
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_wrong_method(key: APIClient, ticket: Ticket) -> None:
    for verb in ("put", "delete", "options"):
        response = getattr(key, verb)(f"{TICKETS}/{ticket.pk}")
        is_problem(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, HEAD, PATCH"


def test_wrong_type_of_body(key: APIClient) -> None:
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "x",
    ):
        refused = key.post(TICKETS, data=b"subject=x", content_type=content_type)
        assert "application/json" in is_problem(refused, 415, "unsupported_media_type")["detail"]


BROKEN = [
    b"{",
    b"nope",
    b'{"subject": "x"',
    b"\xff\xfe",
    b'{"subject": NaN}',
    b'{"subject": Infinity}',
    b"\x00",
    b"1" * 5000,
    b"[" * 50_000,
    b'{"a":' * 50_000,
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_body_that_is_no_json(key: APIClient, body: bytes) -> None:
    is_problem(key.post(TICKETS, data=body, content_type="application/json"), 400, "malformed")


def test_body_that_is_too_large(key: APIClient) -> None:
    body = json.dumps({"subject": "x" * MAX_BODY})
    is_problem(key.post(TICKETS, data=body, content_type="application/json"), 413, "too_large")


def test_no_body_at_all(key: APIClient) -> None:
    is_problem(key.post(TICKETS), 422, "invalid")


def test_a_query_names_so_many_fields_and_no_more(key: APIClient, db: None) -> None:
    assert key.get(f"/api/v1/teams?fields={','.join(['id'] * MOST_NAMES)}").status_code == 200
    refused = key.get(f"/api/v1/teams?fields={','.join(['id'] * (MOST_NAMES + 1))}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "fields")


def test_wrong_values_name_their_fields(key: APIClient) -> None:
    body = is_problem(key.post(TICKETS, {"subject": "", "priority": "x"}, format="json"), 422, "invalid")
    assert {(error["field"], error["code"]) for error in body["errors"]} == {
        ("subject", "blank"), ("priority", "invalid_choice")
    }  # fmt: skip
    assert body["detail"] == f"subject: {body['errors'][0]['detail']}"


def test_space_around_a_text_counts_as_described(key: APIClient) -> None:
    assert key.post(TICKETS, {"subject": " " + "x" * 199}, format="json").json()["subject"] == "x" * 199
    body = is_problem(key.post(TICKETS, {"subject": " " + "x" * 200}, format="json"), 422, "invalid")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("subject", "max_length")]


def test_refusal_speaks_the_readers_language(key: APIClient) -> None:
    body = key.post(TICKETS, {}, format="json", HTTP_ACCEPT_LANGUAGE="pt-BR").json()
    assert body["errors"][0]["detail"] == "Este campo é obrigatório."


def test_what_was_refused_before_is_refused_in_ones_own_language(key: APIClient) -> None:
    """What reads bodies is kept from one request to the next."""

    def refusal(language: str) -> str:
        answer = key.post(TICKETS, {"subject": "x" * 2000}, format="json", HTTP_ACCEPT_LANGUAGE=language)
        message: str = answer.json()["errors"][0]["detail"]
        return message

    assert len({refusal("en"), refusal("pt-BR"), refusal("es")}) == 3
    assert refusal("en") == refusal("en")


def test_accept_header_changes_nothing(key: APIClient) -> None:
    for accept in ("text/html", "application/xml", "garbage", "*/*;q=x"):
        response = key.get(TICKETS, HTTP_ACCEPT=accept)
        assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("sent", "told"), [("abc-1.2_3", True), ("", False), ("a b", False), ("x" * 65, False), ("<b>", False)]
)
def test_request_id_is_repeated_when_it_is_harmless(
    anonymous: APIClient, db: None, *, sent: str, told: bool
) -> None:
    for path in (TICKETS, "/api/nothing"):
        body = json.loads(anonymous.get(path, HTTP_X_REQUEST_ID=sent).content)
        assert body.get("request_id") == (sent if told else None)


def test_database_that_is_away_is_503(key: APIClient) -> None:
    with patch("api.v1.tickets.tickets_for", side_effect=OperationalError("gone")):
        response = key.get(TICKETS)
    body = is_problem(response, 503, "unavailable")
    assert response["Retry-After"] == "2"
    assert "gone" not in str(body)


def test_fault_of_ours_is_a_problem_without_its_cause(key: APIClient) -> None:
    key.raise_request_exception = False
    with patch("api.v1.tickets.tickets_for", side_effect=ZeroDivisionError("secret")):
        response = key.get(TICKETS)
    assert "secret" not in str(is_problem(response, 500, "fault"))


ALL_ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.HelpdeskError)
]


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_every_error_of_ours_has_its_problem(kind: type[errors.HelpdeskError]) -> None:
    request = RequestFactory().get("/")
    response = problem_details(kind(field="x", retry_after=7), {"request": request})
    assert response is not None
    assert (response.status_code, response.data["code"]) == (kind.status, kind.code)
    detail = response.data["detail"].removeprefix("x: ")
    assert detail != response.data["detail"]
    assert response.data["errors"] == [{"field": "x", "detail": detail, "code": kind.code}]
    assert response["Retry-After"] == "7"


def test_throttled_says_when_to_come_back() -> None:
    response = problem_details(exceptions.Throttled(wait=3.2), {"request": RequestFactory().get("/")})
    assert response is not None
    assert (response.status_code, response.data["code"], response["Retry-After"]) == (429, "too_many", "4")
    assert response.data["detail"] == "Too many requests; ask again in 4 seconds."


def test_codes_of_fields_are_short_words(key: APIClient) -> None:
    """DRF says `null_characters_not_allowed` beside `blank` and `required`."""
    body = is_problem(key.post(TICKETS, {"subject": "a\x00b"}, format="json"), 422, "invalid")
    assert [error["code"] for error in body["errors"]] == ["invalid_characters"]


def test_what_django_refuses_is_a_problem_under_api_only() -> None:
    for path, is_json in (("/api/v1/x", True), ("/health/x", True), ("/admin/x", False)):
        request = RequestFactory().get(path)
        for answer in (
            bad_request(request, Exception("secret")),
            server_error(request),
            page_not_found(request, Exception("secret")),
        ):
            assert (answer["Content-Type"] == "application/problem+json") == is_json
            assert b"secret" not in answer.content


# What nobody expects: any JSON, strings that no database holds, numbers that no column holds.
SURROGATES = st.characters(categories=["Cs"])
STRINGS = st.one_of(
    st.text(max_size=20), st.text(SURROGATES, max_size=3), st.just("\x00"), st.just("a" * 20_000)
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**31, 2**90),
    st.floats(allow_nan=False, allow_infinity=False),
    STRINGS,
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "subject",
        "description",
        "conversation",
        "contact",
        "team",
        "priority",
        "status",
        "assignee",
        "text",
        "note",
        "client_id",
        "name",
        "inbox",
        "segment",
        "variants",
        "template",
        "values",
        "recipients",
        "contacts",
        "to",
        "starts_at",
        "quiet_from",
        "timezone",
        "price",
        "per_minute",
        "\ud800",
        "a\x00",
    ]
)
BODIES = st.one_of(JSON, st.dictionaries(FIELDS, JSON, max_size=6))


@pytest.fixture
def writes(conversation: Conversation, ticket: Ticket, campaign: Campaign) -> list[tuple[str, str]]:
    url = f"/api/v1/conversations/{conversation.pk}"
    return [
        ("post", TICKETS),
        ("patch", f"{TICKETS}/{ticket.pk}"),
        ("post", f"{url}/messages"),
        ("patch", f"{url}/assign"),
        ("patch", f"{url}/status"),
        ("post", CAMPAIGNS),
        ("patch", f"{CAMPAIGNS}/{campaign.pk}"),
        ("post", f"{CAMPAIGNS}/{campaign.pk}/recipients"),
        ("post", f"{CAMPAIGNS}/{campaign.pk}/test"),
        ("post", f"{CAMPAIGNS}/{campaign.pk}/approve"),
    ]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(BODIES, st.integers(0, 9))
def test_no_body_breaks_anything(
    as_ana: APIClient, writes: list[tuple[str, str]], body: Any, which: int
) -> None:
    verb, url = writes[which]
    # json.dumps writes lone surrogates as escapes, as a hostile client would.
    response = getattr(as_ana, verb)(url, data=json.dumps(body).encode(), content_type="application/json")
    assert response.status_code in {200, 201, 409, 413, 422}
    if response.status_code >= 400:
        is_problem(response, response.status_code, response.json()["code"])


NAMES = [
    "status",
    "team",
    "assignee",
    "inbox",
    "contact",
    "cursor",
    "limit",
    "ordering",
    "number",
    "since",
    "author",
    "direction",
    "conversation",
    "requester",
    "priority",
    "kind",
    "outcome",
    "reason",
    "replied",
    "variant",
    "x",
]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.text(max_size=30), st.integers().map(str)), max_size=4
    ),
    st.integers(0, 6),
)
def test_no_query_breaks_anything(
    as_ana: APIClient, conversation: Conversation, campaign: Campaign, query: dict[str, str], which: int
) -> None:
    lists = ["tickets", "conversations", "messages", f"conversations/{conversation.pk}/messages"]
    lists += ["campaigns", f"campaigns/{campaign.pk}/recipients", f"campaigns/{campaign.pk}/lists"]
    url = lists[which]
    response = as_ana.get(f"/api/v1/{url}", query)
    assert response.status_code in {200, 422}
    if response.status_code == 422:
        is_problem(response, 422, "invalid")


@pytest.mark.parametrize(
    "name", ["5", "..%2f", "%00", "00000000-0000-0000-0000-000000000000", "é", "'", "a" * 5000, "%ff"]
)
def test_no_address_breaks_anything(key: APIClient, name: str) -> None:
    for path in ("tickets", "conversations", "messages", "campaigns"):
        is_problem(key.get(f"/api/v1/{path}/{name}"), 404, "not_found")
