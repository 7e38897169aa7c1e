"""How far a message has come, over all of its parts; and what of it customers are never told."""

from itertools import permutations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from conversations.actions import add_event, lock, note, reply
from conversations.actions.receipts import write
from conversations.enums import DeliveryStatus, EventType
from conversations.models import Conversation, Delivery, Message
from conversations.queries.delivered import WORST_FIRST, delivery_frame, delivery_states
from conversations.queries.threads import events_after, last_messages
from conversations.queries.wire import event_frame, message_frame
from core.actor import Actor
from core.reasons import reason

statuses = st.sampled_from(DeliveryStatus.values)


@given(st.lists(statuses, min_size=1, max_size=4))
def test_a_message_is_where_its_worst_part_is(found: list[str]) -> None:
    for order in permutations(found):
        state = delivery_frame([{"status": status, "error": status} for status in order])
        assert state is not None
        assert state["status"] == min(found, key=lambda status: [*WORST_FIRST].index(DeliveryStatus(status)))
        assert state["can_retry"] is ("failed" in found)
        assert state["error"] == ("failed" if "failed" in found else "")


def test_a_message_that_nobody_delivers_has_no_state() -> None:
    assert delivery_frame([]) is None


def test_every_status_has_its_rank() -> None:
    assert sorted(WORST_FIRST) == sorted(DeliveryStatus)


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_states_cost_one_query_whatever_their_number(
    letter: Conversation, bruno: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sent = [reply(conversation=letter, text=f"{n}", by=bruno.as_actor()) for n in range(count)]
    note(conversation=letter, text="Nobody delivers this", by=bruno.as_actor())
    Delivery.objects.filter(message=sent[-1]).update(status="failed", error="No such number")
    with django_assert_num_queries(1):
        states = delivery_states(letter.pk)
    assert set(states) == {str(message.pk) for message in sent}
    assert states[str(sent[-1].pk)] == {"status": "failed", "error": "No such number", "can_retry": True}


@pytest.mark.django_db
def test_states_are_those_of_the_newest_messages(letter: Conversation, bruno: User) -> None:
    sent = [reply(conversation=letter, text=f"{n}", by=bruno.as_actor()) for n in range(3)]
    assert set(delivery_states(letter.pk, limit=2)) == {str(message.pk) for message in sent[1:]}


@pytest.mark.django_db
def test_customers_are_not_told_how_a_message_was_delivered_or_addressed(
    letter: Conversation, bruno: User
) -> None:
    message = reply(conversation=letter, text="Here", by=bruno.as_actor())
    Message.objects.filter(pk=message.pk).update(details={"kind": "email", "to": ["eva@example.com"]})
    for frame in map(message_frame, last_messages(letter.pk)):
        assert not {"delivery", "details", "is_automatic", "sent_at"} & set(frame)
        assert "eva@example.com" not in str(frame)


@pytest.mark.django_db
def test_customers_are_not_told_what_a_message_said_before_it_was_changed(letter: Conversation) -> None:
    row = Conversation.objects.get(pk=letter.pk)
    message = Message.objects.get(conversation=row)
    row = lock(row.pk, by=Actor.system())
    add_event(row, EventType.MESSAGE_UPDATED, message=message, former="A secret")
    row.save()
    event = events_after(row.pk, 1)[-1]
    assert "former" not in event_frame(event)
    assert event_frame(event)["message"]["id"] == str(message.pk)
    assert event_frame(event, internal=True)["former"] == "A secret"


@pytest.mark.django_db
def test_an_answer_names_what_it_answers(letter: Conversation, bruno: User) -> None:
    asked = Message.objects.get(conversation=letter)
    said = reply(conversation=letter, text="Here", by=bruno.as_actor())
    Message.objects.filter(pk=said.pk).update(reply_to=asked)
    frame = message_frame(last_messages(letter.pk)[-1])
    assert frame["reply_to"] == {"id": str(asked.pk), "author": "Eva", "text": "Is it here?"}


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "This number is not on WhatsApp."),
        ("pt-br", "Este número não está no WhatsApp."),
        ("es", "Este número no está en WhatsApp."),
    ],
)
def test_why_a_message_failed_is_told_in_the_language_of_whoever_reads(
    letter: Conversation, bruno: User, language: str, shown: str
) -> None:
    """It was translated once and for all by the worker that had sent it."""
    reply(conversation=letter, text="Hello", by=bruno.as_actor())
    delivery = Delivery.objects.get()
    with translation.override("es"):
        write(delivery, status=DeliveryStatus.FAILED, error=reason("This number is not on WhatsApp."))
    (event,) = (
        each for each in events_after(letter.pk, 0, internal=True) if each.type == EventType.DELIVERY_FAILED
    )
    with translation.override(language):
        (state,) = delivery_states(letter.pk).values()
        assert state["error"] == shown
        assert event_frame(event, internal=True)["error"] == shown
