"""The shapes of docs/protocol.md: the keys it names, no others, and addresses that do not last."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import time_machine
from django.conf import settings
from django.core import signing
from django.test import Client

from accounts.models import User
from conversations.actions import Sender, add_attachment, receive, reply, take_over
from conversations.enums import EventType
from conversations.models import Attachment, Conversation, Event, Inbox, Message
from conversations.queries.threads import events_after
from conversations.queries.wire import (
    ATTACHMENT_SALT,
    Reader,
    attachment_frame,
    attachment_url,
    author_name,
    event_frame,
    message_frame,
    public_state,
    written_frame,
)
from core.actor import Actor
from core.pictures import PLAYED
from tests.conversations.test_attachments import GOOD, WHO, upload

PROTOCOL = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text()
# Never told to customers.
# What only staff is told; docs/tools.md says what of.
INTERNAL = {
    *(EventType.DELIVERY_FAILED.value, EventType.APPROVAL_ASKED.value, EventType.APPROVAL_DECIDED.value),
    EventType.IDENTITY_VERIFIED.value,
}
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def documented() -> dict[str, object]:
    """The MESSAGE of the protocol's page, read as JSON."""
    block = re.search(r"`MESSAGE` is\n\n```json\n(.*?)```", PROTOCOL, re.DOTALL)
    assert block
    found: dict[str, object] = json.loads(block[1])
    return found


@pytest.fixture
def picture(inbox: Inbox) -> Attachment:
    return add_attachment(inbox=inbox, uploader=WHO, upload=upload(name="foto.png"))


@pytest.fixture
def message(inbox: Inbox, picture: Attachment) -> Message:
    return receive(
        inbox=inbox, sender=Sender("eva", name="Eva"), text="**x** <b>", client_id=UUID(int=7),
        attachment_ids=[picture.pk], uploader=WHO,
    ).message  # fmt: skip


