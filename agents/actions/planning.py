"""Planning an answer: one job for each conversation, however many reasons there are."""

from uuid import UUID

from agents.tasks import answer
from core.queue import defer


def plan_answer(conversation_id: UUID | str) -> None:
    """Adds the job that answers a conversation; one, however many messages come before it starts."""
    key = f"agent:{conversation_id}"
    defer(answer, lock=key, queueing_lock=key, conversation_id=str(conversation_id))
