"""After a message was written: edited, taken back, reacted to, told back."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import Storage, default_storage
from django.db import connection
from django.test import TestCase
from django.utils import timezone

from conversations.actions import claiming, hand_back, sending, settling
from conversations.actions.changes import edit, react, record_connection, record_echo, take_back
from conversations.actions.intake import take_in_some
from conversations.actions.replaying import replay
from conversations.channels import InboxBroken, SendUnclear
from conversations.enums import AuthorKind, DeliveryStatus, Direction, EventType, Light, Status, Verdict
from conversations.errors import NotYet
from conversations.exchange import Connection, Deleted, Echo, Edited, File, Reacted, Sender
from conversations.models import Attachment, Conversation, Delivery, Event, Inbox, InboxState, Message
from conversations.queries.threads import events_after
from conversations.queries.wire import event_frame
from core.actor import Actor
from tests.conversations.lines import (
    event,
    hand_out,
    incoming,
    only_delivery,
    pass_time,
    planned,
    say,
    sent,
    told,
)

DAVI = Sender("davi", name="Davi")
NOT_THEIRS = "it is about a message of somebody else"
pytestmark = pytest.mark.django_db


def hello(chat: Conversation) -> Message:
    return Message.objects.get(conversation=chat, external_id="hello")


# --- Edited ------------------------------------------------------------------------------------------------
def test_edit_replaces_the_text_and_tells_readers(chat: Conversation, line: Inbox) -> None:
    at = timezone.now()
    assert edit(line, Edited("hello", " Olá <b>! ", at)) is None
    message = hello(chat)
    assert (message.text, message.edited_at) == ("Olá <b>!", at)
    assert "&lt;b&gt;" in message.html
    row = Event.objects.get(type=EventType.MESSAGE_UPDATED)
    assert (row.message, row.seq, row.payload) == (message, 2, {"former": "Oi"})


def test_customers_are_not_told_the_former_text(chat: Conversation, line: Inbox) -> None:
    edit(line, Edited("hello", "Olá"))
    [_, row] = events_after(chat.pk, 0)

    assert "Oi" not in str(event_frame(row))


def test_edit_twice_changes_nothing_more(chat: Conversation, line: Inbox) -> None:
    edit(line, Edited("hello", "Olá"))
    assert edit(line, Edited("hello", "Olá")) == "nothing changed"
    assert Event.objects.filter(type=EventType.MESSAGE_UPDATED).count() == 1


def test_edit_leaves_nothing_of_a_long_text_but_its_own(chat: Conversation, line: Inbox) -> None:
    """One click showed what the customer had corrected."""
    told(line, incoming(1, "old " * 3000))
    edit(line, Edited("m1", "short"))
    assert Message.objects.get(external_id="m1").details == {}
    edit(line, Edited("m1", "new " * 3000))
    assert Message.objects.get(external_id="m1").details == {"full_text": "new " * 3000}


def test_older_edit_that_comes_later_does_not_win(chat: Conversation, line: Inbox) -> None:
    """Case K: two edits whose webhooks overtook each other, or one that is replayed."""
    now = timezone.now()
    edit(line, Edited("hello", "second", now))
    assert edit(line, Edited("hello", "first", now - timedelta(seconds=5))) == "nothing changed"
    assert hello(chat).text == "second"


def test_nobody_edits_what_we_said(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat, "ours")
    assert edit(line, Edited(delivery.provider_id or "", "theirs")) == "nothing changed"
    assert delivery.message.text == "ours"


def test_customer_takes_back_nothing_that_we_said(chat: Conversation, line: Inbox) -> None:
    """Phones check whose message it is; a program made for it does not, nor a server that passes it on."""
    delivery = sent(chat, "We refund it.")
    assert take_back(line, Deleted(delivery.provider_id or "", sender=DAVI)) == NOT_THEIRS
    assert Message.objects.get(pk=delivery.message_id).text == "We refund it."


def test_nobody_changes_what_another_customer_said(chat: Conversation, line: Inbox) -> None:
    told(line, incoming(7, "hello", sender="eva"))
    assert edit(line, Edited("hello", "forged", sender=Sender("eva"))) == NOT_THEIRS
    assert take_back(line, Deleted("hello", sender=Sender("eva"))) == NOT_THEIRS
    assert hello(chat).text == "Oi"
    # Under an id that is new here, as a phone's hidden one may be, it is the same person.
    assert edit(line, Edited("hello", "Olá", sender=Sender("hidden"))) is None


@pytest.mark.parametrize(
    ("change", "item"),
    [(edit, Edited("x", "b")), (take_back, Deleted("x")), (react, Reacted("x", DAVI, "👍"))],
)
def test_change_of_what_is_not_here_waits(line: Inbox, change: Any, item: Any) -> None:
    with pytest.raises(NotYet):
        change(line, item)


def test_change_reaches_no_message_of_another_inbox(chat: Conversation) -> None:
    other = Inbox.objects.create(name="Other", channel="scripted")
    with pytest.raises(NotYet):
        take_back(other, Deleted("hello"))
    assert hello(chat).text == "Oi"


def test_reaction_that_is_told_late_replaces_no_newer_one(chat: Conversation, line: Inbox) -> None:
    """Providers tell out of order, and repeat: what somebody chose last holds, were it nothing."""
    now = timezone.now()
    older, newer = now - timedelta(minutes=2), now - timedelta(minutes=1)
    assert react(line, Reacted("hello", DAVI, "👍", newer)) is None
    assert react(line, Reacted("hello", DAVI, "👎", older)) == "nothing changed"
    assert react(line, Reacted("hello", Sender("eva", name="Eva"), "👎", older)) is None
    assert hello(chat).reactions == {"👍": ["Davi"], "👎": ["Eva"]}
    assert react(line, Reacted("hello", DAVI, "", now)) is None
    assert react(line, Reacted("hello", DAVI, "👍", newer)) == "nothing changed"
    assert hello(chat).reactions == {"👎": ["Eva"]}


def test_reaction_that_overtakes_the_one_it_takes_away_holds(chat: Conversation, line: Inbox) -> None:
    now = timezone.now()
    assert react(line, Reacted("hello", DAVI, "", now)) == "nothing changed"
    assert react(line, Reacted("hello", DAVI, "👍", now - timedelta(seconds=1))) == "nothing changed"
    assert hello(chat).reactions == {}


# --- Taken back --------------------------------------------------------------------------------------------
def with_file(line: Inbox) -> Message:
    item = incoming(
        1, "my secret", details={"k": "secret"}, files=[{"content": "secret", "name": "secret.txt"}]
    )
    assert told(line, item) == Verdict.DONE
    return Message.objects.get(external_id="m1")


def test_what_was_taken_back_is_forgotten_everywhere(chat: Conversation, line: Inbox) -> None:
    message = with_file(line)
    told(line, {"kind": "edited", "external_id": "m1", "text": "another secret"})
    told(line, {"kind": "reacted", "external_id": "m1", "sender": "davi", "emoji": "🤐"})
    path = message.attachments.get().file.name or ""
    assert default_storage.exists(path)
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert take_back(line, Deleted("m1")) is None
    message.refresh_from_db()
    chat.refresh_from_db()
    assert (message.text, message.html, message.details, message.reactions) == ("", "", {}, {})
    assert message.deleted_at is not None
    assert not Attachment.objects.exists()
    assert not default_storage.exists(path)
    assert "secret" not in str(list(Event.objects.values_list("payload", flat=True)))
    assert chat.preview == ""
    assert Event.objects.order_by("-seq")[0].type == EventType.MESSAGE_UPDATED


def test_what_was_taken_back_does_not_come_back(chat: Conversation, line: Inbox) -> None:
    with_file(line)
    take_back(line, Deleted("m1"))
    seq = Event.objects.count()
    told(line, incoming(1, "my secret"), {"kind": "edited", "external_id": "m1", "text": "secret"})
    replay(list(line.inbound.values_list("pk", flat=True)), by=Actor.system())
    take_in_some(line.pk)
    assert take_back(line, Deleted("m1")) == "nothing changed"
    assert Message.objects.get(external_id="m1").text == ""
    assert Event.objects.count() == seq


def test_taking_back_leaves_the_preview_of_what_was_said_after_it(chat: Conversation, line: Inbox) -> None:
    sent(chat, "our answer")
    take_back(line, Deleted("hello"))
    chat.refresh_from_db()
    assert chat.preview == "our answer"


def test_what_we_said_is_forgotten_when_the_phone_takes_it_back(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat, "our secret")
    take_back(line, Deleted(delivery.provider_id or ""))
    delivery.refresh_from_db()
    chat.refresh_from_db()
    assert (delivery.text, delivery.message.text, chat.preview) == ("", "", "")


# --- Reactions ---------------------------------------------------------------------------------------------
def test_one_person_has_one_reaction(chat: Conversation, line: Inbox) -> None:
    eva = Sender("eva", name="Eva")
    for sender, emoji in ((DAVI, "👍"), (eva, "👍"), (DAVI, "❤️")):
        assert react(line, Reacted("hello", sender, emoji)) is None
    assert hello(chat).reactions == {"👍": ["Eva"], "❤️": ["Davi"]}
    assert react(line, Reacted("hello", DAVI, "❤️")) == "nothing changed"
    assert react(line, Reacted("hello", eva, "")) is None
    assert hello(chat).reactions == {"❤️": ["Davi"]}
    assert Event.objects.filter(type=EventType.MESSAGE_REACTED).count() == 4


def test_namesakes_have_a_reaction_each(chat: Conversation, line: Inbox) -> None:
    """In a group the second Davi took away what the first had put."""
    other, again = Sender("davi-2", name="Davi"), Sender("+55", name="Davi", aliases=("davi",))
    for sender, emoji in ((DAVI, "👍"), (other, "👍"), (again, "❤️")):
        assert react(line, Reacted("hello", sender, emoji)) is None
    assert hello(chat).reactions == {"👍": ["Davi"], "❤️": ["Davi"]}
    react(line, Reacted("hello", other, ""))
    assert hello(chat).reactions == {"❤️": ["Davi"]}


def test_reaction_stored_by_name_is_replaced_by_the_same_person(chat: Conversation, line: Inbox) -> None:
    then = timezone.now() - timedelta(minutes=1)
    Message.objects.filter(conversation=chat).update(
        reactions={"👍": ["Davi", "Eva"]}, details={"reacted_at": {"Davi": then.isoformat()}}
    )
    assert react(line, Reacted("hello", DAVI, "👎", then - timedelta(minutes=1))) == "nothing changed"
    assert react(line, Reacted("hello", DAVI, "❤️", timezone.now())) is None
    assert hello(chat).reactions == {"👍": ["Eva"], "❤️": ["Davi"]}


def test_reaction_to_what_we_said_is_found_by_the_providers_id(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat)
    react(line, Reacted(delivery.provider_id or "", Sender("davi"), "👍"))
    delivery.message.refresh_from_db()
    assert delivery.message.reactions == {"👍": ["Davi"]}


# --- Echoes ------------------------------------------------------------------------------------------------
def test_what_was_said_on_the_phone_takes_over_from_the_agent(chat: Conversation, line: Inbox) -> None:
    hand_back(conversation=chat, by=Actor.system())
    echo = {"kind": "echo", "external_id": "e1", "to": "davi", "text": "Já vou!", "files": [{"content": "x"}]}
    assert told(line, echo) == Verdict.DONE
    message = Message.objects.get(external_id="e1")
    chat.refresh_from_db()
    assert (message.author_kind, message.direction, message.text) == (
        AuthorKind.OPERATOR,
        Direction.OUT,
        "Já vou!",
    )
    assert message.attachments.count() == 1
    assert (chat.status, chat.waiting_since) == (Status.OPEN, None)
    assert chat.first_reply_at is not None
    # It has been said already.
    assert not Delivery.objects.exists()


def test_echo_to_somebody_unknown_opens_a_conversation(line: Inbox) -> None:
    assert record_echo(line, Echo("e1", Sender("eva", name="Eva"), "Hi Eva")) is None
    assert Conversation.objects.get().contact.name == "Eva"


def test_echo_of_our_own_message_is_no_second_one(chat: Conversation, line: Inbox) -> None:
    """Evolution and Instagram tell us what we sent ourselves."""
    delivery = sent(chat, "ours")
    assert record_echo(line, Echo(delivery.provider_id or "", DAVI, "ours")) == "our own message"
    assert Message.objects.count() == 2


def test_echo_that_overtakes_the_answer_of_the_call_waits(chat: Conversation, line: Inbox) -> None:
    delivery = say(chat, "ours")
    claim = claiming.claim(str(chat.pk))
    assert isinstance(claim, claiming.Claim)
    row = event(line, {"kind": "echo", "external_id": f"p-{delivery.pk.hex}", "to": "davi", "text": "ours"})
    assert take_in_some(line.pk) == 1
    row.refresh_from_db()
    assert row.verdict == Verdict.RECEIVED
    settling.settle(claim.key, claim.attempt, sending._call(claim))
    pass_time(2)
    take_in_some(line.pk)
    row.refresh_from_db()
    assert (row.verdict, Message.objects.count()) == (Verdict.IGNORED, 2)


def test_echo_confirms_what_nobody_knew(chat: Conversation, line: Inbox, scripted: Any) -> None:
    say(chat, "ours")
    scripted.outcomes.append(SendUnclear("cut"))
    hand_out(chat)
    assert record_echo(line, Echo("p1", DAVI, "ours")) == "our own message"
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.SENT, "p1")
    assert Message.objects.count() == 2


def test_echo_of_other_words_confirms_nothing(chat: Conversation, line: Inbox, scripted: Any) -> None:
    say(chat, "ours")
    scripted.outcomes.append(SendUnclear("cut"))
    hand_out(chat)
    assert record_echo(line, Echo("p1", DAVI, "typed on the phone")) is None
    assert only_delivery().status == DeliveryStatus.UNKNOWN


def test_connection_that_a_provider_tells_of_is_noted(line: Inbox) -> None:
    record_connection(line, Connection(Light.RED, "scan the code", {"qr": "abc"}))
    record_connection(line, Connection(Light.YELLOW, "again", {"qr": "def"}))
    state = InboxState.objects.get()
    assert (state.light, state.detail, state.details) == (Light.YELLOW, "again", {"qr": "def"})


def test_connection_that_is_back_sends_what_waited(chat: Conversation, line: Inbox, scripted: Any) -> None:
    """A telephone that was scanned anew left answers of the night waiting for up to an hour."""
    say(chat)
    scripted.outcomes.append(InboxBroken("logged out"))
    hand_out(chat)
    Delivery.objects.update(next_try_at=timezone.now() + timedelta(hours=1))
    record_connection(line, Connection(Light.YELLOW, "connecting"))
    assert hand_out(chat) is not None
    record_connection(line, Connection(Light.GREEN, "open"))
    assert planned("conversations.deliver")[-1:] == [{"conversation_id": str(chat.pk)}]
    assert hand_out(chat) is None
    assert (only_delivery().status, InboxState.objects.get().failures) == (DeliveryStatus.SENT, 0)


def test_echo_is_recognised_although_it_has_lost_its_looks(
    chat: Conversation, line: Inbox, scripted: Any
) -> None:
    say(chat, "It is **on its way**, [see](https://shop.example)", choices=[{"label": "Thank you"}])
    Delivery.objects.update(status="unknown", claimed_at=timezone.now())
    said = "It is on its way, see https://shop.example"
    assert record_echo(line, Echo("p1", DAVI, f"{said}\n1. Thank you")) == "our own message"
    assert (only_delivery().status, only_delivery().provider_id) == ("sent", "p1")


@pytest.mark.parametrize(("ours", "theirs"), [("Oi", "Oi, your parcel is lost"), ("👍", "Call me")])
def test_echo_of_somebody_who_began_alike_is_their_own_message(
    chat: Conversation, line: Inbox, ours: str, theirs: str
) -> None:
    """Taken for ours, what was said on the phone would be lost, and what we said perhaps never sent."""
    say(chat, ours)
    Delivery.objects.update(status="unknown", claimed_at=timezone.now())
    assert record_echo(line, Echo("p1", DAVI, theirs)) is None
    assert only_delivery().status == "unknown"
    assert Message.objects.get(external_id="p1").text == theirs


def test_files_of_an_echo_are_kept_outside_of_any_transaction(
    chat: Conversation, line: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 2: files may lie in a bucket, and a bucket that hangs would hold the conversation."""
    depth = len(connection.savepoint_ids)
    kept: list[int] = []
    save = Storage.save

    def noted(*args: Any, **more: Any) -> str:
        kept.append(len(connection.savepoint_ids))
        return save(*args, **more)

    monkeypatch.setattr(Storage, "save", noted)
    record_echo(line, Echo("p1", DAVI, files=(File(name="a.txt", content=b"x"),)))
    assert kept == [depth]


def test_echo_of_a_text_does_not_confirm_a_file(chat: Conversation, line: Inbox, scripted: Any) -> None:
    say(chat, "See the picture")
    file = Attachment.objects.create(inbox=line, uploader="x", name="a.png", content_type="image/png", size=1)
    Delivery.objects.update(status="unknown", claimed_at=timezone.now(), text="", attachment=file)
    assert record_echo(line, Echo("p1", DAVI, "From the phone")) is None
    assert only_delivery().status == "unknown"
