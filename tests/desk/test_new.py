"""Writing first over HTTP: what the form asks for, and what it does."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from conversations.models import Conversation, Inbox, Message, MessageTemplate
from tests.channels import DAY, silent_for
from tests.pictures import PNG

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


def write(client: Client, inbox: Inbox, **data: Any) -> tuple[int, Json]:
    answer = client.post(f"/admin/inbox/new/{inbox.pk}/", json.dumps(data), content_type="application/json")
    return answer.status_code, answer.json()


def test_a_mail_is_written_and_sent_once(as_bruno: Client, mailbox: Inbox) -> None:
    data = {"to": "eva@example.com", "subject": "Parcel", "text": "Late", "client_id": str(uuid4())}
    (status, answer), again = (write(as_bruno, mailbox, **data) for _ in range(2))
    assert (status, answer["row"]["subject"]) == (200, "Parcel")
    assert again[1]["conversation"] == answer["conversation"] == str(Conversation.objects.get().pk)
    assert Message.objects.get().text == "Late"


def test_a_template_with_its_picture_is_the_first_message(
    as_bruno: Client, post: Inbox, template: MessageTemplate
) -> None:
    template.details = {"header_format": "IMAGE"}
    template.save()
    (shown,) = as_bruno.get(f"/admin/inbox/new/{post.pk}/templates/").json()["templates"]
    assert (shown["id"], shown["header_format"]) == (template.pk, "IMAGE")
    data: Json = {"to": "max@x", "template": template.pk, "variables": {"1": "Max", "2": "7"}}
    assert write(as_bruno, post, **data)[0] == 422
    assert not Conversation.objects.exists()
    file = SimpleUploadedFile("a.png", PNG, "image/png")
    kept = as_bruno.post(f"/admin/inbox/new/{post.pk}/files/", {"file": file}).json()["attachment"]["id"]
    assert write(as_bruno, post, **data, attachments=[kept])[0] == 200
    assert Message.objects.get().attachments.count() == 1


def test_what_is_refused_leaves_no_empty_conversation(as_bruno: Client, mailbox: Inbox, post: Inbox) -> None:
    told: list[tuple[Inbox, Json, int]] = [
        (mailbox, {"to": "eva@example.com", "subject": "Parcel", "text": " "}, 422),
        (mailbox, {"to": "eva@example.com", "subject": "Parcel", "text": "x", "cc": ["y"]}, 422),
        (mailbox, {"to": "eva", "subject": "Parcel", "text": "x"}, 422),
        (mailbox, {"to": 7, "subject": "Parcel", "text": "x"}, 422),
        (mailbox, {"person": "x", "subject": "Parcel", "text": "x"}, 422),
        (post, {"to": "eva@x", "text": "x"}, 409),
        (post, {"to": "eva@x", "template": 0}, 404),
    ]
    for inbox, data, expected in told:
        assert write(as_bruno, inbox, **data)[0] == expected, data
    assert not Conversation.objects.exists()


def test_people_of_the_inbox_are_offered_with_what_reaches_them(
    as_bruno: Client, letter: Conversation, post: Inbox
) -> None:
    def offered() -> Any:
        return as_bruno.get(f"/admin/inbox/new/{post.pk}/people/", {"q": "ev"}).json()["people"]

    eva = {"id": letter.identity_id, "name": "Eva", "address": "eva", "is_open": True}
    assert offered() == [eva]
    silent_for(letter, DAY)
    assert offered() == [{**eva, "is_open": False}]
    assert write(as_bruno, post, person=letter.identity_id, text="x")[0] == 409


def test_a_person_is_chosen_only_where_they_are_seen(
    as_bruno: Client, letter: Conversation, mailbox: Inbox, conversation: Conversation
) -> None:
    for person in (letter.identity_id, conversation.identity_id, 0):
        data = {"person": person, "subject": "Parcel", "text": "x"}
        assert write(as_bruno, mailbox, **data)[0] == 404


def test_another_team_neither_sees_nor_uses_the_inbox(
    as_clara: Client, mailbox: Inbox, letter: Conversation, clara: User
) -> None:
    data = {"to": "eva@example.com", "subject": "Parcel", "text": "x"}
    assert write(as_clara, mailbox, **data)[0] == 404
    assert as_clara.get(f"/admin/inbox/new/{letter.inbox_id}/people/").status_code == 404
    page = as_clara.get("/admin/inbox/")
    assert page.context["desk_state"]["writing"] == []
    assert b"data-new " not in page.content


def test_the_page_says_through_what_may_be_written(
    as_bruno: Client, mailbox: Inbox, conversation: Conversation
) -> None:
    found = as_bruno.get("/admin/inbox/").context["desk_state"]["writing"]
    assert [(row["name"], row["opens"], row["subjects"], row["has_window"]) for row in found] == [
        ("Mail", True, True, False), ("Post office", True, False, True)
    ]  # fmt: skip
