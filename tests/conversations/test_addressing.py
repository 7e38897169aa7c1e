"""To what and to whom an answer goes."""

from uuid import uuid4

import pytest

from accounts.models import User
from conversations.actions import note, receive, reply
from conversations.enums import Direction
from conversations.exchange import Sender
from conversations.models import Conversation, Inbox, Message
from core.errors import Invalid, NotFound
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
