"""Planning an answer: one job for each conversation, however many reasons there are; and its check."""

from uuid import UUID

from agents.tasks import answer, check_answer
from core.queue import defer


def plan_answer(conversation_id: UUID | str) -> None:
    """Adds the job that answers a conversation; one, however many messages come before it starts."""
    key = f"agent:{conversation_id}"
    defer(answer, lock=key, queueing_lock=key, conversation_id=str(conversation_id))


def plan_check(message_id: UUID) -> None:
    """Adds the job that has an answer checked by a model, in the current transaction."""
    defer(check_answer, message_id=str(message_id))
