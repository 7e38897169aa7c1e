"""What an agent may do with its conversation, and learn of its customer: nothing of others or unproven."""

import json
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from conversations.actions import Sender, note, receive, reply
from conversations.actions.verification import code_of
from conversations.enums import AuthorKind, Status
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message, Verification
from core.actor import Actor, ActorKind
from llm.tools import ToolContext, ToolResult, get_tool

pytestmark = pytest.mark.django_db(transaction=True)
LIA = Actor(ActorKind.AGENT, "1", "Lia")


def call(name: str, conversation: Conversation, **arguments: Any) -> ToolResult:
    return get_tool(name).run(ToolContext(LIA, conversation.pk, "k"), json.dumps(arguments))


@pytest.fixture
def talk(conversation: Conversation) -> Conversation:
    Contact.objects.filter(pk=conversation.contact_id).update(email="davi@example.com")
    return conversation


def verify(conversation: Conversation) -> None:
    ContactIdentity.objects.filter(pk=conversation.identity_id).update(is_verified=True)


class TestResolve:
    def say(self, inbox: Inbox, text: str) -> Conversation:
        return receive(inbox=inbox, sender=Sender("gil"), text=text).conversation

    def test_closes_when_the_customer_said_so(self, inbox: Inbox) -> None:
        row = self.say(inbox, "Great, that  was ALL, thanks!")
        result = call("resolve", row, said="that was all")
        row.refresh_from_db()
        assert (result.ends_run, result.failed, row.status) == (True, False, Status.RESOLVED)

    @pytest.mark.parametrize("said", ["", "  ", "I am happy", "Where is it?"])
    def test_words_that_the_last_message_has_not_close_nothing(self, inbox: Inbox, said: str) -> None:
        self.say(inbox, "Where is it?")
        row = self.say(inbox, "Nobody answers me.")
        assert call("resolve", row, said=said).failed
        row.refresh_from_db()
        assert row.status != Status.RESOLVED


class TestRequestVerification:
    def test_asks_for_a_code_and_names_no_address(self, talk: Conversation) -> None:
        result = call("request_verification", talk)
        row = Verification.objects.get()
        assert (row.email, row.conversation) == ("davi@example.com", talk)
        assert "davi" not in result.text
        assert code_of(row) not in result.text

    def test_the_model_cannot_name_an_address(self, talk: Conversation) -> None:
        assert call("request_verification", talk, email="mallory@example.com").failed
        assert not Verification.objects.exists()

    def test_without_an_address_it_says_to_hand_over(self, conversation: Conversation) -> None:
        Contact.objects.update(email="")
        result = call("request_verification", conversation)
        assert result.failed
        assert "hand over" in result.text

    def test_a_customer_signed_by_the_site_needs_none(self, talk: Conversation) -> None:
        verify(talk)
        assert "already" in call("request_verification", talk).text
        assert not Verification.objects.exists()


class TestPreviousConversations:
    @pytest.fixture
    def before(self, talk: Conversation, bruno: User) -> Conversation:
        """An earlier conversation of Davi's, with a note and the words of a guest."""
        old = Conversation.objects.create(
            inbox=talk.inbox, contact=talk.contact, identity=talk.identity,
            status=Status.OPEN, created_at=timezone.now(),
        )  # fmt: skip
        guest = Contact.objects.create(name="Guest")
        reply(conversation=old, text="Your lamp is on its way", by=bruno.as_actor())
        note(conversation=old, text="CANARY of a note", by=bruno.as_actor())
        old.refresh_from_db()
        Message.objects.create(
            conversation=old, inbox=old.inbox, seq=old.last_seq + 50, author_kind=AuthorKind.CONTACT,
            author_id=str(guest.pk), author_name="Guest", direction="in", text="CANARY of a guest",
        )  # fmt: skip
        return old

    def test_tells_a_verified_customer_what_was_said(self, talk: Conversation, before: Conversation) -> None:
        verify(talk)
        result = call("previous_conversations", talk)
        assert "Your lamp is on its way" in result.text
        assert "CANARY" not in result.text

    def test_tells_nothing_to_anybody_else(self, talk: Conversation, before: Conversation) -> None:
        result = call("previous_conversations", talk)
        assert result.failed
        assert "lamp" not in result.text

    def test_tells_nothing_of_another_customer(self, before: Conversation, inbox: Inbox) -> None:
        other = receive(inbox=inbox, sender=Sender("gil", is_verified=True), text="Oi").conversation
        assert call("previous_conversations", other).text == "There is no earlier conversation."
