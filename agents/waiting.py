"""Waiting for the answer to one message: the text as it grows, and what it came to."""

import time
from collections.abc import AsyncIterator
from typing import Any

from agents.queries import Answer, answer_to
from conversations.actions import partial_text
from conversations.listening import Listener
from conversations.models import Message
from core.threads import in_thread

# Hints can be lost.
LOOK_SECONDS = 3
Frame = dict[str, Any]


async def answered(question: Message, *, seconds: float) -> Answer:
    """Returns the answer to a customer's message, or how far it is after so many seconds."""
    answer = None
    async for each in answering(question, seconds=seconds):
        answer = each if isinstance(each, Answer) else answer
    assert answer is not None  # noqa: S101 (the last one is)
    return answer


async def answering(question: Message, *, seconds: float) -> AsyncIterator[Frame | Answer]:
    """Yields `delta` frames while the answer is written, a `ping` now and then, and at last the answer.

    After so many seconds it is yielded as it is, final or not. Who stops listening stops nothing: the answer
    is made by its job. Holds no thread and no connection while it waits.
    """
    end = time.monotonic() + seconds
    listener = await Listener.begin()
    try:
        await listener.follow(question.conversation_id)
        answer = await in_thread(answer_to, question)
        if not answer.is_final and (partial := await partial_text(question.conversation_id)):
            yield {"type": "delta", "run": partial[0], "offset": 0, "text": partial[1]}
        while not answer.is_final and time.monotonic() < end:
            async for frame in _until_news(listener, min(end, time.monotonic() + LOOK_SECONDS)):
                yield frame
            answer = await in_thread(answer_to, question)
        yield answer
    finally:
        await listener.leave()


async def _until_news(listener: Listener, look_at: float) -> AsyncIterator[Frame]:
    """Yields what is written until something has happened, or it is time to look whether it has."""
    while True:
        message = await listener.hear(until=look_at)
        if message is None:
            yield {"type": "ping"}
            return
        if message["type"] == "hint":
            return
        if message["type"] == "delta":
            yield {name: message[name] for name in ("type", "run", "offset", "text")}
