"""To what and to whom an answer goes."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from conversations.actions import note, receive, reply
from conversations.actions.claiming import outgoing
from conversations.enums import Direction
from conversations.exchange import Incoming, Sender, Thread
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Inbox, Message
from conversations.queries.recipients import recipients
from core.errors import Invalid, NotFound
from integrations.email.config import EmailConfig
from integrations.email.outgoing import compose
from tests.conversations.lines import hand_out
from tests.conversations.scripted import ScriptedAdapter

pytestmark = pytest.mark.django_db


# --- The message that is answered --------------------------------------------------------------------------


def test_the_provider_is_told_which_message_is_answered(chat: Conversation, bruno: User) -> None:
    asked = Message.objects.get(conversation=chat)
    answer = reply(conversation=chat, text="Yes", by=bruno.as_actor(), reply_to=asked.pk)
    hand_out(chat)
    assert [call.reply_to for call in ScriptedAdapter.calls] == ["hello"]
    assert answer.reply_to == asked


def test_a_message_of_another_conversation_is_not_answered_here(
    chat: Conversation, line: Inbox, bruno: User
) -> None:
    """Its text would be shown to somebody who was never told it."""
    other = receive(inbox=line, sender=Sender("eva"), text="My secret").message
    for key in (other.pk, uuid4()):
        with pytest.raises(NotFound):
            reply(conversation=chat, text="Yes", by=bruno.as_actor(), reply_to=key)
    assert not Message.objects.filter(direction=Direction.OUT).exists()


def test_a_note_is_not_quoted_to_the_customer(chat: Conversation, bruno: User) -> None:
    inside = note(conversation=chat, text="Difficult", by=bruno.as_actor())
    with pytest.raises(NotFound):
        reply(conversation=chat, text="Yes", by=bruno.as_actor(), reply_to=inside.pk)


def test_a_channel_that_cannot_show_what_is_answered_refuses(conversation: Conversation, bruno: User) -> None:
    asked = Message.objects.get(conversation=conversation)
    with pytest.raises(Invalid) as refused:
        reply(conversation=conversation, text="Yes", by=bruno.as_actor(), reply_to=asked.pk)
    assert refused.value.extra == {"field": "reply_to"}


def test_the_same_reply_again_asks_nothing_of_what_it_answers(chat: Conversation, bruno: User) -> None:
    asked, once = Message.objects.get(conversation=chat), uuid4()
    told = [
        reply(conversation=chat, text="Yes", by=bruno.as_actor(), client_id=once, reply_to=key)
        for key in (asked.pk, uuid4())
    ]
    assert told[0] == told[1]


# --- Who else gets it --------------------------------------------------------------------------------------

SHOP = "support@shop.example"
EVA, MAX, ANA, EVE = (
    {"name": name, "address": f"{name.lower()}@example.com"} for name in ("Eva", "Max", "Ana", "Eve")
)


def mail(inbox: Inbox, author: dict[str, str], thread: str = "", **people: Any) -> Conversation:
    """A mail that came in, with the people it names."""
    sender = Sender(author["address"], name=author["name"], email=author["address"])
    origin = Incoming(
        uuid4().hex, sender, details={"kind": "email", "from": [author], **people},
        thread=Thread("Parcel", answers=(thread,) if thread else ()),
    )  # fmt: skip
    return receive(
        inbox=inbox, sender=sender, text="Hello", external_id=origin.external_id, origin=origin
    ).conversation


def last_id(row: Conversation) -> str:
    return Message.objects.filter(conversation=row).latest("seq").external_id or ""


def who(people: list[Any]) -> list[str]:
    return [person["address"] for person in people]


def test_copies_are_stored_once_each_and_never_for_the_customer(mailbox: Inbox, bruno: User) -> None:
    row = mail(mailbox, EVA)
    given = ["Max@Example.com", "max@example.com ", "eva@example.com", "ana@example.com"]
    sent = reply(conversation=row, text="Yes", by=bruno.as_actor(), cc=given)
    assert sent.details == {"cc": ["max@example.com", "ana@example.com"]}


def test_a_copy_leaves_with_the_mail(mailbox: Inbox, bruno: User) -> None:
    row = mail(mailbox, EVA)
    reply(conversation=row, text="Yes", by=bruno.as_actor(), cc=["max@example.com"])
    letter = compose(outgoing(Delivery.objects.get()), EmailConfig.model_validate(mailbox.config))
    assert letter.recipients == ("eva@example.com", "max@example.com")
    assert (letter.message["To"], letter.message["Cc"]) == ("Eva <eva@example.com>", "max@example.com")


@pytest.mark.parametrize(
    "address",
    ["", "max", "max@", "a b@example.com", "max@example.com\nBcc: eve@example.com", "max@example.com,eve@x.y",
     SHOP, "SUPPORT+anything@shop.example", "x" * 300 + "@example.com"],
)  # fmt: skip
def test_what_is_no_address_of_somebody_else_gets_no_copy(mailbox: Inbox, bruno: User, address: str) -> None:
    row = mail(mailbox, EVA)
    with pytest.raises(Invalid) as refused:
        reply(conversation=row, text="Yes", by=bruno.as_actor(), cc=["max@example.com", address])
    assert refused.value.extra == {"field": "cc"}
    assert not Message.objects.filter(direction=Direction.OUT).exists()


def test_copies_have_a_limit(mailbox: Inbox, bruno: User) -> None:
    row = mail(mailbox, EVA)
    with pytest.raises(Invalid):
        reply(conversation=row, text="x", by=bruno.as_actor(), cc=[f"{n}@example.com" for n in range(21)])


def test_a_channel_without_copies_refuses_them(chat: Conversation, bruno: User) -> None:
    with pytest.raises(Invalid):
        reply(conversation=chat, text="Yes", by=bruno.as_actor(), cc=["max@example.com"])


def test_a_copy_gives_no_sight_of_the_conversation(mailbox: Inbox, bruno: User) -> None:
    """Whoever once got a copy would otherwise read all that the customer writes later."""
    row = mail(mailbox, EVA, cc=[MAX])
    reply(conversation=row, text="Yes", by=bruno.as_actor(), cc=["max@example.com"])
    assert not ContactIdentity.objects.filter(external_id="max@example.com").exists()
    assert mail(mailbox, MAX).contact_id != row.contact_id
    contact = Contact.objects.get(email="max@example.com")
    assert not Conversation.objects.visible_to(contact.as_actor()).filter(pk=row.pk).exists()


def test_an_answer_goes_to_whom_the_customer_sent_copies(mailbox: Inbox) -> None:
    Inbox.objects.create(name="Sales", channel="email", config={"address": "sales@shop.example"})
    row = mail(
        mailbox, EVA, to=[{"name": "", "address": SHOP}, ANA],
        cc=[MAX, EVA, {"name": "", "address": "support+x@shop.example"},
            {"name": "Sales", "address": "sales@shop.example"}, {"name": "", "address": "undisclosed"}],
    )  # fmt: skip
    assert recipients(row) == {"to": "eva@example.com", "cc": [MAX], "known": [ANA]}


def test_an_answer_to_a_chosen_message_goes_to_its_people(mailbox: Inbox, bruno: User) -> None:
    row = mail(mailbox, EVA, cc=[MAX])
    asked = Message.objects.get(conversation=row)
    mail(mailbox, EVA, thread=last_id(row))
    assert who(recipients(row)["cc"]) == []
    found = recipients(row, answers=asked.pk)
    assert (who(found["cc"]), found["known"]) == (["max@example.com"], [])
    reply(conversation=row, text="Yes", by=bruno.as_actor(), cc=["ana@example.com"])
    assert who(recipients(row)["cc"]) == ["ana@example.com"]
    with pytest.raises(NotFound):
        recipients(row, answers=uuid4())


def test_a_stranger_in_the_thread_gets_a_copy_only_by_hand(mailbox: Inbox) -> None:
    """Who knows an id of a mail could have every answer sent to them, and to whom they like."""
    row = mail(mailbox, EVA, cc=[MAX])
    mail(mailbox, EVE, thread=last_id(row), cc=[ANA, MAX])
    found = recipients(row)
    assert who(found["cc"]) == ["max@example.com"]
    assert who(found["known"]) == ["eve@example.com", "ana@example.com"]


def test_a_copy_named_under_a_forged_from_is_only_offered(mailbox: Inbox) -> None:
    """Whoever wrote as the customer had every answer sent to an address of theirs."""
    row = mail(mailbox, EVA, cc=[MAX], proven=True)
    mail(mailbox, EVA, thread=last_id(row), cc=[EVE, MAX], proven=False)
    found = recipients(row)
    assert (who(found["cc"]), who(found["known"])) == (["max@example.com"], ["eve@example.com"])


def test_somebody_whom_the_customer_named_is_answered(mailbox: Inbox) -> None:
    row = mail(mailbox, EVA, cc=[MAX])
    mail(mailbox, MAX, thread=last_id(row))
    assert who(recipients(row)["cc"]) == ["max@example.com"]


def test_notes_and_machines_name_nobody(mailbox: Inbox, bruno: User) -> None:
    row = mail(mailbox, EVA, cc=[MAX])
    note(conversation=row, text="Careful", by=bruno.as_actor())
    assert who(recipients(row)["cc"]) == ["max@example.com"]


def test_settings_that_cannot_be_read_reach_nobody(mailbox: Inbox) -> None:
    row = mail(mailbox, EVA, cc=[MAX])
    Inbox.objects.filter(pk=mailbox.pk).update(config={})
    row.refresh_from_db()
    found = recipients(row)
    assert (found["to"], found["cc"], found["known"]) == ("eva@example.com", [], [])
