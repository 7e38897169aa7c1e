"""What an agent remembers of a conversation: the last messages as they were said, in short what came before.

The short form is written by the model after an answer, so that nobody waits for it; until it stands the rest
is left out, and the model is told so.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

from django.db import transaction

from agents.actions import RunPurse
from agents.models import Memory, Run
from agents.prompt import LONGEST_MESSAGE, Remembered, as_chat, part
from conversations.models import Conversation, Message
from conversations.queries.threads import history
from core.storable import storable
from core.threads import in_thread
from llm.door import asks_builtin, complete
from llm.errors import ModelError
from llm.fence import fence
from llm.types import ChatMessage

log = logging.getLogger(__name__)

# Some six thousand tokens of conversation are shown as they were said, and two thirds of it begin to be much.
SHOWN, MUCH = 24_000, 16_000  # characters
MOST_MESSAGES, MOST_AT_ONCE = 200, 1_000
# What is never shortened: the matter at hand.
NEWEST = 8
LONGEST_SUMMARY = 4_000  # characters


def recall(conversation: Conversation) -> Remembered:
    """Returns what an agent is told of a conversation since its last resolve."""
    memory = _memory(conversation)
    after = memory.up_to_seq if memory else conversation.context_from_seq
    said = history(conversation, after=after, limit=MOST_MESSAGES)
    shown = _newest(said)
    is_cut = len(shown) < len(said) or len(said) == MOST_MESSAGES
    return Remembered(shown, memory.text if memory else "", is_cut)


def is_much(said: Remembered) -> bool:
    """Says whether it is time to shorten what was said."""
    return said.is_cut or sum(map(_weight, said.messages)) > MUCH


async def remember(conversation_id: UUID | str) -> None:
    """Shortens what was said so far, all but the newest messages; safe to call twice, and at any time.

    A model that fails or a budget that is used up leaves everything as it is: the next answer tries again.
    """
    work = await in_thread(_work, conversation_id)
    if work is None or asks_builtin(work.run.agent.model or None):
        return
    try:
        written = await complete(
            work.asked(),
            purpose="memory",
            reference=str(work.run.pk),
            model=work.run.agent.model or None,
            purse=RunPurse(work.run),
        )
    except ModelError as error:
        log.warning("conversation %s was not shortened: %s", conversation_id, error)
        return
    await in_thread(_keep, work, written.text, written.model)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be shortened, on the account of the last run."""

    run: Run
    from_seq: int
    before: str
    messages: Sequence[Message]

    def asked(self) -> list[ChatMessage]:
        """Returns the question to the model; all that people said is fenced."""
        said = "\n".join(f"{_who(message)}: {message.text[:LONGEST_MESSAGE]}" for message in self.messages)
        parts = [fence(self.before, label="memory")] if self.before else []
        return [
            {"role": "system", "content": part("remember")},
            {"role": "user", "content": "\n".join([*parts, fence(said, label="conversation")])},
        ]


def _work(conversation_id: UUID | str) -> _Work | None:
    run = Run.objects.filter(conversation_id=conversation_id).select_related("agent", "conversation").last()
    if run is None or not is_much(recall(run.conversation)):
        return None
    memory = _memory(run.conversation)
    after = memory.up_to_seq if memory else run.conversation.context_from_seq
    older = _oldest(history(run.conversation, after=after, limit=MOST_AT_ONCE)[:-NEWEST])
    if not older:
        return None
    return _Work(run, run.conversation.context_from_seq, memory.text if memory else "", older)


@transaction.atomic
def _keep(work: _Work, text: str, model: str) -> None:
    """Stores the short form, unless the conversation was resolved meanwhile or another was faster."""
    conversation = Conversation.objects.select_for_update().filter(pk=work.run.conversation_id).first()
    if conversation is None or conversation.context_from_seq != work.from_seq:
        return
    memory = Memory.objects.filter(conversation=conversation).first() or Memory(conversation=conversation)
    last = work.messages[-1].seq
    if memory.from_seq == work.from_seq and memory.up_to_seq >= last:
        return
    memory.from_seq, memory.up_to_seq = work.from_seq, last
    memory.text, memory.model = storable(text[:LONGEST_SUMMARY]), model[:200]
    memory.save()


def _memory(conversation: Conversation) -> Memory | None:
    """Returns the short form of what was said since the last resolve, if there is one."""
    return Memory.objects.filter(conversation=conversation, from_seq=conversation.context_from_seq).first()


def _newest(said: Sequence[Message]) -> list[Message]:
    """Returns as many of the last messages as fit."""
    left, kept = SHOWN, list[Message]()
    for message in reversed(said):
        left -= _weight(message)
        if left < 0:
            break
        kept.append(message)
    return kept[::-1]


def _oldest(said: Sequence[Message]) -> list[Message]:
    """Returns as many of the first messages as a model takes at once; the rest has its turn after them."""
    reached = list(accumulate(map(_weight, said)))
    return [message for message, weight in zip(said, reached, strict=True) if weight <= 2 * SHOWN]


def _weight(message: Message) -> int:
    return len(message.text[:LONGEST_MESSAGE])


def _who(message: Message) -> str:
    return "Customer" if as_chat(message)["role"] == "user" else "We"
