"""The door for what customers say: once, in order, whatever races."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st

from conversations import signals
from conversations.actions import Sender, receive, resolve
from conversations.actions.inbound import MAX_TEXT, checked_text
from conversations.enums import EventType, Status
from conversations.models import Contact, ContactIdentity, Conversation, Event, Inbox, Message
from core.actor import Actor
from core.errors import Invalid, TooLarge

SENDER = Sender("eva", name="Eva", email="eva@example.com", locale="pt-br")


def in_parallel(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs the calls at once, each on a thread and connection of its own."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_receive_makes_contact_conversation_message_and_event(inbox: Inbox) -> None:
    received = receive(inbox=inbox, sender=SENDER, text=" Oi, tudo bem? ")
    assert received.created
    assert received.message.text == "Oi, tudo bem?"
    assert (
        received.message.seq == received.conversation.last_seq == received.conversation.last_contact_seq == 1
    )
    assert received.conversation.team == inbox.team
    assert received.conversation.contact.name == "Eva"
    assert received.conversation.waiting_since is not None
    event = Event.objects.get()
    assert (event.seq, event.type, event.message) == (1, EventType.MESSAGE_CREATED, received.message)


def test_receive_same_client_id_again_returns_the_stored_message(inbox: Inbox) -> None:
    key = uuid4()
    first = receive(inbox=inbox, sender=SENDER, text="Oi", client_id=key)
    second = receive(inbox=inbox, sender=SENDER, text="something else", client_id=key)
    assert not second.created
    assert second.message.pk == first.message.pk
    assert Message.objects.count() == Event.objects.count() == 1
    assert Conversation.objects.get().last_seq == 1


def test_receive_same_client_id_of_another_visitor_is_another_message(inbox: Inbox) -> None:
    key = uuid4()
    receive(inbox=inbox, sender=SENDER, text="Oi", client_id=key)
    other = receive(inbox=inbox, sender=Sender("otto"), text="Hallo", client_id=key)
    assert other.created
    assert Conversation.objects.count() == 2


def test_receive_same_external_id_again_stores_once(inbox: Inbox) -> None:
    for _ in range(3):
        receive(inbox=inbox, sender=SENDER, text="Oi", external_id="wamid.1")
    assert Message.objects.count() == 1


def test_receive_continues_the_same_conversation(inbox: Inbox) -> None:
    first = receive(inbox=inbox, sender=SENDER, text="a").conversation
    second = receive(inbox=inbox, sender=SENDER, text="b").conversation
    assert first.pk == second.pk
    assert second.last_seq == 2


def test_receive_on_resolved_reopens_and_starts_a_new_matter(inbox: Inbox, system: Actor) -> None:
    conversation = receive(inbox=inbox, sender=SENDER, text="a").conversation
    resolved = resolve(conversation=conversation, by=system)
    again = receive(inbox=inbox, sender=SENDER, text="b").conversation
    assert again.pk == conversation.pk
    assert again.status == Status.OPEN
    assert again.resolved_at is None
    assert again.context_from_seq == resolved.last_seq


def test_receive_learns_a_name_but_never_overwrites_one(inbox: Inbox) -> None:
    receive(inbox=inbox, sender=Sender("x"), text="a")
    receive(inbox=inbox, sender=Sender("x", name="Xenia"), text="b")
    receive(inbox=inbox, sender=Sender("x", name="Mallory"), text="c")
    assert Contact.objects.get().name == "Xenia"


@pytest.mark.parametrize("text", ["", "   ", "\x00", "\n\t"])
def test_receive_refuses_an_empty_message(inbox: Inbox, text: str) -> None:
    with pytest.raises(Invalid):
        receive(inbox=inbox, sender=SENDER, text=text)
    assert not Conversation.objects.exists()


def test_receive_refuses_a_message_that_is_too_long(inbox: Inbox) -> None:
    with pytest.raises(TooLarge):
        receive(inbox=inbox, sender=SENDER, text="a" * (MAX_TEXT + 1))


@given(st.text(max_size=200))
def test_checked_text_is_always_storable(text: str) -> None:
    try:
        clean = checked_text(text, has_files=True)
    except TooLarge:
        return
    assert "\x00" not in clean
    clean.encode("utf-8")
    assert checked_text(clean, has_files=True) == clean


def test_receive_shows_html_as_text(inbox: Inbox) -> None:
    message = receive(inbox=inbox, sender=SENDER, text="<img src=x onerror=alert(1)>\nline").message
    assert "<img" not in message.html
    assert "&lt;img" in message.html


def test_receiver_that_fails_undoes_the_message(inbox: Inbox) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    signals.message_received.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            receive(inbox=inbox, sender=SENDER, text="Oi")
    finally:
        signals.message_received.disconnect(fail)
    assert not Message.objects.exists()
    assert not Contact.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_receive_twenty_first_messages_at_once_make_one_contact(inbox: Inbox) -> None:
    in_parallel([partial(receive, inbox=inbox, sender=SENDER, text=f"m{number}") for number in range(20)])
    assert Contact.objects.count() == ContactIdentity.objects.count() == Conversation.objects.count() == 1
    assert sorted(Message.objects.values_list("seq", flat=True)) == list(range(1, 21))


@pytest.mark.django_db(transaction=True)
def test_receive_twenty_times_the_same_client_id_at_once_stores_one(inbox: Inbox) -> None:
    key = uuid4()
    got = in_parallel([lambda: receive(inbox=inbox, sender=SENDER, text="Oi", client_id=key)] * 20)
    assert Message.objects.count() == 1
    assert sum(received.created for received in got) == 1
    assert len({received.message.seq for received in got}) == 1


@pytest.mark.django_db(transaction=True)
def test_receive_eight_writers_while_a_reader_resumes_leave_no_gap(inbox: Inbox) -> None:
    conversation = receive(inbox=inbox, sender=SENDER, text="first").conversation
    seen: list[int] = []

    def read() -> None:
        while len(seen) < 161:
            last = seen[-1] if seen else 0
            rows = Event.objects.filter(conversation=conversation, seq__gt=last).order_by("seq")
            seen.extend(rows.values_list("seq", flat=True)[:7])

    def write(writer: int) -> None:
        for number in range(20):
            receive(inbox=inbox, sender=SENDER, text=f"{writer}.{number}")

    in_parallel([read, *(partial(write, writer) for writer in range(8))])
    assert seen == list(range(1, 162))


def test_receive_usual_message_costs_few_queries(
    inbox: Inbox, conversation: Conversation, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        receive(inbox=inbox, sender=Sender("davi"), text="again", client_id=UUID(int=7))
    assert connection.in_atomic_block
