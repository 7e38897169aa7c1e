"""What the page about conversations promises beyond what comes and goes: edges, order, twice, at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import Team, User
from conversations.actions import Sender, hand_back, receive, reply, resolve
from conversations.actions.editing import LONGEST_SUBJECT
from conversations.actions.inbound import MAX_TEXT
from conversations.models import Contact, Conversation, CustomField, Event, Inbox, Message
from core.actor import Actor
from tests.api.conftest import KeyClient, KeyMaker, fields_of, results

LIST = "/api/v1/conversations"
SYSTEM = Actor.system()


@pytest.fixture
def url(conversation: Conversation) -> str:
    return f"{LIST}/{conversation.pk}"


def bulk(client: APIClient, ids: list[Any], **wanted: Any) -> list[dict[str, Any]]:
    return results(client.post(f"{LIST}/bulk", {"ids": [str(pk) for pk in ids], **wanted}, format="json"))


# --- Texts -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("note", [False, True])
def test_longest_text_is_taken_whole_and_one_sign_more_is_not(
    key: APIClient, url: str, *, note: bool
) -> None:
    """Signs outside the basic plane count as one, however many bytes they have."""
    longest = "😀" * MAX_TEXT
    written = key.post(f"{url}/messages", {"text": longest, "note": note}, format="json")
    assert (written.status_code, written.json()["text"]) == (201, longest)
    assert fields_of(key.post(f"{url}/messages", {"text": f"{longest}x", "note": note}, format="json")) == [
        "text"
    ]
    assert Message.objects.count() == 2


@pytest.mark.parametrize("text", ["", "   ", "\n\t", None, 5, ["Olá"], "a\x00b"])
def test_what_is_no_text_is_not_said(key: APIClient, url: str, text: Any) -> None:
    assert fields_of(key.post(f"{url}/messages", {"text": text}, format="json")) == ["text"]
    assert Message.objects.count() == 1


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "<img onerror=x>"])
def test_markdown_of_a_program_is_shown_as_harmless_html(key: APIClient, url: str, text: str) -> None:
    told = key.post(f"{url}/messages", {"text": text}, format="json").json()
    assert told["text"] == text
    for live in ("<script", 'href="javascript', "<img"):
        assert live not in told["html"]


def test_client_id_of_one_conversation_is_free_in_another(key: APIClient, url: str, app: Inbox) -> None:
    other = receive(inbox=app, sender=Sender("e", name="Eva"), text="Oi").conversation
    body = {"text": "Olá", "client_id": str(uuid4())}
    answers = [key.post(f"{each}/messages", body, format="json") for each in (url, f"{LIST}/{other.pk}")]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_note_takes_no_conversation_over_from_the_agent(
    key: APIClient, url: str, conversation: Conversation
) -> None:
    hand_back(conversation=conversation, by=SYSTEM)
    key.post(f"{url}/messages", {"text": "Cliente difícil", "note": True}, format="json")
    assert key.get(url).json()["status"] == "bot"
    key.post(f"{url}/messages", {"text": "Olá"}, format="json")
    assert key.get(url).json()["status"] == "open"


# --- Changes -----------------------------------------------------------------------------------------------
def test_one_change_is_one_internal_event_and_none_for_the_customer(
    key: APIClient, url: str, conversation: Conversation
) -> None:
    body = {"add_tags": ["refund"], "priority": "high", "subject": "Order 4512"}
    assert key.patch(url, body, format="json").json()["last_seq"] == 2
    event = Event.objects.get(seq=2)
    assert (event.is_internal, event.payload["changes"]) == (
        True,
        {
            "tags": {"from": [], "to": ["refund"]},
            "priority": {"from": "normal", "to": "high"},
            "subject": {"from": "", "to": "Order 4512"},
        },
    )
    again = key.patch(url, body, format="json")
    assert (again.status_code, again.json()["last_seq"]) == (200, 2)
    assert Message.objects.count() == 1


def test_longest_subject_is_kept_on_one_line(key: APIClient, url: str) -> None:
    subject = "á" * (LONGEST_SUBJECT - 2) + "\nb"
    assert key.patch(url, {"subject": subject}, format="json").json()["subject"] == subject.replace("\n", " ")
    assert fields_of(key.patch(url, {"subject": f"{subject}x"}, format="json")) == ["subject"]


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ([], {"tags": ["b", "a", "B"]}, ["b", "a"]),
        (["a"], {"tags": []}, []),
        (["Vip"], {"add_tags": ["vip", " late "]}, ["Vip", "late"]),
        (["Vip", "late"], {"remove_tags": ["VIP", "none"]}, ["late"]),
        ([str(n) for n in range(19)], {"add_tags": ["x" * 40]}, [*(str(n) for n in range(19)), "x" * 40]),
        (
            [str(n) for n in range(20)],
            {"add_tags": ["x"], "remove_tags": ["0"]},
            [*map(str, range(1, 20)), "x"],
        ),
    ],
)
def test_tags_are_what_was_asked_for_and_none_twice(
    key: APIClient, url: str, before: list[str], change: dict[str, Any], after: list[str]
) -> None:
    Conversation.objects.update(tags=before)
    assert key.patch(url, change, format="json").json()["tags"] == after


@pytest.mark.parametrize(
    "change",
    [{"add_tags": ["x"]}, {"tags": [str(n) for n in range(21)]}, {"tags": ["a,b"]}, {"add_tags": ["x" * 41]}],
)
def test_tag_too_many_or_too_long_leaves_those_there_were(
    key: APIClient, url: str, change: dict[str, Any]
) -> None:
    full = [str(number) for number in range(20)]
    Conversation.objects.update(tags=full)
    assert key.patch(url, change, format="json").status_code == 422
    assert key.get(url).json()["tags"] == full


def test_value_of_a_field_is_taken_away_by_null_even_when_the_field_is_gone(key: APIClient, url: str) -> None:
    field = CustomField.objects.create(entity="conversation", key="order", label="Order", kind="number")
    key.patch(url, {"attributes": {"order": 7}}, format="json")
    field.delete()
    assert key.get(url).json()["attributes"] == {"order": 7}
    assert fields_of(key.patch(url, {"attributes": {"order": 8}}, format="json")) == ["attributes.order"]
    gone = key.patch(url, {"attributes": {"order": None}}, format="json")
    assert (gone.status_code, gone.json()["attributes"]) == (200, {})


def test_choice_that_is_none_any_more_stays_until_somebody_changes_it(key: APIClient, url: str) -> None:
    field = CustomField.objects.create(
        entity="conversation", key="size", label="Size", kind="choice", choices=["S", "M"]
    )
    key.patch(url, {"attributes": {"size": "S"}}, format="json")
    field.choices = ["M"]
    field.save()
    other = key.patch(url, {"priority": "high"}, format="json")
    assert (other.status_code, other.json()["attributes"]) == (200, {"size": "S"})
    assert fields_of(key.patch(url, {"attributes": {"size": "L"}}, format="json")) == ["attributes.size"]
    assert key.patch(url, {"attributes": {"size": "M"}}, format="json").json()["attributes"] == {"size": "M"}


def test_what_was_said_since_is_a_change_too(key: APIClient, url: str, conversation: Conversation) -> None:
    """An ETag is about everything that was said or changed; a note of a colleague counts."""
    etag = key.get(url)["ETag"]
    key.post(f"{url}/messages", {"text": "Reembolsar?", "note": True}, format="json")
    for address, body in (
        (url, {"priority": "high"}),
        (f"{url}/assign", {"assignee": None}),
        (f"{url}/status", {"status": "resolved"}),
    ):
        refused = key.patch(address, body, format="json", HTTP_IF_MATCH=etag)
        assert (refused.status_code, refused.json()["code"]) == (412, "changed"), address
    assert key.get(url).json()["status"] == "open"


@pytest.mark.django_db(transaction=True)
def test_of_ten_who_read_the_same_one_changes_it(key: KeyClient, url: str) -> None:
    etag = key.get(url)["ETag"]

    def change(number: int) -> int:
        try:
            body = {"subject": f"Pedido {number}"}
            answer = KeyClient(key.key).patch(url, body, format="json", HTTP_IF_MATCH=etag)
            return int(answer.status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        told = sorted(pool.map(change, range(10)))
    assert told == [200] + [412] * 9
    assert Event.objects.filter(type="conversation.updated").count() == 1


@pytest.mark.django_db(transaction=True)
def test_tags_and_values_that_many_add_at_once_are_all_there(key: KeyClient, url: str) -> None:
    for number in range(8):
        CustomField.objects.create(entity="conversation", key=f"k{number}", label="K", kind="number")

    def add(number: int) -> int:
        try:
            body = {"add_tags": [f"t{number}"], "attributes": {f"k{number}": number}}
            return int(KeyClient(key.key).patch(url, body, format="json").status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(add, range(8))) == {200}
    told = key.get(url).json()
    assert sorted(told["tags"]) == [f"t{number}" for number in range(8)]
    assert told["attributes"] == {f"k{number}": number for number in range(8)}


# --- Read marks --------------------------------------------------------------------------------------------
def test_mark_of_what_was_read_never_goes_back(as_bruno: APIClient, url: str) -> None:
    assert not as_bruno.post(f"{url}/read", {}, format="json").json()["unread"]
    assert not as_bruno.post(f"{url}/read", {"seq": 0}, format="json").json()["unread"]


@pytest.mark.parametrize("seq", [-1, "1", 1.0, True, None, 2**31])
def test_what_is_no_number_of_a_message_marks_nothing(as_bruno: APIClient, url: str, seq: Any) -> None:
    assert fields_of(as_bruno.post(f"{url}/read", {"seq": seq}, format="json")) == ["seq"]
    assert as_bruno.get(url).json()["unread"]


def test_what_the_customer_writes_later_is_unread_again(
    as_bruno: APIClient, url: str, conversation: Conversation
) -> None:
    as_bruno.post(f"{url}/read", {}, format="json")
    receive(inbox=conversation.inbox, sender=Sender("davi"), text="Alô?")
    assert as_bruno.get(url).json()["unread"]


# --- Writing first -----------------------------------------------------------------------------------------
def test_writing_first_opens_again_what_was_resolved(key: APIClient, app: Inbox) -> None:
    row = receive(inbox=app, sender=Sender("u-7", name="Eva"), text="Oi").conversation
    resolve(conversation=row, by=SYSTEM)
    body = {"inbox": app.pk, "contact": str(row.contact_id), "text": "Esquecemos algo"}
    told = key.post(LIST, body, format="json").json()
    assert (told["id"], told["status"], told["preview"]) == (str(row.pk), "open", "Esquecemos algo")
    assert told["resolved_at"] is None


@pytest.mark.parametrize("text", ["", "x" * (MAX_TEXT + 1)])
def test_nobody_becomes_known_by_a_first_message_that_cannot_be_said(
    key: APIClient, mailbox: Inbox, text: str
) -> None:
    body = {"inbox": mailbox.pk, "to": "nova@example.com", "subject": "Olá", "text": text}
    assert fields_of(key.post(LIST, body, format="json")) == ["text"]
    assert not Contact.objects.exists()


def test_first_message_under_one_key_is_written_once_and_its_subject_counts(
    key: APIClient, mailbox: Inbox
) -> None:
    body = {"inbox": mailbox.pk, "to": "Nova@Example.com", "subject": "Pedido", "text": "Olá"}
    first, again = (key.post(LIST, body, format="json", HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    other = key.post(LIST, {**body, "subject": "Outro"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert fields_of(other) == ["Idempotency-Key"]
    assert Contact.objects.get().email == "nova@example.com"
    assert Message.objects.count() == 1


def test_contact_and_address_at_once_are_one_too_many(key: APIClient, mailbox: Inbox, davi: Contact) -> None:
    body = {"inbox": mailbox.pk, "subject": "x", "text": "Olá", "contact": str(davi.pk), "to": "a@b.example"}
    assert fields_of(key.post(LIST, body, format="json")) == ["to"]
    assert Message.objects.count() == 1


# --- Many at once ------------------------------------------------------------------------------------------
def test_answers_about_many_come_in_the_order_in_which_they_were_named(
    key: APIClient, app: Inbox, conversation: Conversation
) -> None:
    rows = [receive(inbox=app, sender=Sender(f"u{n}", name="U"), text="Oi").conversation for n in range(3)]
    missing = uuid4()
    ids = [rows[2].pk, missing, rows[0].pk, conversation.pk, rows[1].pk, rows[0].pk]
    told = bulk(key, ids, status="resolved", add_tags=["done"])
    assert [each["id"] for each in told] == [str(pk) for pk in ids]
    assert [each["status"] for each in told] == [200, 404, 200, 200, 200, 200]
    assert (told[1]["error"]["code"], told[0]["error"]) == ("not_found", None)
    for row in rows:
        row.refresh_from_db()
        assert (row.status, row.tags) == ("resolved", ["done"])
        assert row.events.filter(type="conversation.updated").count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": [], "status": "open"}, "ids"),
        ({"ids": ["x"], "status": "open"}, "ids.0"),
        ({"ids": None, "status": "open"}, "ids"),
        ({"status": "snoozed"}, "status"),
        ({"priority": 20}, "priority"),
        ({"team": "nowhere"}, "team"),
        ({"assignee": 2**70}, "assignee"),
        ({"add_tags": ["x" * 41]}, "add_tags.0"),
        ({"tags": ["x"]}, "tags"),
        ({"subject": "x"}, "subject"),
    ],
)
def test_wrong_wish_for_many_is_done_to_none(
    key: APIClient, conversation: Conversation, body: dict[str, Any], field: str
) -> None:
    refused = key.post(f"{LIST}/bulk", {"ids": [str(conversation.pk)], **body}, format="json")
    assert field in fields_of(refused)
    conversation.refresh_from_db()
    assert (conversation.last_seq, conversation.tags) == (1, [])


def test_hundred_are_done_and_who_repeats_the_request_does_nothing_again(key: APIClient, app: Inbox) -> None:
    rows = [receive(inbox=app, sender=Sender(f"u{n}", name="U"), text="Oi").conversation for n in range(100)]
    body = {"ids": [str(row.pk) for row in rows], "priority": "urgent"}
    first, again = (
        key.post(f"{LIST}/bulk", body, format="json", HTTP_IDEMPOTENCY_KEY="many") for _ in range(2)
    )
    assert first.content == again.content
    assert {each["status"] for each in first.json()["results"]} == {200}
    assert Event.objects.filter(type="conversation.updated").count() == 100


def test_whoever_is_assigned_stays_where_many_are_moved_to_a_team(
    key: APIClient, conversation: Conversation, bruno: User, other_team: Team
) -> None:
    Conversation.objects.update(assignee=bruno)
    (told,) = bulk(key, [conversation.pk], team="finance")
    assert told["status"] == 200
    conversation.refresh_from_db()
    assert (conversation.assignee, conversation.team) == (bruno, other_team)
    bulk(key, [conversation.pk], assignee=None)
    conversation.refresh_from_db()
    assert (conversation.assignee, conversation.team) == (None, other_team)


# --- Lists -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", ["%", "___", "a%b", "\\\\\\", "'; --", "   ", "\x00ab"])
def test_signs_of_a_pattern_find_only_themselves(
    key: APIClient, conversation: Conversation, words: str
) -> None:
    for path in (LIST, "/api/v1/contacts"):
        answer = key.get(path, {"q": words})
        assert answer.status_code == 422 or answer.json()["results"] == [], path


def test_moment_with_any_distance_from_utc_is_the_same_moment(
    key: APIClient, conversation: Conversation
) -> None:
    Conversation.objects.update(created_at="2026-11-22T12:00:00Z")
    for moment, found in (
        ("2026-11-22T12:00:00Z", 1),
        ("2026-11-22T09:00:00-03:00", 1),
        ("2026-11-22T17:30:00+05:30", 1),
        ("2026-11-22T09:00:01-03:00", 0),
    ):
        assert len(results(key.get(LIST, {"created_since": moment}))) == found, moment
        assert len(results(key.get(LIST, {"created_before": moment}))) == 1 - found, moment
    for wrong in ("2026-11-22T12:00:00", "2026-11-22", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "now"):
        assert fields_of(key.get(LIST, {"created_since": wrong})) == ["created_since"], wrong


def test_messages_that_colleagues_write_come_only_to_who_sees_them(
    *,
    as_clara: APIClient,
    with_key: KeyMaker,
    key: APIClient,
    url: str,
    conversation: Conversation,
    other_team: Team,
) -> None:
    reply(conversation=conversation, text="Segredo", by=SYSTEM)
    foreign = with_key("read", teams=[other_team])
    for client in (as_clara, foreign):
        assert client.get(f"{url}/messages").status_code == 404
        assert results(client.get("/api/v1/messages")) == []
    key.patch(f"{url}/assign", {"assignee": None, "team": "finance"}, format="json")
    for client in (as_clara, foreign):
        assert [row["text"] for row in results(client.get("/api/v1/messages?direction=out"))] == ["Segredo"]