def shape(value: object) -> object:
    """Keys and kinds of values; what is empty or null says nothing of its kind."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return type(value)


def test_message_frame_has_the_documented_keys_in_the_documented_order(message: Message) -> None:
    assert list(message_frame(message)) == list(documented())


def test_message_frame_has_the_documented_shape(
    with_agent: Conversation, lia: Actor, picture: Attachment
) -> None:
    said = reply(
        conversation=with_agent, text="x", by=lia, attachment_ids=[picture.pk], uploader=picture.uploader,
        citations=[{"title": "a", "url": "b"}], choices=[{"label": "a", "value": "b"}],
    )  # fmt: skip
    assert shape(json.loads(json.dumps(message_frame(said)))) == shape(documented())


def test_message_frame_says_what_was_stored(message: Message, picture: Attachment) -> None:
    frame = message_frame(message)
    assert (frame["id"], frame["seq"], frame["direction"]) == (str(message.pk), 1, "in")
    assert frame["author"] == {"kind": "contact", "name": "Eva", "avatar": ""}
    assert (frame["text"], frame["html"]) == ("**x** <b>", "<p>**x** &lt;b&gt;</p>")
    assert (frame["client_id"], frame["run"]) == (str(UUID(int=7)), None)
    assert (frame["citations"], frame["choices"]) == ([], [])
    assert datetime.fromisoformat(frame["created_at"]) == message.created_at
    assert [row["id"] for row in frame["attachments"]] == [str(picture.pk)]
    assert json.loads(json.dumps(frame)) == frame


def test_message_frame_of_a_run_names_it(with_agent: Conversation, lia: Actor) -> None:
    run = uuid4()
    frame = message_frame(reply(conversation=with_agent, text="x", by=lia, run=run))
    assert (frame["run"], frame["client_id"]) == (str(run), None)


def test_message_frame_takes_files_that_were_read_before(message: Message, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert message_frame(message, ())["attachments"] == []


def test_attachment_frame_says_name_size_and_type(picture: Attachment) -> None:
    frame = attachment_frame(picture, Reader.CUSTOMER)
    assert list(frame) == list(documented()["attachments"][0])  # type: ignore[index]
    assert {name: frame[name] for name in ("name", "size", "content_type")} == {
        "name": "foto.png", "size": len(GOOD["image/png"]), "content_type": "image/png"
    }  # fmt: skip
    assert frame["url"].startswith("/files/")


@pytest.mark.parametrize(("own_name", "shown"), [("Bia", "Bia"), ("", "Lia")])
def test_agent_is_called_as_its_inbox_says(
    with_agent: Conversation, lia: Actor, inbox: Inbox, own_name: str, shown: str
) -> None:
    Inbox.objects.update(agent_name=own_name)
    said = Message.objects.get(pk=reply(conversation=with_agent, text="x", by=lia).pk)
    assert author_name(said) == shown
    assert said.author_name == "Lia"


def test_person_is_called_by_their_own_name(conversation: Conversation, bruno: User) -> None:
    assert author_name(reply(conversation=conversation, text="x", by=bruno.as_actor())) == "Bruno"


def test_written_frame_is_what_a_reader_reads_later(inbox: Inbox) -> None:
    message = receive(inbox=inbox, sender=Sender("eva"), text="x", client_id=uuid4()).message
    assert written_frame(message) == event_frame(events_after(message.conversation_id, 0)[0])


def test_event_frame_puts_the_payload_beside_the_event(conversation: Conversation) -> None:
    event = Event(seq=9, type=EventType.TICKET_CREATED, payload={"ticket": {"number": 7}})
    assert event_frame(event) == {
        "type": "event",
        "seq": 9,
        "event": "ticket.created",
        "ticket": {"number": 7},
    }


def test_event_frame_of_an_old_event_without_state_is_empty_of_it() -> None:
    event = Event(seq=9, type=EventType.CONVERSATION_UPDATED, payload={"reason": "x"})
    assert event_frame(event) == {"type": "event", "seq": 9, "event": "conversation.updated"}


def test_every_event_type_of_the_log_is_documented_or_internal() -> None:
    table = set(re.findall(r"`((?:message|conversation|run|ticket)\.[a-z]+)`", PROTOCOL))
    assert table <= set(EventType.values)
    assert set(EventType.values) - INTERNAL <= table
    assert not INTERNAL & table


def test_public_state_names_the_person_and_nothing_of_them(conversation: Conversation, bruno: User) -> None:
    assert public_state(conversation) == {"status": "open", "assignee": None}
    row = take_over(conversation=conversation, by=bruno.as_actor())
    assert public_state(row) == {"status": "open", "assignee": {"name": "Bruno", "avatar": ""}}
    assert "example.com" not in json.dumps(public_state(row))


# --- files by signed address -----------------------------------------------------------------------------


def test_file_is_served_to_whoever_has_its_address(picture: Attachment) -> None:
    answer = Client().get(attachment_url(picture, Reader.CUSTOMER))
    assert (answer.status_code, answer.content) == (200, GOOD["image/png"])
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="foto.png"'
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"


@pytest.mark.parametrize("kind", ["application/pdf", "text/plain", "text/csv"])
def test_file_that_is_no_picture_is_a_download(inbox: Inbox, kind: str) -> None:
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(GOOD[kind], kind, "a b.x"))
    answer = Client().get(attachment_url(row, Reader.CUSTOMER))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a b.x"'


@pytest.mark.parametrize("kind", sorted(PLAYED))
def test_sound_and_film_are_played_in_place(picture: Attachment, kind: str) -> None:
    Attachment.objects.update(content_type=kind)
    answer = Client().get(attachment_url(picture, Reader.CUSTOMER))
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "text/xml", "multipart/related", "image/png; x", "x/y", "", "a\tb"]
)
def test_type_that_we_do_not_know_is_not_repeated(picture: Attachment, kind: str) -> None:
    Attachment.objects.update(content_type=kind)
    answer = Client().get(attachment_url(picture, Reader.CUSTOMER))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="foto.png"'


def test_file_opened_as_a_page_may_do_nothing(picture: Attachment) -> None:
    answer = Client().get(attachment_url(picture, Reader.CUSTOMER))
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    assert not [part for part in policy if part.startswith("script-src")]


@pytest.mark.parametrize(
    ("status", "words"), [("pending", "still being fetched"), ("failed", "could not be")]
)
def test_file_that_is_not_here_says_so(picture: Attachment, status: str, words: str) -> None:
    Attachment.objects.update(status=status, error="the provider's own words")
    answer = Client().get(attachment_url(picture, Reader.CUSTOMER))
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert words in answer.text
    assert "own words" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("reader", "hours"), [(Reader.CUSTOMER, 24), (Reader.STAFF, 24), (Reader.HOLDER, 1)])
def test_address_ends_with_its_time(picture: Attachment, bruno: User, reader: Reader, hours: int) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        as_bruno = Client()
        as_bruno.force_login(bruno)
        address = attachment_url(picture, reader)
        clock.shift(timedelta(hours=hours))
        assert as_bruno.get(address).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert as_bruno.get(address).status_code == 404
        assert as_bruno.get(attachment_url(picture, reader)).status_code == 200


def test_address_that_was_changed_anywhere_leads_nowhere(picture: Attachment) -> None:
    address = attachment_url(picture, Reader.CUSTOMER)
    start = len("/files/")
    for place in range(start, len(address), 7):
        other = "A" if address[place] != "A" else "B"
        changed = address[:place] + other + address[place + 1 :]
        assert Client().get(changed).status_code == 404, changed
    for changed in (address[:-1], address + "x", "/files/x", f"/files/{picture.pk}", "/files/::"):
        assert Client().get(changed).status_code == 404


def test_address_for_one_file_opens_no_other(inbox: Inbox, picture: Attachment) -> None:
    other = add_attachment(inbox=inbox, uploader="visitor:2", upload=upload(GOOD["image/gif"], "image/gif"))
    mine, theirs = (attachment_url(row, Reader.CUSTOMER).split(":") for row in (picture, other))
    assert Client().get(":".join([theirs[0], *mine[1:]])).status_code == 404


@pytest.mark.parametrize("salt", ["", "django.core.signing", f"{ATTACHMENT_SALT}x"])
def test_signature_made_for_something_else_opens_nothing(picture: Attachment, salt: str) -> None:
    signed = signing.dumps([str(picture.pk), Reader.CUSTOMER], salt=salt or "other")
    assert Client().get(f"/files/{signed}").status_code == 404


def test_signature_under_another_key_opens_nothing(picture: Attachment) -> None:
    signed = signing.dumps(
        [str(picture.pk), Reader.CUSTOMER], key=f"{settings.SECRET_KEY}x", salt=ATTACHMENT_SALT
    )
    assert Client().get(f"/files/{signed}").status_code == 404


def test_file_whose_row_is_gone_is_not_found(picture: Attachment) -> None:
    address = attachment_url(picture, Reader.CUSTOMER)
    Attachment.objects.all().delete()
    assert Client().get(address).status_code == 404


def test_file_that_is_lost_from_the_disk_is_not_found(picture: Attachment) -> None:
    picture.file.storage.delete(str(picture.file.name))
    assert Client().get(attachment_url(picture, Reader.CUSTOMER)).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_file_can_only_be_read(picture: Attachment, method: str) -> None:
    assert getattr(Client(), method)(attachment_url(picture, Reader.CUSTOMER)).status_code == 405


def test_file_is_asked_about_without_its_content(picture: Attachment) -> None:
    answer = Client().head(attachment_url(picture, Reader.CUSTOMER))
    assert (answer.status_code, answer.content) == (200, b"")


def test_file_costs_one_query(picture: Attachment, django_assert_num_queries) -> None:
    address = attachment_url(picture, Reader.CUSTOMER)
    with django_assert_num_queries(1):
        Client().get(address)
