"""Asking a model for an operator, who waits: fenced, within seconds, and so often a minute."""

import asyncio
from functools import cache
from pathlib import Path

from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from core import limits
from core.actor import Actor
from core.errors import Forbidden, Unavailable
from llm.door import asks_builtin, complete
from llm.errors import ModelError
from llm.types import ChatMessage, Completion

# Apart from those of agents, whose kept answers end with every change of theirs.
PROMPTS = Path(__file__).parent / "prompts"
# The desk's script gives up after 20.
SECONDS = 18
PER_MINUTE = 30


class NeedsModel(Unavailable):
    """This needs a language model, and none is set up."""

    code = "needs_model"


def has_model() -> bool:
    """Says whether anything but the built-in answerer, which only quotes, is set up."""
    return not asks_builtin()


def require_model() -> None:
    """Raises NeedsModel where only the built-in answerer is set up."""
    if not has_model():
        raise NeedsModel(_("This needs a language model, and none is set up."))


def count(by: Actor) -> None:
    """Counts one more wish of an operator.

    Raises Forbidden for who is no staff, TooMany after `PER_MINUTE` of them.
    """
    if not by.is_staff:
        raise Forbidden
    limits.take(f"copilot:{by.kind}:{by.id}", most=PER_MINUTE)


def ask(messages: list[ChatMessage], *, purpose: str, reference: str) -> Completion:
    """Asks the configured model and waits; never in a transaction.

    Raises Unavailable when nobody answers whole within `SECONDS`.
    """
    try:
        return async_to_sync(_asked)(messages, purpose, reference)
    except (ModelError, TimeoutError) as error:
        # What a provider says of itself is for the log, where the door has put it.
        raise Unavailable(_("The language model did not answer. Nothing is lost; try again.")) from error


async def _asked(messages: list[ChatMessage], purpose: str, reference: str) -> Completion:
    async with asyncio.timeout(SECONDS):
        return await complete(messages, purpose=purpose, reference=reference)


def rules(name: str, /, **values: str) -> ChatMessage:
    """Returns what a model is told to do, from its file."""
    return {"role": "system", "content": _file(name).format(**values)}


@cache
def _file(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
