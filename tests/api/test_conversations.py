"""Conversations and messages over HTTP: what goes in, what comes out, what it does."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.actions import hand_back, resolve
from conversations.enums import Direction, Status, Validation
from conversations.models import Conversation, Message
from core.actor import Actor
from tests.api.conftest import KeyMaker, results

LIST = "/api/v1/conversations"


@pytest.fixture
def url(conversation: Conversation) -> str:
    return f"{LIST}/{conversation.pk}"


def test_conversation_tells_everything_an_integrator_asks_for(
    key: APIClient, url: str, conversation: Conversation, bruno: User
) -> None:
    Conversation.objects.update(assignee=bruno, tags=["vip"])
    assert key.get(url).json() == {
        "id": str(conversation.pk),
        "inbox": {"id": conversation.inbox_id, "name": "Shop", "channel": "web"},
        "contact": {"id": str(conversation.contact_id), "name": "Davi Duarte", "email": "davi@example.com"},
        "status": "open",
        "assignee": {"id": bruno.pk, "name": "Bruno"},
        "team": "support",
        "priority": "normal",
        "tags": ["vip"],
        "attributes": {},
        "subject": "",
        "preview": "Onde está meu pedido?",
        "last_seq": 1,
        "unread": True,
        "waiting_since": key.get(url).json()["waiting_since"],
        "first_reply_at": None,
        "resolved_at": None,
        "created_at": conversation.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": key.get(url).json()["updated_at"],
    }


def test_reply_is_stored_as_the_operators_and_takes_over(
    as_bruno: APIClient, url: str, conversation: Conversation
) -> None:
    Conversation.objects.update(status=Status.BOT)
    response = as_bruno.post(f"{url}/messages", {"text": "**Já** chega"}, format="json")
    assert response.status_code == 201
    answer = response.json()
    assert answer["author"] == {"kind": "operator", "name": "Bruno", "avatar": ""}
    assert (answer["direction"], answer["validated_by"]) == (Direction.OUT, Validation.HUMAN)
    assert answer["html"] == "<p><strong>Já</strong> chega</p>\n"
    conversation.refresh_from_db()
    assert (conversation.status, conversation.assignee) == (Status.OPEN, conversation.assignee)
    assert conversation.assignee is not None
    assert as_bruno.get(f"/api/v1/messages/{answer['id']}").json() == answer


def test_reply_of_a_key_carries_the_name_of_the_shop(key: APIClient, url: str) -> None:
    answer = key.post(f"{url}/messages", {"text": "Olá"}, format="json").json()
    assert answer["author"] == {"kind": "operator", "name": "Aurora", "avatar": ""}


def test_note_stays_inside(key: APIClient, url: str, conversation: Conversation) -> None:
    answer = key.post(f"{url}/messages", {"text": "Cliente difícil", "note": True}, format="json").json()
    assert answer["direction"] == "note"
    conversation.refresh_from_db()
    assert conversation.first_reply_at is None


def test_same_client_id_writes_once(key: APIClient, url: str) -> None:
    body = {"text": "Olá", "client_id": str(uuid4())}
    first, again = (key.post(f"{url}/messages", body, format="json") for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, again.json())
    assert Message.objects.filter(direction=Direction.OUT).count() == 1


def test_reply_points_to_the_message_it_answers(
    as_bruno: APIClient, letter: Conversation, conversation: Conversation
) -> None:
    url, asked = f"{LIST}/{letter.pk}/messages", Message.objects.get(conversation=letter)
    answer = as_bruno.post(url, {"text": "Yes", "reply_to": str(asked.pk)}, format="json")
    assert answer.status_code == 201
    assert answer.json()["reply_to"]["id"] == str(asked.pk)
    other = str(Message.objects.get(conversation=conversation).pk)
    for body, status in [
        ({"text": "Yes", "reply_to": other}, 404),
        ({"text": "Yes", "reply_to": str(asked.pk), "note": True}, 422),
        ({"text": "Yes", "reply_to": 7}, 422),
        ({"text": "Yes", "cc": ["max"]}, 422),
        ({"text": "Yes", "cc": "max@example.com"}, 422),
        ({"text": "Yes", "cc": ["max@example.com"], "note": True}, 422),
    ]:
        assert as_bruno.post(url, body, format="json").status_code == status
    assert Message.objects.filter(direction=Direction.OUT).count() == 1


def test_reply_goes_to_others_as_well(as_bruno: APIClient, letter: Conversation) -> None:
    body = {"text": "Yes", "cc": ["Max@example.com"]}
    assert as_bruno.post(f"{LIST}/{letter.pk}/messages", body, format="json").status_code == 201
    assert Message.objects.get(direction=Direction.OUT).details == {"cc": ["max@example.com"]}


def test_thread_comes_by_number_and_goes_on_from_one(key: APIClient, url: str) -> None:
    for number in range(3):
        key.post(f"{url}/messages", {"text": f"Parte {number}", "note": number == 1}, format="json")
    everything = results(key.get(f"{url}/messages"))
    numbers = [message["seq"] for message in everything]
    assert numbers == sorted(numbers)
    assert [message["text"] for message in everything] == [
        "Onde está meu pedido?", "Parte 0", "Parte 1", "Parte 2"
    ]  # fmt: skip
    since = results(key.get(f"{url}/messages", {"since": numbers[1]}))
    assert since == everything[2:]
    assert results(key.get(f"{url}/messages", {"ordering": "-seq"})) == everything[::-1]


def test_assigning_and_moving(key: APIClient, url: str, bruno: User, other_team: Team) -> None:
    answer = key.patch(f"{url}/assign", {"assignee": bruno.pk}, format="json").json()
    assert (answer["assignee"], answer["team"]) == ({"id": bruno.pk, "name": "Bruno"}, "support")
    answer = key.patch(f"{url}/assign", {"assignee": None, "team": "finance"}, format="json").json()
    assert (answer["assignee"], answer["team"]) == (None, "finance")


def test_operator_may_move_a_conversation_out_of_sight(
    as_bruno: APIClient, url: str, other_team: Team
) -> None:
    moved = as_bruno.patch(f"{url}/assign", {"assignee": None, "team": "finance"}, format="json")
    assert moved.status_code == 200
    assert as_bruno.get(url).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "assignee"),
        ({"assignee": 999_999}, "assignee"),
        ({"assignee": 2**70}, "assignee"),
        ({"assignee": "1"}, "assignee"),
        ({"assignee": True}, "assignee"),
        ({"assignee": None, "team": "nowhere"}, "team"),
        ({"assignee": None, "team": None}, "team"),
        ({"assignee": None, "status": "open"}, "status"),
    ],
)
def test_wrong_assignment_changes_nothing(key: APIClient, url: str, body: dict[str, Any], field: str) -> None:
    refused = key.patch(f"{url}/assign", body, format="json")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert key.get(url).json()["last_seq"] == 1


def test_person_who_left_gets_nothing_assigned(key: APIClient, url: str, bruno: User) -> None:
    User.objects.filter(pk=bruno.pk).update(is_active=False)
    assert key.patch(f"{url}/assign", {"assignee": bruno.pk}, format="json").status_code == 422


@pytest.mark.parametrize("before", [Status.BOT, Status.OPEN, Status.RESOLVED])
@pytest.mark.parametrize("wanted", [Status.BOT, Status.OPEN, Status.RESOLVED])
def test_status_is_what_was_asked_for(
    key: APIClient, url: str, conversation: Conversation, before: Status, wanted: Status
) -> None:
    resolved_at = timezone.now() if before == Status.RESOLVED else None
    Conversation.objects.update(status=before, resolved_at=resolved_at)
    answer = key.patch(f"{url}/status", {"status": wanted}, format="json")
    if (before, wanted) == (Status.RESOLVED, Status.BOT):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        return
    assert (answer.status_code, answer.json()["status"]) == (200, wanted)
    assert key.get(url).json()["status"] == wanted
    again = key.patch(f"{url}/status", {"status": wanted}, format="json").json()
    assert again["last_seq"] == answer.json()["last_seq"]


def test_customer_is_told_when_people_take_over_from_the_agent(
    key: APIClient, url: str, conversation: Conversation
) -> None:
    hand_back(conversation=conversation, by=Actor.system())
    key.patch(f"{url}/status", {"status": "open"}, format="json")
    assert Message.objects.filter(author_kind="system", direction="out").count() == 1


def test_snoozed_is_nothing_one_can_set(key: APIClient, url: str) -> None:
    assert key.patch(f"{url}/status", {"status": "snoozed"}, format="json").status_code == 422


def test_filters_narrow_lists(
    key: APIClient, as_bruno: APIClient, bruno: User, conversation: Conversation
) -> None:
    Conversation.objects.update(assignee=bruno)
    hits = [
        "status=open", "team=support", f"assignee={bruno.pk}", f"inbox={conversation.inbox_id}",
        f"contact={conversation.contact_id}", "status=open&team=support&ordering=created_at",
    ]  # fmt: skip
    misses = [
        "status=bot",
        "team=none",
        "team=finance",
        "assignee=none",
        "assignee=999",
        f"contact={uuid4()}",
    ]
    for query in hits:
        assert len(results(key.get(f"{LIST}?{query}"))) == 1, query
    for query in misses:
        assert results(key.get(f"{LIST}?{query}")) == [], query
    assert len(results(as_bruno.get(f"{LIST}?assignee=me"))) == 1
    assert results(key.get(f"{LIST}?assignee=me")) == []
    Conversation.objects.update(assignee=None, team=None)
    assert len(results(key.get(f"{LIST}?assignee=none&team=none"))) == 1


def test_message_filters_narrow_lists(key: APIClient, conversation: Conversation) -> None:
    url = "/api/v1/messages"
    resolve(conversation=conversation, by=Actor.system())
    for query in (
        "author=contact", "direction=in", f"conversation={conversation.pk}", f"inbox={conversation.inbox_id}"
    ):  # fmt: skip
        assert [row["text"] for row in results(key.get(f"{url}?{query}"))] == ["Onde está meu pedido?"], query
    for query in ("author=agent", "direction=note", f"conversation={uuid4()}", "inbox=99999"):
        assert results(key.get(f"{url}?{query}")) == [], query


def test_team_key_sees_its_team_only(with_key: KeyMaker, team: Team, other_team: Team, url: str) -> None:
    assert with_key("read", teams=[team]).get(url).status_code == 200
    assert with_key("read", teams=[other_team]).get(url).status_code == 404
    assert with_key("read", teams=[team, other_team]).get(url).status_code == 200


def test_answers_stay_out_of_shared_caches(key: APIClient, url: str) -> None:
    assert key.get(url)["Cache-Control"] == "private, no-cache"
