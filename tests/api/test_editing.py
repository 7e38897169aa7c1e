"""Conversations and tickets over HTTP: begun, changed, found, many at once; tags and custom fields."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.actions import Sender, receive
from conversations.models import Contact, Conversation, CustomField, Delivery, Inbox, Message
from tests.api.conftest import KeyMaker, fields_of, results
from tickets.models import Ticket

LIST = "/api/v1/conversations"


@pytest.fixture
def url(conversation: Conversation) -> str:
    return f"{LIST}/{conversation.pk}"


def test_conversation_is_changed_where_the_body_says(key: APIClient, url: str) -> None:
    CustomField.objects.create(entity="conversation", key="order", label="Order", kind="number")
    body = {"tags": ["vip"], "priority": "high", "subject": "Order 7", "attributes": {"order": 7}}
    answer = key.patch(url, body, format="json")
    assert {name: answer.json()[name] for name in body} == body
    assert key.get(url)["ETag"] == answer["ETag"]
    added = key.patch(url, {"add_tags": ["Vip", "late"], "remove_tags": []}, format="json").json()
    assert (added["tags"], added["priority"]) == (["vip", "late"], "high")
    for wrong, field in (
        ({"attributes": {"city": "Recife"}}, "attributes.city"),
        ({"attributes": {"order": "7"}}, "attributes.order"),
        ({"priority": "highest"}, "priority"),
        ({"status": "resolved"}, "status"),
        ({"assignee": None}, "assignee"),
    ):
        assert field in fields_of(key.patch(url, wrong, format="json"))


def test_deeds_heed_what_was_read(key: APIClient, url: str, bruno: User) -> None:
    etag = key.get(url)["ETag"]
    key.patch(url, {"add_tags": ["x"]}, format="json", HTTP_IF_MATCH=etag)
    for verb, body in (("assign", {"assignee": bruno.pk}), ("status", {"status": "resolved"})):
        refused = key.patch(f"{url}/{verb}", body, format="json", HTTP_IF_MATCH=etag)
        assert refused.status_code == 412


def test_conversations_are_found(key: APIClient, app: Inbox, conversation: Conversation) -> None:
    sender = Sender("e", name="Eva Lima", email="eva@example.com", phone="+5511900000001")
    other = receive(inbox=app, sender=sender, text="Oi").conversation
    Conversation.objects.filter(pk=other.pk).update(tags=["vip"], priority=30, subject="Pedido 4512")
    past = timezone.now() - timedelta(days=9)
    Conversation.objects.filter(pk=conversation.pk).update(created_at=past, updated_at=past)
    day = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in (
        "tag=vip", "priority=high", "q=eva%20l", "q=eva@ex", "q=5511900", "q=pedido%204512",
        f"created_since={day}", f"updated_since={day}", f"q=lima&tag=vip&created_since={day}",
    ):  # fmt: skip
        assert [each["id"] for each in results(key.get(f"{LIST}?{query}"))] == [str(other.pk)], query
    for query in (f"created_before={day}", f"updated_before={day}", "q=duarte"):
        assert [each["id"] for each in results(key.get(f"{LIST}?{query}"))] == [str(conversation.pk)], query
    for query in ("q=nobody", "tag=VIP", "q=eva&tag=none"):
        assert results(key.get(f"{LIST}?{query}")) == [], query


def test_customer_comes_whole_when_asked_for(key: APIClient, url: str) -> None:
    assert "phone" not in key.get(url).json()["contact"]
    assert key.get(f"{url}?expand=contact").json()["contact"]["phone"] == ""


def test_customer_made_by_a_program_is_written_to_first(key: APIClient, app: Inbox) -> None:
    identity = {"inbox": app.pk, "external_id": "u-7"}
    contact = key.post("/api/v1/contacts", {"name": "Eva", "identities": [identity]}, format="json").json()
    body = {"inbox": app.pk, "contact": contact["id"], "text": "Olá", "client_id": str(uuid4())}
    made = key.post(LIST, body, format="json")
    assert made.status_code == 201
    assert (made.json()["contact"]["id"], made.json()["preview"]) == (contact["id"], "Olá")
    assert key.post(LIST, body, format="json").json()["id"] == made.json()["id"]
    assert Message.objects.get().text == "Olá"
    assert Delivery.objects.count() == 1


def test_customer_without_a_way_is_not_written_to(key: APIClient, app: Inbox, mailbox: Inbox) -> None:
    nobody = Contact.objects.create(name="Nobody")
    body = {"inbox": app.pk, "contact": str(nobody.pk), "text": "Olá"}
    assert fields_of(key.post(LIST, body, format="json")) == ["contact"]
    eva = Contact.objects.create(name="Eva", email="eva@example.com")
    body = {"inbox": mailbox.pk, "contact": str(eva.pk), "text": "Olá"}
    assert fields_of(key.post(LIST, body, format="json")) == ["subject"]
    made = key.post(LIST, {**body, "subject": "Pedido"}, format="json").json()
    assert (made["contact"]["id"], made["subject"]) == (str(eva.pk), "Pedido")
    assert eva.identities.get().external_id == "eva@example.com"
    for way in ({}, {"to": "a@b.example", "contact": str(eva.pk)}):
        asked = {"inbox": mailbox.pk, "subject": "x", "text": "Olá", **way}
        assert fields_of(key.post(LIST, asked, format="json")) == ["to"]


def test_customers_of_other_teams_cannot_be_named(as_bruno: APIClient, app: Inbox, other_team: Team) -> None:
    foreign = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    eva = receive(inbox=foreign, sender=Sender("e", name="Eva"), text="Oi").conversation.contact
    body = {"inbox": app.pk, "contact": str(eva.pk), "text": "Olá"}
    assert fields_of(as_bruno.post(LIST, body, format="json")) == ["contact"]


def test_conversation_is_marked_as_read(as_bruno: APIClient, url: str, conversation: Conversation) -> None:
    assert as_bruno.get(url).json()["unread"]
    assert as_bruno.post(f"{url}/read", {"seq": 0}, format="json").json()["unread"]
    assert not as_bruno.post(f"{url}/read", {}, format="json").json()["unread"]
    assert not as_bruno.post(f"{url}/read", {"seq": 2**31 - 1}, format="json").json()["unread"]


def test_each_of_many_conversations_is_done_for_itself(
    as_bruno: APIClient, app: Inbox, bruno: User, conversation: Conversation, other_team: Team
) -> None:
    bills = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    mine = receive(inbox=app, sender=Sender("a", name="A"), text="Oi").conversation
    foreign = receive(inbox=bills, sender=Sender("b", name="B"), text="Oi").conversation
    Conversation.objects.filter(pk=mine.pk).update(tags=[str(number) for number in range(20)])
    ids = [str(row.pk) for row in (conversation, foreign, mine)]
    body = {"ids": ids, "add_tags": ["late"], "assignee": bruno.pk, "status": "resolved", "priority": "low"}
    told = as_bruno.post(f"{LIST}/bulk", body, format="json").json()["results"]
    assert [(each["id"], each["status"]) for each in told] == [
        (ids[0], 200), (ids[1], 404), (ids[2], 422),
    ]  # fmt: skip
    assert told[2]["error"]["errors"][0]["field"] == "add_tags"
    conversation.refresh_from_db()
    assert (conversation.tags, conversation.assignee, conversation.status) == (["late"], bruno, "resolved")
    mine.refresh_from_db()
    assert (mine.assignee, mine.status, mine.priority) == (None, "open", 20)
    assert fields_of(as_bruno.post(f"{LIST}/bulk", {"ids": ids}, format="json")) == [""]
    many = [str(uuid4()) for _number in range(101)]
    assert fields_of(as_bruno.post(f"{LIST}/bulk", {"ids": many, "status": "open"}, format="json")) == ["ids"]


def test_what_is_refused_last_undoes_what_was_done_first(
    as_bruno: APIClient, conversation: Conversation
) -> None:
    Conversation.objects.update(status="resolved", resolved_at=timezone.now())
    body = {"ids": [str(conversation.pk)], "status": "bot", "add_tags": ["late"]}
    (told,) = as_bruno.post(f"{LIST}/bulk", body, format="json").json()["results"]
    assert told["status"] == 409
    conversation.refresh_from_db()
    assert (conversation.tags, conversation.status) == ([], "resolved")


def test_conversation_moved_out_of_sight_is_done_all_the_same(
    as_bruno: APIClient, conversation: Conversation, other_team: Team
) -> None:
    body = {"ids": [str(conversation.pk)], "team": "finance", "status": "resolved"}
    (told,) = as_bruno.post(f"{LIST}/bulk", body, format="json").json()["results"]
    assert told["status"] == 200
    conversation.refresh_from_db()
    assert (conversation.team, conversation.status) == (other_team, "resolved")


# --- Tickets -----------------------------------------------------------------------------------------------
def test_ticket_has_values_of_its_fields_and_tells_their_changes(key: APIClient) -> None:
    CustomField.objects.create(entity="ticket", key="paid", label="Paid", kind="boolean")
    made = key.post("/api/v1/tickets", {"subject": "A", "attributes": {"paid": False}}, format="json").json()
    assert made["attributes"] == {"paid": False}
    url = f"/api/v1/tickets/{made['id']}"
    changed = key.patch(url, {"attributes": {"paid": True}, "status": "open"}, format="json").json()
    assert changed["attributes"] == {"paid": True}
    assert changed["history"][-1]["changes"] == {
        "status": {"from": "new", "to": "open"},
        "attributes.paid": {"from": "false", "to": "true"},
    }
    assert len(key.patch(url, {"attributes": {"paid": True}}, format="json").json()["history"]) == 2
    for wrong in ({"paid": "yes"}, {"nobody": "x"}):
        name = next(iter(wrong))
        assert fields_of(key.patch(url, {"attributes": wrong}, format="json")) == [f"attributes.{name}"]
        assert fields_of(
            key.post("/api/v1/tickets", {"subject": "B", "attributes": wrong}, format="json")
        ) == [f"attributes.{name}"]


def test_tickets_come_by_priority_and_since(key: APIClient) -> None:
    for priority in ("low", "urgent", "normal"):
        key.post("/api/v1/tickets", {"subject": priority, "priority": priority}, format="json")
    url, seen = "/api/v1/tickets?limit=1&ordering=-priority", []
    while url:
        answer = key.get(url).json()
        seen += [each["subject"] for each in answer["results"]]
        url = answer["next"]
    assert seen == ["urgent", "normal", "low"]
    Ticket.objects.filter(subject="low").update(created_at=timezone.now() - timedelta(days=9))
    day = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(results(key.get(f"/api/v1/tickets?created_since={day}"))) == 2


def test_each_of_many_tickets_is_done_for_itself(
    as_bruno: APIClient, ticket: Ticket, other_team: Team, bruno: User
) -> None:
    foreign = Ticket.objects.create(subject="Segredo", source="api", team=other_team)
    ids = [str(foreign.pk), str(ticket.pk), str(uuid4())]
    body = {"ids": ids, "priority": "high", "assignee": bruno.pk}
    told = as_bruno.post("/api/v1/tickets/bulk", body, format="json").json()["results"]
    assert [each["status"] for each in told] == [404, 200, 404]
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.assignee, ticket.status) == (30, bruno, "open")


# --- Tags and custom fields --------------------------------------------------------------------------------
def test_tags_are_listed_renamed_and_taken_away(
    with_key: KeyMaker, as_bruno: APIClient, conversation: Conversation
) -> None:
    Conversation.objects.update(tags=["b2b/retail", "vip"])
    Contact.objects.update(tags=["vip", "50% off"])
    rows = results(as_bruno.get("/api/v1/tags"))
    assert rows == [
        {"name": "50% off", "contacts": 1, "conversations": 0, "articles": 0},
        {"name": "b2b/retail", "contacts": 0, "conversations": 1, "articles": 0},
        {"name": "vip", "contacts": 1, "conversations": 1, "articles": 0},
    ]
    url, seen = "/api/v1/tags?limit=1&fields=name", []
    while url:
        answer = as_bruno.get(url).json()
        seen += answer["results"]
        url = answer["next"]
    assert seen == [{"name": row["name"]} for row in rows]
    admin = with_key("admin")
    for address in ("b2b/retail", "b2b%2Fretail", "50%25%20off", "vip/"):
        assert admin.get(f"/api/v1/tags/{address}").status_code == 200, address
    etag = admin.get("/api/v1/tags/b2b/retail")["ETag"]
    renamed = admin.patch("/api/v1/tags/b2b/retail", {"name": "B2B"}, format="json", HTTP_IF_MATCH=etag)
    assert renamed.json() == {"name": "B2B", "contacts": 0, "conversations": 1, "articles": 0}
    assert admin.delete("/api/v1/tags/vip").status_code == 204
    assert admin.delete("/api/v1/tags/vip").status_code == 404
    conversation.refresh_from_db()
    assert conversation.tags == ["B2B"]
    for cursor in ("x", "W10", "WyJuYW1lIiwgMSwgMV0"):
        assert fields_of(admin.get(f"/api/v1/tags?cursor={cursor}")) == ["cursor"]


def test_custom_fields_are_defined_over_http(with_key: KeyMaker, key: APIClient) -> None:
    admin, url = with_key("admin"), "/api/v1/custom-fields"
    body = {"entity": "ticket", "key": "size", "kind": "choice", "choices": ["S", "M"], "label": "Size"}
    made = admin.post(url, body, format="json")
    assert made.status_code == 201
    assert admin.post(url, body, format="json").status_code == 409
    one = f"{url}/{made.json()['id']}"
    assert key.get(one).json() == made.json()
    assert results(key.get(f"{url}?entity=ticket")) == [made.json()]
    assert results(key.get(f"{url}?entity=contact")) == []
    changed = admin.patch(one, {"choices": ["L"]}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert (changed.json()["choices"], changed.json()["key"]) == (["L"], "size")
    for wrong, field in (
        ({"key": "other"}, "key"),
        ({"kind": "text"}, "kind"),
        ({"choices": []}, "choices"),
        ({"label": ""}, "label"),
        ({"position": -1}, "position"),
    ):
        assert field in fields_of(admin.patch(one, wrong, format="json"))
    assert admin.delete(one).status_code == 204
    assert key.get(one).status_code == key.get(f"{url}/{2**70}").status_code == 404
