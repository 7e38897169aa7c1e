"""Tickets over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.models import Contact, Conversation
from core.realtime import publish
from tests.api.conftest import KeyMaker, results
from tickets.models import Ticket

LIST = "/api/v1/tickets"


def test_ticket_is_opened_and_told_whole(
    key: APIClient, conversation: Conversation, other_team: Team
) -> None:
    body = {
        "subject": "Estorno", "description": "Pedido 4512", "conversation": str(conversation.pk),
        "team": "finance", "priority": "urgent",
    }  # fmt: skip
    response = key.post(LIST, body, format="json")
    assert response.status_code == 201
    answer = response.json()
    number = answer["number"]
    assert {name: answer[name] for name in body if name != "conversation"} == {
        "subject": "Estorno", "description": "Pedido 4512", "team": "finance", "priority": "urgent"
    }  # fmt: skip
    assert (answer["reference"], answer["status"], answer["source"]) == (f"#{number}", "new", "api")
    assert answer["conversations"] == [str(conversation.pk)]
    assert answer["requester"]["name"] == "Davi Duarte"
    (born,) = answer["history"]
    assert (born["seq"], born["type"], born["by"]) == (1, "created", {"kind": "api_key", "name": "Shop"})
    assert key.get(f"{LIST}/{answer['id']}").json() == answer
    listed = results(key.get(LIST))[0]
    assert listed == {name: answer[name] for name in listed}


def test_opening_is_answered_as_reading_it_is(as_bruno: APIClient, conversation: Conversation) -> None:
    for wanted in ({}, {"conversation": str(conversation.pk)}):
        made = as_bruno.post(LIST, {"subject": "Order 1", **wanted}, format="json")
        read = as_bruno.get(f"{LIST}/{made.json()['id']}")
        assert (made.json(), made["ETag"]) == (read.json(), read["ETag"])


def test_change_leaves_its_line_in_the_history(as_bruno: APIClient, ticket: Ticket, bruno: User) -> None:
    url = f"{LIST}/{ticket.pk}"
    answer = as_bruno.patch(url, {"assignee": bruno.pk, "priority": "high"}, format="json").json()
    assert (answer["status"], answer["assignee"]["name"], answer["priority"]) == ("open", "Bruno", "high")
    line = answer["history"][-1]
    assert line["by"] == {"kind": "operator", "name": "Bruno"}
    assert line["changes"]["priority"] == {"from": "normal", "to": "high"}
    assert as_bruno.patch(url, {}, format="json").json()["history"][-1] == line
    answer = as_bruno.patch(url, {"assignee": None, "team": None, "status": "solved"}, format="json").json()
    assert (answer["assignee"], answer["team"], answer["status"]) == (None, None, "solved")
    assert answer["solved_at"] is not None


def test_same_idempotency_key_opens_one_ticket(key: APIClient, with_key: KeyMaker) -> None:
    first = key.post(LIST, {"subject": "Pedido"}, format="json", HTTP_IDEMPOTENCY_KEY="order-1")
    again = key.post(LIST, {"subject": "Pedido"}, format="json", HTTP_IDEMPOTENCY_KEY="order-1")
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, again.json())
    other = with_key("write", "read").post(
        LIST, {"subject": "Pedido"}, format="json", HTTP_IDEMPOTENCY_KEY="order-1"
    )
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("sent", ["", " ", "é", "x" * 129, "a b"])
def test_key_that_is_none_is_refused(key: APIClient, sent: str) -> None:
    refused = key.post(LIST, {"subject": "Pedido"}, format="json", HTTP_IDEMPOTENCY_KEY=sent)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert not Ticket.objects.exists()


def test_same_matter_answers_with_the_ticket_there_is(
    key: APIClient, conversation: Conversation, ticket: Ticket
) -> None:
    body = {"subject": "meu pedido atrasado", "conversation": str(conversation.pk)}
    answer = key.post(LIST, body, format="json")
    assert (answer.status_code, answer.json()["id"]) == (200, str(ticket.pk))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_open_one_ticket(key: APIClient) -> None:
    def post(_number: int) -> tuple[int, str]:
        try:
            response = key.post(LIST, {"subject": "Pedido"}, format="json", HTTP_IDEMPOTENCY_KEY="once")
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(post, range(20)))) == 1
    assert Ticket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_team_that_is_deleted_meanwhile_is_said(
    key: APIClient, other_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:

    def delete() -> None:
        Team.objects.filter(pk=other_team.pk).delete()
        connection.close()

    def meanwhile(*args: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(delete).result()
        publish(*args)

    monkeypatch.setattr("tickets.actions.publish", meanwhile)
    answer = key.post(LIST, {"subject": "Pedido", "team": other_team.slug}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert not Ticket.objects.exists()


def test_customer_can_be_named_without_a_conversation(as_bruno: APIClient, davi: Contact) -> None:
    answer = as_bruno.post(LIST, {"subject": "Catálogo", "contact": str(davi.pk)}, format="json").json()
    assert (answer["requester"]["id"], answer["conversations"]) == (str(davi.pk), [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "  "}, "subject"),
        ({"subject": None}, "subject"),
        ({"subject": 5}, "subject"),
        ({"subject": ["x"]}, "subject"),
        ({"subject": "x" * 201}, "subject"),
        ({"subject": "a\x00b"}, "subject"),
        ({"subject": "x", "description": "y" * 10_001}, "description"),
        ({"subject": "x", "priority": "max"}, "priority"),
        ({"subject": "x", "priority": 20}, "priority"),
        ({"subject": "x", "priority": {}}, "priority"),
        ({"subject": "x", "team": "nowhere"}, "team"),
        ({"subject": "x", "conversation": str(uuid4())}, "conversation"),
        ({"subject": "x", "conversation": 5}, "conversation"),
        ({"subject": "x", "contact": str(uuid4())}, "contact"),
        ({"subject": "x", "number": 1}, "number"),
        ({"subject": "x", "status": "solved"}, "status"),
        ({"subject": "x", "created_by_name": "Ana"}, "created_by_name"),
        ([], ""),
        ("x", ""),
        (5, ""),
    ],
)
def test_wrong_bodies_open_nothing(key: APIClient, body: Any, field: str) -> None:
    refused = key.post(LIST, body, format="json")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(
    "name", ["number", "source", "requester", "solved_at", "history", "conversations", "id"]
)
def test_what_is_not_for_changing_is_refused(key: APIClient, ticket: Ticket, name: str) -> None:
    refused = key.patch(f"{LIST}/{ticket.pk}", {name: None}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown")


def test_filters_narrow_lists(key: APIClient, as_bruno: APIClient, ticket: Ticket, bruno: User) -> None:
    as_bruno.patch(f"{LIST}/{ticket.pk}", {"assignee": bruno.pk}, format="json")
    conversation = ticket.conversations.get()
    for query in (
        "status=open", "priority=normal", "team=support", f"assignee={bruno.pk}", f"number={ticket.number}",
        f"requester={ticket.requester_id}", f"conversation={conversation.pk}", "ordering=updated_at",
    ):  # fmt: skip
        assert len(results(key.get(f"{LIST}?{query}"))) == 1, query
    for query in (
        "status=new",
        "priority=low",
        "team=none",
        "assignee=none",
        "number=1",
        f"requester={uuid4()}",
    ):
        assert results(key.get(f"{LIST}?{query}")) == [], query
    assert len(results(as_bruno.get(f"{LIST}?assignee=me"))) == 1
