"""What a customer thinks of an agent's answer: theirs alone to say, once, and to say again."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from conversations.actions import Sender, note, rate_answer, receive, reply
from conversations.actions.rating import LONGEST_REASON
from conversations.enums import EventType
from conversations.models import Conversation, Event, Inbox, Message
from conversations.queries.threads import events_after
from conversations.queries.wire import message_frame
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer(with_agent: Conversation, lia: Actor) -> Message:
    """What the agent said to Davi."""
    return reply(conversation=with_agent, text="Em dois dias.", by=lia, run=uuid4())


@pytest.fixture
def davi(conversation: Conversation) -> Actor:
    return conversation.contact.as_actor()


def said(message: Message) -> tuple[bool | None, str]:
    message.refresh_from_db()
    return message.helpful, message.unhelpful_reason


def test_the_last_word_counts(answer: Message, davi: Actor) -> None:
    assert said(answer) == (None, "")
    rate_answer(message_id=answer.pk, by=davi, helpful=False)
    rate_answer(message_id=answer.pk, by=davi, helpful=False, reason="  Falta o\x00 prazo. ")
    assert said(answer) == (False, "Falta o prazo.")
    rate_answer(message_id=answer.pk, by=davi, helpful=True, reason="no more")
    assert said(answer) == (True, "")


def test_the_desk_is_told_once_and_the_customer_never(answer: Message, davi: Actor) -> None:
    for _ in range(2):
        rate_answer(message_id=answer.pk, by=davi, helpful=True)
    event = Event.objects.get(type=EventType.MESSAGE_UPDATED)
    assert (event.is_internal, event.message, event.actor_kind) == (True, answer, "contact")
    assert not events_after(answer.conversation_id, answer.seq)
    answer.refresh_from_db()
    frame = message_frame(answer)
    assert (frame["helpful"], frame["unhelpful_reason"]) == (True, "")


def test_nobody_else_may(answer: Message, inbox: Inbox, bruno: User, lia: Actor) -> None:
    eva = receive(inbox=inbox, sender=Sender("eva", name="Eva"), text="Oi").conversation.contact
    with pytest.raises(NotFound):
        rate_answer(message_id=answer.pk, by=eva.as_actor(), helpful=False)
    for other in (bruno.as_actor(), lia, Actor.system()):
        with pytest.raises(Forbidden):
            rate_answer(message_id=answer.pk, by=other, helpful=False)
    assert said(answer) == (None, "")


def test_only_answers_of_an_agent_are_rated(
    conversation: Conversation, answer: Message, davi: Actor, bruno: User
) -> None:
    others = [
        conversation.messages.get(seq=1),
        note(conversation=conversation, text="Psst", by=bruno.as_actor()),
        reply(conversation=conversation, text="Bruno aqui.", by=bruno.as_actor()),
    ]
    for key in (*(message.pk for message in others), uuid4()):
        with pytest.raises(NotFound):
            rate_answer(message_id=key, by=davi, helpful=True)
    assert not Message.objects.filter(helpful__isnull=False).exists()


def test_a_reason_is_short(answer: Message, davi: Actor) -> None:
    with pytest.raises(Invalid):
        rate_answer(message_id=answer.pk, by=davi, helpful=False, reason="x" * (LONGEST_REASON + 1))
    assert said(answer) == (None, "")


@pytest.mark.parametrize("helpful", [None, True])
def test_the_database_keeps_reasons_to_what_was_not_helpful(answer: Message, *, helpful: bool | None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(pk=answer.pk).update(helpful=helpful, unhelpful_reason="x")
