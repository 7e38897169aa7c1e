"""The one door to models: complete, stream, embed. All patience and impatience with providers is here.

A call has one deadline for everything it tries (`LLM_TIMEOUT_SECONDS`), and within it one for the first sign
of an answer (`LLM_FIRST_TOKEN_SECONDS`) and one between two signs. A temporary failure is tried once more and
then with `LLM_FALLBACK_MODEL`, as long as no text has been given out: what a reader has seen is never
silently begun again. Every try is a row in the ledger.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from llm import breaker, embedding, wire
from llm.attempt import Question, attempt
from llm.embedding import embed
from llm.errors import ModelError
from llm.providers import BUILTIN, Provider, choose, fallback, resolve
from llm.purse import Purse
from llm.types import ChatMessage, Completion, OnText

__all__ = [
    "ModelError",
    "active_model",
    "ask_once",
    "asks_builtin",
    "close",
    "complete",
    "embed",
    "inputs",
    "stream",
    "warm_up",
]

log = logging.getLogger(__name__)

TRIES = 2
RETRY_PAUSE = (0.2, 0.6)  # seconds, drawn at random so that workers do not come back together
RETRY_AFTER_LIMIT = 3.0  # a provider that asks for more is not waited for
_sleep = asyncio.sleep


async def stream(
    messages: Sequence[ChatMessage],
    *,
    tools: Sequence[dict[str, Any]] = (),
    purpose: str,
    reference: str = "",
    model: str | None = None,
    on_text: OnText,
    purse: Purse | None = None,
) -> Completion:
    """Asks a model and gives its text to `on_text` as it comes; returns the complete answer.

    `purpose` and `reference` say in the ledger what the call was for. `model` is asked instead of the
    configured one. Raises ModelError when nobody answers whole; `partial` is then what `on_text` was given,
    and nothing was retried if that is not empty; and OverBudget where the `purse` pays for none of those that
    could be asked. What `on_text` raises is passed on.
    """
    return await _ask(Question(messages, tools, purpose, reference, on_text, purse), model)


async def complete(
    messages: Sequence[ChatMessage],
    *,
    tools: Sequence[dict[str, Any]] = (),
    purpose: str,
    reference: str = "",
    model: str | None = None,
    purse: Purse | None = None,
) -> Completion:
    """Asks a model and returns its answer in one piece; for work nobody watches. Raises as `stream` does."""
    return await _ask(Question(messages, tools, purpose, reference, None, purse), model)


async def ask_once(
    messages: Sequence[ChatMessage],
    *,
    tools: Sequence[dict[str, Any]] = (),
    purpose: str,
    reference: str = "",
    model: str,
    seconds: float,
    on_text: OnText | None,
) -> Completion:
    """Asks exactly this model exactly once, even while it rests; for those who want to know what it does.

    No other model steps in. `seconds` is the limit of the whole answer. Raises ModelError as `stream` does.
    """
    await wire.load()
    deadline = asyncio.get_running_loop().time() + seconds
    question = Question(messages, tools, purpose, reference, on_text)
    return await attempt(question, resolve(settings.LLM, model), deadline)


def active_model() -> str:
    """Returns the name of the model that is asked first, such as `openai/gpt-4o-mini` or `builtin/quote`."""
    return choose(settings.LLM).model


def asks_builtin(model: str | None = None) -> bool:
    """Says whether the built-in answerer is asked first, which quotes and does nothing else."""
    return _candidates(model)[0].name == BUILTIN


async def inputs(model: str | None = None) -> frozenset[str]:
    """Returns the types that a model takes beside text, such as `image/jpeg`, or one that may step in.

    Whoever asks `stream` may leave everything else out of a message's `media`.
    """
    await wire.load()
    return frozenset().union(*map(wire.inputs, _candidates(model)))


async def warm_up() -> None:
    """Loads LiteLLM and the embedding model in threads; after it the first customer waits for neither.

    A process that ends meanwhile does not wait for them, as it would for a thread of the loop's executor.
    """
    await asyncio.gather(_aside(wire.warm), _aside(embedding.load))


async def _aside(call: Callable[[], object]) -> None:
    """Runs a call in a thread that ends with the process, whatever it is doing."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 (handed to who awaits)
            outcome: Exception | None = error
        else:
            outcome = None
        # The loop may be closed by now: then nobody waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, daemon=True, name=f"warm-up-{call.__name__}").start()
    await done


async def close() -> None:
    """Closes the connections to providers that belong to the running event loop; call it at its end."""
    await wire.close()


def _candidates(model: str | None) -> list[Provider]:
    """Returns who is asked, in turn."""
    config = settings.LLM
    found = [resolve(config, model) if model else choose(config)]
    if (second := fallback(config)) and second not in found:
        found.append(second)
    return found


async def _ask(question: Question, model: str | None) -> Completion:
    """Goes through the providers in turn, each at most twice, until one answers or time is up."""
    await wire.load()
    config = settings.LLM
    deadline = asyncio.get_running_loop().time() + float(config["LLM_TIMEOUT_SECONDS"])
    failure = ModelError("Every model is resting after failures in a row.", temporary=True)
    for provider in _candidates(model):
        if _left(deadline) <= 0 or not breaker.may_ask(provider.model):
            continue
        try:
            return await _ask_twice(question, provider, deadline)
        except ModelError as error:
            failure = error
            log.warning("%s", error)
            if error.partial:
                break
    raise failure


async def _ask_twice(question: Question, provider: Provider, deadline: float) -> Completion:
    """Asks one provider, and once more where that may help."""
    for tried in range(1, TRIES + 1):
        try:
            answer = await attempt(question, provider, deadline)
        except ModelError as error:
            if error.temporary:
                breaker.note_failure(provider.model)
            may_help = error.temporary and not error.partial and not breaker.is_resting(provider.model)
            pause = _pause(error)
            if tried == TRIES or not may_help or pause >= min(_left(deadline), RETRY_AFTER_LIMIT):
                raise
            await _sleep(pause)
        else:
            breaker.note_success(provider.model)
            return answer
    raise AssertionError


def _left(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()


def _pause(error: ModelError) -> float:
    """Returns the seconds to wait before the second try: the provider's wish, or a short while."""
    return error.retry_after if error.retry_after is not None else random.uniform(*RETRY_PAUSE)  # noqa: S311 (no secret)
