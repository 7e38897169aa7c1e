"""Telling somebody what they did not ask for: once, in its place, or not at all."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.models import User
from conversations.actions import receive, reply
from conversations.actions.claiming import Claim, claim
from conversations.actions.notifying import Notice, locked_for_notice, notify, withdraw
from conversations.actions.settling import retry_message, settle
from conversations.channels import SendLater
from conversations.enums import AuthorKind, Status, Withdrawn
from conversations.errors import WindowClosed
from conversations.exchange import Sender
from conversations.models import (
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    Inbox,
    Message,
    MessageTemplate,
)
from core.actor import Actor
from core.errors import Conflict, Invalid, TooLarge
from tests.campaigns.lines import no_errors, together
from tests.channels import DAY, silent_for
from tests.conversations.lines import pass_time

pytestmark = pytest.mark.django_db(transaction=True)


def tell(identity: ContactIdentity, text: str = "News", **more: object) -> Message:
    key = more.pop("client_id", None) or uuid4()
    with transaction.atomic():
        conversation = locked_for_notice(identity, subject=str(more.pop("subject", "")), client_id=key)  # type: ignore[arg-type]
        return notify(conversation=conversation, notice=Notice(text, **more), client_id=key)  # type: ignore[arg-type]


def somebody(inbox: Inbox, address: str = "eva@x.example") -> ContactIdentity:
    contact = Contact.objects.create(name="Eva", email=address)
    return ContactIdentity.objects.create(inbox=inbox, contact=contact, external_id=address)


def test_same_key_says_it_once(letter: Conversation) -> None:
    key = uuid4()
    assert tell(letter.identity, client_id=key) == tell(letter.identity, "Other", client_id=key)
    assert Message.objects.filter(direction="out").count() == Delivery.objects.count() == 1
    tell(letter.identity)
    assert Delivery.objects.count() == 2


def test_stranger_gets_a_conversation_in_which_there_is_nothing_to_do(mailbox: Inbox) -> None:
    message = tell(somebody(mailbox), subject=" Big \n news ")
    row = Conversation.objects.get()
    assert (row.status, row.subject, row.team, row.waiting_since) == (
        Status.RESOLVED, "Big news", mailbox.team, None,
    )  # fmt: skip
    assert (message.author_kind, message.author_name) == (AuthorKind.OPERATOR, "Mail")


def test_where_there_are_subjects_each_message_begins_a_conversation_once(mailbox: Inbox) -> None:
    identity, key = somebody(mailbox), uuid4()
    for _time in range(2):
        tell(identity, subject="A", client_id=key)
    tell(identity, subject="B")
    assert list(Conversation.objects.order_by("subject").values_list("subject", flat=True)) == ["A", "B"]


def test_many_at_once_open_one_conversation(post: Inbox, template: MessageTemplate) -> None:
    identity = somebody(post)
    values = {"1": "Eva", "2": "7"}
    no_errors(together(*[lambda: tell(identity, "", template=template, values=values)] * 5))
    assert Conversation.objects.count() == 1
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5]


def test_closed_window_takes_only_a_template(letter: Conversation, template: MessageTemplate) -> None:
    silent_for(letter, DAY + timedelta(minutes=1))
    with pytest.raises(WindowClosed):
        tell(letter.identity)
    message = tell(letter.identity, "", template=template, values={"1": "Eva", "2": "7"})
    assert message.text == "Hello Eva, your parcel 7 is here."
    assert message.details["kind"] == "template"
    assert message.details["variables"] == {"1": "Eva", "2": "7"}


@pytest.mark.parametrize(
    ("text", "values", "error"),
    [
        ("x" * 101, None, TooLarge), ("", {"1": "x" * 90, "2": "7"}, TooLarge),
        ("", {"1": "x" * 1_025, "2": "7"}, TooLarge), ("", {"1": "Eva"}, Invalid),
        ("", {"1": "Eva", "2": " "}, Invalid), ("", {"1": "a", "2": "b", "3": "c"}, Invalid),
    ],
)  # fmt: skip
def test_what_cannot_be_said_leaves_nothing_behind(
    letter: Conversation,
    template: MessageTemplate,
    text: str,
    values: dict[str, str] | None,
    error: type[Exception],
) -> None:
    before = Conversation.objects.get().last_seq
    more = {"template": template, "values": values} if values else {}
    with pytest.raises(error):
        tell(letter.identity, text, **more)
    assert Conversation.objects.get().last_seq == before
    assert not Delivery.objects.exists()


def test_file_of_many_is_copied_for_each(mailbox: Inbox) -> None:
    file = Attachment.objects.create(
        inbox=mailbox, uploader="x", name="a.pdf", content_type="application/pdf", size=1, file="a.pdf"
    )
    for address in ("a@x.example", "b@x.example"):
        tell(somebody(mailbox, address), subject="A", file=file)
    assert Attachment.objects.filter(message__isnull=False, file="a.pdf").count() == 2
    file.refresh_from_db()
    assert file.message is None


def test_nobody_takes_charge_and_nobodys_waiting_ends(letter: Conversation, bruno: User) -> None:
    reply(conversation=letter, text="Yes", by=bruno.as_actor())
    receive(inbox=letter.inbox, sender=Sender("eva"), text="And?")
    before = Conversation.objects.get()
    tell(letter.identity)
    after = Conversation.objects.get()
    for name in ("status", "assignee_id", "waiting_since", "first_reply_at", "read_by_operator_seq"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.preview == "News"


def test_word_of_the_machine_is_nobodys(letter: Conversation) -> None:
    message = tell(letter.identity, is_system=True)
    assert (message.author_kind, message.author_name) == (AuthorKind.SYSTEM, "")


# --- taking back -------------------------------------------------------------------------------------------


def taken_back(*messages: Message) -> int:
    with transaction.atomic():
        return withdraw([each.pk for each in messages], error="No", code=Withdrawn.CANCELLED)


def test_what_waits_is_taken_back_and_what_is_sent_is_not(letter: Conversation) -> None:
    sent, waiting, _other = (tell(letter.identity, text) for text in "abc")
    Delivery.objects.filter(message=sent).update(status="sent")
    assert taken_back(sent, waiting) == 1
    states = dict(Delivery.objects.values_list("message__text", "status"))
    assert states == {"a": "sent", "b": "failed", "c": "queued"}
    delivery = Delivery.objects.get(message=waiting)
    assert (delivery.error, delivery.error_code, delivery.next_try_at) == ("No", "cancelled", None)
    assert taken_back(sent, waiting) == 0


def test_what_was_taken_back_does_not_hold_up_what_follows(letter: Conversation) -> None:
    first, _second = tell(letter.identity, "a"), tell(letter.identity, "b")
    found = claim(str(letter.pk))
    assert isinstance(found, Claim)
    assert taken_back(first) == 0
    settle(found.key, found.attempt, SendLater("busy", retry_after=60))
    assert Delivery.objects.get(message=first).status == "failed"
    pass_time(120)
    following = claim(str(letter.pk))
    assert isinstance(following, Claim)
    assert following.outgoing.text == "b"


def test_what_was_taken_back_is_sent_by_nobody(letter: Conversation) -> None:
    message = tell(letter.identity)
    taken_back(message)
    with pytest.raises(Conflict):
        retry_message(message=message, by=Actor.system())
    assert claim(str(letter.pk)) is None
    assert Delivery.objects.get().status == "failed"
