"""What the agents do when something happens in a conversation."""

from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.dispatch import receiver

from agents.actions import drop_running, let_go, plan_answer, plan_check
from agents.actions.checking import check_model
from agents.queries import agent_of
from conversations import signals
from conversations.actions.streaming import stop_key
from conversations.enums import AuthorKind, Status
from conversations.models import Conversation, Message
from core.actor import Actor, ActorKind


@receiver(signals.conversation_opened)
def take_up(conversation: Conversation, **_: Any) -> None:
    """Gives a new or reopened conversation to the agent of its inbox; the action saves the row."""
    if agent_of(conversation.inbox_id):
        conversation.status, conversation.assignee = Status.BOT, None


@receiver(signals.conversation_handed_back)
def answer_who_waits(conversation: Conversation, **_: Any) -> None:
    """Plans the answer to a customer who waited for a person."""
    if conversation.waiting_since is not None and conversation.last_contact_seq:
        plan_answer(conversation.pk)


@receiver(signals.message_received)
def answer_it(conversation: Conversation, message: Message, **_: Any) -> None:
    """Plans the agent's answer to a customer's message; two machines would answer each other for ever."""
    if conversation.status == Status.BOT and not message.is_automatic:
        plan_answer(conversation.pk)


@receiver(signals.message_sent)
def have_it_checked(message: Message, **_: Any) -> None:
    """Has a model check an agent's answer, where one is configured."""
    if message.author_kind == AuthorKind.AGENT and message.run is not None and check_model():
        plan_check(message.pk)


@receiver(signals.conversation_taken_over)
@receiver(signals.conversation_handed_over)
@receiver(signals.conversation_resolved)
def fall_silent(conversation: Conversation, by: Actor | None = None, **_: Any) -> None:
    """Ends a running answer: its row now, in this transaction; its text as soon as the run looks.

    Not when the agent itself hands over: its run ends by itself. What waits for a person's approval is let go
    in any case.
    """
    let_go(conversation, by=by or Actor.system())
    if by is not None and by.kind == ActorKind.AGENT:
        return
    if drop_running(conversation):
        key = stop_key(conversation.pk)
        transaction.on_commit(lambda: cache.set(key, 1, 60), robust=True)
