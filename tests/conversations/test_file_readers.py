"""Who may open the address of a file: asked each time, whatever was so when the address was made."""

from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from accounts.models import User
from conversations.actions import Sender, add_attachment, receive
from conversations.enums import AuthorKind, Direction
from conversations.models import Attachment, Conversation, Inbox, Message
from conversations.queries.threads import events_after
from conversations.queries.wire import ATTACHMENT_SALT, Reader, attachment_url, event_frame
from tests.conversations.test_attachments import WHO, upload


@pytest.fixture
def sent(inbox: Inbox, conversation: Conversation) -> Attachment:
    """A file in Davi's conversation, which Bruno's team may see."""
    row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(name="foto.png"))
    message = receive(
        inbox=inbox, sender=Sender("davi"), text="x", attachment_ids=[row.pk], uploader=WHO
    ).message
    assert message.conversation_id == conversation.pk
    row.refresh_from_db()
    return row


def status(row: Attachment, reader: Reader, who: User | None = None) -> int:
    client = Client()
    if who is not None:
        client.force_login(who)
    return client.get(attachment_url(row, reader)).status_code


def test_staff_s_address_opens_for_nobody_who_is_not_signed_in(sent: Attachment) -> None:
    assert status(sent, Reader.STAFF) == 404


def test_staff_s_address_opens_for_those_who_may_see_the_conversation(
    sent: Attachment, bruno: User, clara: User, ana: User
) -> None:
    Conversation.objects.update(team=bruno.teams.get())
    assert [status(sent, Reader.STAFF, who) for who in (bruno, clara, ana)] == [200, 404, 200]


def test_staff_s_address_ends_with_the_right_to_see(sent: Attachment, bruno: User, clara: User) -> None:
    Conversation.objects.update(team=clara.teams.get())
    assert status(sent, Reader.STAFF, bruno) == 404


def test_staff_s_address_ends_with_the_employment(sent: Attachment, bruno: User) -> None:
    client = Client()
    client.force_login(bruno)
    address = attachment_url(sent, Reader.STAFF)
    assert client.get(address).status_code == 200
    User.objects.filter(pk=bruno.pk).update(is_active=False)
    assert client.get(address).status_code == 404


def test_staff_s_address_opens_for_no_signed_in_user_who_is_not_staff(sent: Attachment, bruno: User) -> None:
    User.objects.filter(pk=bruno.pk).update(is_staff=False)
    assert status(sent, Reader.STAFF, bruno) == 404


def test_file_of_a_note_opens_for_no_customer(sent: Attachment, bruno: User) -> None:
    Message.objects.update(direction=Direction.NOTE, author_kind=AuthorKind.OPERATOR)
    assert status(sent, Reader.CUSTOMER) == 404
    assert status(sent, Reader.STAFF, bruno) == 200


@pytest.mark.parametrize("reader", [Reader.CUSTOMER, Reader.HOLDER])
def test_file_of_a_message_that_was_taken_back_opens_for_nobody_outside(
    sent: Attachment, reader: Reader
) -> None:
    assert status(sent, reader) == 200
    Message.objects.update(deleted_at=timezone.now())
    assert status(sent, reader) == 404


def test_customer_s_address_cannot_be_made_one_of_the_staff(sent: Attachment) -> None:
    value, *proof = urlsplit(attachment_url(sent, Reader.CUSTOMER)).path.removeprefix("/files/").split(":")
    forged = signing.b64_encode(signing.JSONSerializer().dumps([str(sent.pk), Reader.STAFF])).decode()
    assert value != forged
    assert Client().get("/files/" + ":".join([forged, *proof])).status_code == 404


@pytest.mark.parametrize("value", ["", [], ["a"], [1, 2, 3], {"a": 1}, ["x", "unknown"]])
def test_signed_nonsense_leads_nowhere(db: None, value: object) -> None:
    assert Client().get(f"/files/{signing.dumps(value, salt=ATTACHMENT_SALT)}").status_code == 404


def test_each_side_is_told_an_address_of_its_own(sent: Attachment, bruno: User) -> None:
    """What the desk shows must not open for whoever a link from it is passed to."""
    event = events_after(sent.message.conversation_id, 0)[-1]  # type: ignore[union-attr]
    addresses = [
        event_frame(event, internal=each)["message"]["attachments"][0]["url"] for each in (False, True)
    ]
    assert [Client().get(address).status_code for address in addresses] == [200, 404]
    as_bruno = Client()
    as_bruno.force_login(bruno)
    assert as_bruno.get(addresses[1]).status_code == 200
