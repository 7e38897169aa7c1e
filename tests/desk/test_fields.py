"""Tags and custom fields beside a thread and on a ticket."""

import json
from typing import Any

import pytest
from django.test import Client

from conversations.models import Contact, Conversation, CustomField
from core.actor import Actor
from tickets.actions import create_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fields(db: None) -> None:
    """One about each thing."""
    for entity in ("contact", "conversation", "ticket"):
        CustomField.objects.create(
            entity=entity, key="plan", label="Plan", kind="choice", choices=["gold", "silver"]
        )


def post(client: Client, url: str, **data: Any) -> tuple[int, Any]:
    answer = client.post(url, json.dumps(data), content_type="application/json")
    return answer.status_code, answer.json()


def test_panel_shows_fields_first_and_then_what_lists_brought(
    as_bruno: Client, conversation: Conversation
) -> None:
    Contact.objects.update(attributes={"plan": "gold", "city": "Recife"}, tags=["vip"])
    shown = as_bruno.get(f"/admin/inbox/{conversation.pk}/context/").json()["context"]
    plan = {"key": "plan", "label": "Plan", "kind": "choice", "choices": ["gold", "silver"]}
    assert shown["contact"]["fields"] == [
        {**plan, "value": "gold"},
        {"key": "city", "label": "city", "kind": "", "choices": [], "value": "Recife"},
    ]
    assert shown["contact"]["tags"] == ["vip"]
    assert shown["fields"] == [{**plan, "value": None}]


def test_values_and_tags_are_changed_where_they_stand(as_bruno: Client, conversation: Conversation) -> None:
    url = f"/admin/inbox/{conversation.pk}"
    assert post(as_bruno, f"{url}/fields/", attributes={"plan": "gold"})[0] == 200
    assert post(as_bruno, f"{url}/fields/", of="contact", attributes={"plan": "silver"})[0] == 200
    status, answer = post(as_bruno, f"{url}/tags/", add=["late", "vip"], remove=["none"])
    assert (status, answer["row"]["tags"]) == (200, ["late", "vip"])
    conversation.refresh_from_db()
    assert conversation.attributes == {"plan": "gold"}
    assert Contact.objects.get().attributes == {"plan": "silver"}
    for of in ("contact", "conversation"):
        status, problem = post(as_bruno, f"{url}/fields/", of=of, attributes={"plan": "brass"})
        assert (status, problem["field"]) == (422, "attributes.plan")
    for verb in ("tags", "fields"):
        assert post(as_bruno, f"{url}/{verb}/", attributes=[], add="x")[0] == 422


def test_other_teams_change_nothing(as_clara: Client, conversation: Conversation) -> None:
    for verb in ("tags", "fields"):
        url = f"/admin/inbox/{conversation.pk}/{verb}/"
        assert post(as_clara, url, of="contact", attributes={"plan": "gold"}, add=["x"])[0] == 404


def test_ticket_s_values_are_changed_on_its_page(as_bruno: Client, conversation: Conversation) -> None:
    ticket = create_ticket(by=Actor.system(), subject="A", conversation=conversation)
    url = f"/admin/tickets/{ticket.number}"
    status, told = post(as_bruno, f"{url}/change/", attributes={"plan": "gold"})
    assert (status, told["fields"][0]["value"]) == (200, "gold")
    assert told["history"][-1]["changes"] == {"attributes.plan": {"from": None, "to": "gold"}}
    assert post(as_bruno, f"{url}/change/", attributes={"plan": 5})[0] == 422
    assert post(as_bruno, f"{url}/change/", attributes="gold")[0] == 422
