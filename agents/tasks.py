"""The agent's job."""

from procrastinate import RetryStrategy

from core import queue


# Tried again when the database was away; whatever a model does wrong ends the run with a word to the
# customer.
@queue.task(name="agents.answer", retry=RetryStrategy(max_attempts=5, exponential_wait=2))
async def answer(conversation_id: str) -> None:
    """Answers what the customer of a conversation has written; does nothing when nothing is unanswered."""
    from agents.runtime import answer as run_answer  # deferred: task calls action

    await run_answer(conversation_id)
