"""Planning what an agent does next: one job for each conversation, however many reasons there are."""

from uuid import UUID

from agents.tasks import answer, check_answer, remember
from core.queue import defer


def plan_answer(conversation_id: UUID | str) -> None:
    """Adds the job that answers a conversation; one, however many messages come before it starts."""
    key = f"agent:{conversation_id}"
    defer(answer, lock=key, queueing_lock=key, conversation_id=str(conversation_id))


def plan_remembering(conversation_id: UUID | str) -> None:
    """Adds the job that shortens what was said in a conversation; one at a time."""
    key = f"remember:{conversation_id}"
    defer(remember, lock=key, queueing_lock=key, conversation_id=str(conversation_id))


def plan_check(message_id: UUID) -> None:
    """Adds the job that has an answer checked by a model, in the current transaction."""
    defer(check_answer, message_id=str(message_id))
