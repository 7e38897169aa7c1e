"""The desk over HTTP: who may ask what, and what each verb does."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Team, User
from conversations.actions import assign, hand_back, note, reply
from conversations.enums import Direction, Priority, Status
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from desk.verbs import VERBS
from tests.desk.conftest import client_of, said
from tests.pictures import PNG
from tickets.actions import create_ticket
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


def post(client: Client, conversation: Conversation, verb: str, **data: Any) -> tuple[int, Json]:
    answer = client.post(
        f"/admin/inbox/{conversation.pk}/{verb}/", json.dumps(data), content_type="application/json"
    )
    return answer.status_code, answer.json()


@pytest.fixture
def ticket(conversation: Conversation, bruno: User) -> Ticket:
    return create_ticket(conversation=conversation, subject="Parcel lost", by=bruno.as_actor())


def addresses(conversation: Conversation, ticket: Ticket) -> dict[str, list[str]]:
    """Every address of the desk, by how it is asked and whose data it shows."""
    inbox, tickets = f"/admin/inbox/{conversation.pk}/", f"/admin/tickets/{ticket.number}/"
    new = f"/admin/inbox/new/{conversation.inbox_id}/"
    return {
        "pages": ["/admin/inbox/", "/admin/tickets/"],
        "own pages": [inbox, tickets],
        "administrators' pages": ["/admin/settings/models/"],
        "reads": ["/admin/inbox/rows/", "/admin/tickets/rows/"],
        "own reads": [
            f"{inbox}thread/",
            f"{inbox}thread/?before=9",
            f"{inbox}context/",
            f"{inbox}deliveries/",
            f"{inbox}templates/",
            f"{inbox}recipients/",
            f"{inbox}canned/",
            f"{inbox}copilot/",
            f"{inbox}copilot/similar/",
            f"{new}people/",
            f"{new}templates/",
            f"{inbox}messages/{conversation.messages.get().pk}/",
            f"{tickets}state/",
        ],
        "writes": [
            new,
            f"{new}files/",
            f"{inbox}files/",
            f"{tickets}change/",
            *(f"{inbox}copilot/{what}/" for what in ("suggest", "summary", "rewrite", "translate", "decide")),
            *(f"{inbox}{verb}/" for verb in VERBS),
        ],
    }


def test_the_matrix_names_every_address_of_the_desk(conversation: Conversation, ticket: Ticket) -> None:
    """Fails when an address is added without a line in the matrix."""
    from django.contrib import admin

    from desk.urls import desk_urls

    known = [path for paths in addresses(conversation, ticket).values() for path in paths]
    for pattern in desk_urls(admin.site):  # type: ignore[arg-type]
        assert any(pattern.resolve(path.removeprefix("/admin/").split("?")[0]) for path in known), pattern


def test_strangers_are_sent_to_the_login_or_told(conversation: Conversation, ticket: Ticket) -> None:
    found, client = addresses(conversation, ticket), Client()
    for path in found["pages"] + found["own pages"] + found["administrators' pages"]:
        assert client.get(path).url.startswith("/admin/login/"), path  # type: ignore[attr-defined]
    for path in found["reads"] + found["own reads"]:
        assert client.get(path).status_code == 401, path
    for path in found["writes"]:
        answer = client.post(path, "{}", content_type="application/json")
        assert answer.status_code == 401, path
        assert answer["Content-Type"] == "application/problem+json"


def test_a_user_who_is_no_staff_gets_nothing(conversation: Conversation, ticket: Ticket) -> None:
    customer = User.objects.create_user("eva", "eva@example.com", "eva")
    found, client = addresses(conversation, ticket), client_of(customer)
    for path in found["pages"] + found["own pages"]:
        assert client.get(path).status_code == 302, path
    for path in found["reads"] + found["own reads"]:
        assert client.get(path).status_code == 403, path
    for path in found["writes"]:
        assert client.post(path, "{}", content_type="application/json").status_code == 403, path


def test_another_team_finds_nothing_of_it(
    as_clara: Client, conversation: Conversation, ticket: Ticket
) -> None:
    found = addresses(conversation, ticket)
    for path in found["pages"] + found["reads"]:
        answer = as_clara.get(path)
        assert answer.status_code == 200
        assert "Davi" not in answer.content.decode()
        assert "Parcel lost" not in answer.content.decode()
    for path in found["administrators' pages"]:
        assert as_clara.get(path).status_code == 403, path
    for path in found["own pages"] + found["own reads"]:
        assert as_clara.get(path).status_code == 404, path
    for path in found["writes"]:
        body = {"text": "x", "subject": "x", "priority": 20, "to": None, "status": "open"}
        answer = as_clara.post(path, json.dumps(body), content_type="application/json")
        assert answer.status_code == 404, path
    conversation.refresh_from_db()
    assert (conversation.status, Message.objects.count()) == (Status.OPEN, 1)


@pytest.mark.parametrize("who", ["ana", "bruno"])
def test_the_own_team_and_admins_see_all_of_it(
    request: pytest.FixtureRequest, conversation: Conversation, ticket: Ticket, who: str
) -> None:
    client, found = client_of(request.getfixturevalue(who)), addresses(conversation, ticket)
    for kind in ("pages", "own pages", "reads", "own reads"):
        for path in found[kind]:
            assert client.get(path).status_code == 200, path


def test_writes_need_the_token_of_the_page(bruno: User, conversation: Conversation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    url = f"/admin/inbox/{conversation.pk}/resolve/"
    assert client.post(url, "{}", content_type="application/json").status_code == 403
    client.get("/admin/inbox/")
    token = client.cookies["csrftoken"].value
    answer = client.post(url, "{}", content_type="application/json", headers={"x-csrftoken": token})
    assert answer.status_code == 200


def test_reading_never_writes(as_bruno: Client, conversation: Conversation) -> None:
    assert as_bruno.get(f"/admin/inbox/{conversation.pk}/resolve/").status_code == 405
    assert as_bruno.post("/admin/inbox/rows/").status_code == 405


def test_a_reply_is_stored_once_and_answers_with_the_row(
    as_bruno: Client, bruno: User, conversation: Conversation
) -> None:
    key = str(uuid4())
    first = post(as_bruno, conversation, "reply", text="On its way", client_id=key)
    second = post(as_bruno, conversation, "reply", text="On its way", client_id=key)
    assert first[0] == 200
    assert first[1]["message"] == second[1]["message"]
    assert first[1]["row"]["waiting_since"] is None
    message = Message.objects.get(direction=Direction.OUT)
    assert (message.author_name, message.author_id) == ("Bruno", str(bruno.pk))


def test_send_and_resolve_is_one_step(as_bruno: Client, conversation: Conversation) -> None:
    status, answer = post(as_bruno, conversation, "reply", text="Done", resolve=True, client_id=str(uuid4()))
    assert (status, answer["row"]["status"]) == (200, Status.RESOLVED)


def test_a_reply_that_is_refused_resolves_nothing(as_bruno: Client, conversation: Conversation) -> None:
    status, answer = post(as_bruno, conversation, "reply", text="  ", resolve=True)
    assert (status, answer["code"], answer["field"]) == (422, "invalid", "text")
    conversation.refresh_from_db()
    assert conversation.status == Status.OPEN


def test_a_note_is_not_for_the_customer(as_bruno: Client, conversation: Conversation) -> None:
    assert post(as_bruno, conversation, "note", text="Difficult")[0] == 200
    assert Message.objects.get(text="Difficult").direction == Direction.NOTE


def test_take_over_and_hand_back(
    as_bruno: Client, bruno: User, conversation: Conversation, system: Actor
) -> None:
    hand_back(conversation=conversation, by=system)
    _, taken = post(as_bruno, conversation, "take-over")
    assert (taken["row"]["status"], taken["row"]["assignee"]["id"]) == (Status.OPEN, bruno.pk)
    _, given = post(as_bruno, conversation, "hand-back")
    assert (given["row"]["status"], given["row"]["assignee"]) == (Status.BOT, None)


def test_assigning_to_people_teams_and_nobody(
    as_ana: Client, conversation: Conversation, bruno: User, other_team: Team
) -> None:
    _, answer = post(as_ana, conversation, "assign", to=bruno.pk)
    assert answer["row"]["assignee"]["name"] == "Bruno"
    _, answer = post(as_ana, conversation, "assign", to=None, team=other_team.pk)
    assert (answer["row"]["assignee"], answer["row"]["team"]["name"]) == (None, "Finance")


def test_moving_it_out_of_ones_sight_answers_without_row(
    as_bruno: Client, conversation: Conversation, other_team: Team
) -> None:
    status, answer = post(as_bruno, conversation, "assign", to=None, team=other_team.pk)
    assert (status, answer) == (200, {"row": None})


@pytest.mark.parametrize(
    ("verb", "data", "status"),
    [
        ("assign", {"to": 999_999}, 404),
        ("assign", {"to": "x"}, 422),
        ("assign", {"to": True}, 422),
        ("assign", {"team": 999_999}, 404),
        ("priority", {}, 422),
        ("priority", {"priority": 11}, 422),
        ("reply", {"text": 5}, 422),
        ("reply", {"text": "x", "client_id": "x"}, 422),
        ("reply", {"text": "x", "attachments": "x"}, 422),
        ("reply", {"text": "x", "attachments": ["x"]}, 422),
        ("reply", {"text": "x" * 10_001}, 413),
        ("ticket", {"subject": ""}, 422),
        ("explode", {}, 404),
    ],
)
def test_what_makes_no_sense_is_a_problem(
    as_bruno: Client, conversation: Conversation, verb: str, data: Json, status: int
) -> None:
    told, answer = post(as_bruno, conversation, verb, **data)
    assert (told, answer["status"]) == (status, status)
    assert answer["detail"]


@pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"text": "' + "x" * 140_000 + '"}'])
def test_bodies_that_are_no_small_object_are_refused(
    as_bruno: Client, conversation: Conversation, body: str
) -> None:
    url = f"/admin/inbox/{conversation.pk}/reply/"
    assert as_bruno.post(url, body, content_type="application/json").status_code in {413, 422}


def test_resolve_reopen_priority(as_bruno: Client, conversation: Conversation) -> None:
    assert post(as_bruno, conversation, "resolve")[1]["row"]["status"] == Status.RESOLVED
    assert post(as_bruno, conversation, "take-over")[0] == 409
    assert post(as_bruno, conversation, "reopen")[1]["row"]["status"] == Status.OPEN
    _, answer = post(as_bruno, conversation, "priority", priority=Priority.URGENT)
    assert answer["row"]["priority"] == Priority.URGENT


def test_a_ticket_is_made_once(as_bruno: Client, conversation: Conversation) -> None:
    data = {"subject": "Parcel lost", "priority": 30, "client_id": str(uuid4())}
    _, first = post(as_bruno, conversation, "ticket", **data)
    _, second = post(as_bruno, conversation, "ticket", **data)
    assert first["number"] == second["number"]
    assert Ticket.objects.get().priority == Priority.HIGH


def test_a_file_goes_with_the_message_of_who_uploaded_it(
    as_bruno: Client, as_ana: Client, conversation: Conversation
) -> None:
    url = f"/admin/inbox/{conversation.pk}/files/"
    answer = as_bruno.post(url, {"file": SimpleUploadedFile("a.png", PNG, "image/png")})
    file = answer.json()["attachment"]
    assert post(as_ana, conversation, "reply", text="x", attachments=[file["id"]])[0] == 404
    said = {"text": "", "attachments": [file["id"]], "client_id": str(uuid4())}
    status, first = post(as_bruno, conversation, "reply", **said)
    assert status == 200
    # Sent again, because the answer was lost on its way.
    assert post(as_bruno, conversation, "reply", **said) == (200, first)
    thread = as_bruno.get(f"/admin/inbox/{conversation.pk}/thread/").json()
    assert [row["name"] for row in thread["items"][-1]["message"]["attachments"]] == ["a.png"]


def test_a_file_of_a_kind_we_do_not_take_is_refused(as_bruno: Client, conversation: Conversation) -> None:
    url = f"/admin/inbox/{conversation.pk}/files/"
    assert as_bruno.post(url).status_code == 422
    page = SimpleUploadedFile("a.html", b"<script>", "text/html")
    assert as_bruno.post(url, {"file": page}).status_code == 422


def test_the_thread_tells_what_happened_and_by_whom(
    as_bruno: Client, bruno: User, ana: User, conversation: Conversation
) -> None:
    note(conversation=conversation, text="Careful", by=bruno.as_actor())
    assign(conversation=conversation, to=bruno, by=ana.as_actor())
    items = as_bruno.get(f"/admin/inbox/{conversation.pk}/thread/").json()["items"]
    assert [item["seq"] for item in items] == [1, 2, 3]
    assert items[1]["internal"]
    assert items[1]["message"]["direction"] == Direction.NOTE
    assert items[2]["by"] == {"kind": "operator", "name": "Ana"}
    assert items[2]["assignee"]["name"] == "Bruno"


def test_older_messages_come_page_by_page(as_bruno: Client, bruno: User, conversation: Conversation) -> None:
    for number in range(104):
        reply(conversation=conversation, text=str(number), by=bruno.as_actor())
    url = f"/admin/inbox/{conversation.pk}/thread/"
    last = as_bruno.get(url).json()
    assert (last["items"][0]["seq"], last["seq"], last["has_more"]) == (7, 106, True)
    first = as_bruno.get(url, {"before": 6}).json()
    assert ([item["seq"] for item in first["items"]], first["has_more"]) == ([1, 2, 3, 4, 5], False)
    assert as_bruno.get(url, {"before": "x"}).status_code == 422


def test_the_panel_shows_tickets_and_earlier_conversations(
    as_bruno: Client, inbox: Inbox, conversation: Conversation, ticket: Ticket, other_team: Team
) -> None:
    earlier, hidden = said(inbox, "other"), said(inbox, "third")
    Conversation.objects.exclude(pk=conversation.pk).update(contact=conversation.contact)
    Conversation.objects.filter(pk=hidden.pk).update(team=other_team)
    told = as_bruno.get(f"/admin/inbox/{conversation.pk}/context/").json()["context"]
    assert told["contact"]["email"] == "davi@example.com"
    assert [row["number"] for row in told["tickets"]] == [ticket.number]
    assert [row["id"] for row in told["previous"]] == [str(earlier.pk)]


def test_an_unknown_queue_is_the_first(as_bruno: Client, conversation: Conversation) -> None:
    answer = as_bruno.get("/admin/inbox/rows/", {"queue": "nonsense"})
    assert [row["id"] for row in answer.json()["rows"]] == [str(conversation.pk)]
    assert as_bruno.get("/admin/inbox/rows/", {"after": "nonsense"}).status_code == 422


def test_correct_names_a_message_of_the_conversation(as_bruno: Client, conversation: Conversation) -> None:
    address = f"/admin/inbox/{conversation.pk}/correct/"
    for message in (None, "nonsense", str(uuid4())):
        answer = as_bruno.post(address, {"message": message, "text": "x"}, content_type="application/json")
        assert answer.status_code in {404, 422}, message
