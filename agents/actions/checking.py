"""Asking a second model whether an answer rests on what its run was shown. It can only vouch, not change."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.grounding import seen_in, sentences
from agents.models import Run, Step
from conversations.actions import answer_message, lock
from conversations.enums import AuthorKind, Validation
from conversations.models import Message
from core.actor import Actor
from core.errors import NotFound
from core.threads import in_thread
from llm.door import complete
from llm.errors import ModelError
from llm.fence import fence
from llm.providers import BUILTIN
from llm.types import ChatMessage

logger = logging.getLogger(__name__)

PROMPT = Path(__file__).parents[1] / "prompts" / "check.md"
MOST_SENTENCES = 60
_LINE = re.compile(r"^\W*(\d{1,3})\W*[:.)-]\W*(yes|no)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of the model about an answer."""

    run: UUID
    passages: Sequence[str]
    sentences: Sequence[str]

    def as_messages(self) -> list[ChatMessage]:
        passages = "\n\n".join(self.passages)
        told = "\n".join(f"{number}. {text}" for number, text in enumerate(self.sentences, start=1))
        asked = f"{fence(passages, label='passages')}\n\n{fence(told, label='sentences')}"
        return [{"role": "system", "content": _rules()}, {"role": "user", "content": asked}]


def check_model() -> str:
    """Returns the model that checks answers; empty where none is configured, or only our own quoting code."""
    model = str(settings.ANSWER_CHECK_MODEL)
    return "" if model.startswith(f"{BUILTIN}/") else model


async def check_answer(message_id: UUID) -> None:
    """Notes that a model has checked an answer, if it finds each of its sentences in what was found.

    Everything else leaves it as it is: a sentence that it does not find, an answer that rests on no passage,
    a person who was quicker, a model that fails or says something else than it was asked for. Run twice, it
    asks twice at most and changes nothing more.
    """
    question = await in_thread(_question, message_id)
    if question is None:
        return
    try:
        told = await complete(
            question.as_messages(), purpose="check", reference=str(question.run), model=check_model()
        )
    except ModelError as error:
        # Tried again by the door already. It stays pending, and people can judge it.
        logger.info("answer %s is not checked: %s", message_id, error.detail)
        return
    if vouched_for(told.text, len(question.sentences)):
        await in_thread(_note, message_id)


def vouched_for(text: str, count: int) -> bool:
    """Says whether a model has said yes to each of so many sentences, and to none of them no."""
    said = [(int(number), word.lower()) for number, word in _LINE.findall(text)]
    return {number for number, _word in said} == set(range(1, count + 1)) and all(
        word == "yes" for _number, word in said
    )


def _question(message_id: UUID) -> _Question | None:
    answers = Message.objects.filter(author_kind=AuthorKind.AGENT, validated_by=Validation.PENDING)
    message = answers.filter(pk=message_id, deleted_at=None).first()
    run = Run.objects.filter(pk=message.run).first() if message and message.run else None
    if message is None or run is None or not check_model():
        return None
    passages = seen_in(Step.objects.filter(run=run).order_by("number"), ()).passages
    told = sentences(message.text)
    if not passages or not 0 < len(told) <= MOST_SENTENCES:
        return None
    return _Question(run.pk, passages, told)


@transaction.atomic
def _note(message_id: UUID) -> None:
    system = Actor.system()
    message = Message.objects.filter(pk=message_id).first()
    if message is None:
        return
    try:
        lock(message.conversation_id, by=system)
    except NotFound:
        return
    # Under the lock: a person may have judged it while the model read.
    message.refresh_from_db()
    if message.validated_by == Validation.PENDING:
        answer_message(message=message, by=system, validated_by=Validation.AI)


@cache
def _rules() -> str:
    return PROMPT.read_text(encoding="utf-8")
