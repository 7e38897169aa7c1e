"""One try at one provider: its clocks, what it has said so far, and its row in the ledger."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from llm import tap, wire
from llm.enums import Outcome
from llm.errors import ModelError, TooSlow
from llm.ledger import record_call
from llm.providers import BUILTIN, Provider
from llm.purse import Grant, Offer, Purse
from llm.types import ChatMessage, Completion, OnText, ToolCall, Usage

log = logging.getLogger(__name__)

GAP_SECONDS = 15.0  # longest silence in the middle of an answer
ANSWER_LIMIT = 200_000  # characters of text and arguments together
CHARACTERS_PER_TOKEN = 4
# For what is set aside before a call: German, JSON and code take more tokens than English prose.
FEWEST_CHARACTERS_PER_TOKEN = 3
# A picture of 1024 by 768 at OpenAI's and Anthropic's; a voice note of half a minute at Gemini's.
MEDIA_TOKENS = 1000
_REFUSED = {"content_filter", "error"}
_CUT = "length"
_HIGH_SURROGATE = re.compile("[\ud800-\udbff]$")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and for what; without `on_text` the answer is fetched in one piece.

    The `purse` pays; without one nobody asks what a call costs.
    """

    messages: Sequence[ChatMessage]
    tools: Sequence[dict[str, Any]]
    purpose: str
    reference: str
    on_text: OnText | None
    purse: Purse | None = None

    def characters(self) -> int:
        """Returns the length of everything that is sent."""
        said = [list(self.messages), list(self.tools)]
        return len(json.dumps(said, ensure_ascii=False, default=_weighed))


async def attempt(question: Question, provider: Provider, deadline: float) -> Completion:
    """Asks once and writes the ledger. `deadline` is in the time of the event loop.

    Raises ModelError for everything that is not a whole answer, with the text given out as `partial`, and
    OverBudget, without a row, where the purse does not pay.
    """
    grant = await _reserve(question, provider)
    began = time.perf_counter()
    draft = _Draft(question.on_text)
    outcome, error = Outcome.CANCELLED, ""
    try:
        await _listen(question, provider, deadline, draft, grant)
        completion = draft.completion(provider, question)
        outcome = Outcome.OK
    except ModelError as failure:
        failure.partial = draft.given
        outcome, error = _outcome(failure), failure.detail
        raise
    finally:
        first = draft.first_text_at
        usage = draft.usage(provider, question)
        if question.purse and grant:
            await _settle(question.purse, grant, usage)
        await record_call(
            purpose=question.purpose,
            reference=question.reference,
            provider=provider,
            usage=usage,
            first_text_ms=None if first is None else round((first - began) * 1000),
            duration_ms=round((time.perf_counter() - began) * 1000),
            outcome=outcome,
            error=error,
        )
    return completion


async def _reserve(question: Question, provider: Provider) -> Grant | None:
    """Asks the purse, if there is one, for leave; the built-in answerer costs nothing."""
    is_free = provider.name == BUILTIN and not tap.is_tapped()
    if question.purse is None or is_free:
        return None
    prompt = -(-question.characters() // FEWEST_CHARACTERS_PER_TOKEN)
    prices = wire.price(provider, prompt, 0), wire.price(provider, 0, 1_000_000)
    return await question.purse.reserve(Offer(provider.model, prompt, *prices))


async def _settle(purse: Purse, grant: Grant, usage: Usage) -> None:
    """Tells the purse; an answer is not lost for it, since what was set aside stays so."""
    try:
        await purse.settle(grant, usage)
    except Exception:
        log.exception("What a call has cost could not be written down; it counts as was set aside")


async def _listen(
    question: Question, provider: Provider, deadline: float, draft: "_Draft", grant: Grant | None
) -> None:
    """Fills the draft, and loses patience in time."""
    loop = asyncio.get_running_loop()
    most = grant.most_tokens if grant else 0
    seconds = deadline - loop.time()
    # A whole answer gives no first sign before its end.
    patience = float(settings.LLM["LLM_FIRST_TOKEN_SECONDS"]) if question.on_text else seconds
    limit = asyncio.timeout(min(patience, seconds))
    try:
        async with limit:
            if question.on_text is None:
                answer = await wire.whole(provider, question.messages, question.tools, most_tokens=most)
                await draft.take(answer)
                return
            source = tap.pieces(provider, question.messages, question.tools, most_tokens=most)
            async with aclosing(source):
                async for piece in source:
                    if not piece.is_sign_of_life:
                        draft.note(piece)
                        continue
                    limit.reschedule(deadline)  # the reader's time is not the provider's
                    await draft.take(piece)
                    limit.reschedule(min(loop.time() + GAP_SECONDS, deadline))
    except TimeoutError:
        if not limit.expired():
            raise
        message = f"{provider.model} did not answer in time."
        raise TooSlow(message, temporary=True) from None


def _outcome(failure: ModelError) -> Outcome:
    if isinstance(failure, TooSlow):
        return Outcome.TIMEOUT
    return Outcome.CUT if failure.partial else Outcome.ERROR


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class _Draft:
    """What a provider has said so far."""

    def __init__(self, on_text: OnText | None) -> None:
        self.on_text = on_text
        self.texts: list[str] = []
        self.calls: dict[int | str, _Call] = {}
        self.length = 0
        self.half = ""  # the first half of a sign whose second half is in the next piece
        self.finish = ""
        self.tokens: tuple[int, int] | None = None
        self.first_text_at: float | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def given(self) -> str:
        """What a reader has seen."""
        return self.text if self.on_text else ""

    def note(self, piece: wire.Piece) -> None:
        """Keeps what a piece says about the answer rather than in it."""
        self.finish = self.finish or piece.finish
        self.tokens = piece.tokens or self.tokens

    async def take(self, piece: wire.Piece) -> None:
        self.note(piece)
        for part in piece.calls:
            self._add(part)
        if text := self._storable(piece.text):
            if self.first_text_at is None:
                self.first_text_at = time.perf_counter()
            self._grow(len(text))
            self.texts.append(text)
            if self.on_text:
                await self.on_text(text)

    def completion(self, provider: Provider, question: Question) -> Completion:
        """Returns the whole answer, or raises ModelError where there is none."""
        if self.finish in _REFUSED:
            message = f"{provider.model} refused to answer ({self.finish})."
            raise ModelError(message)
        if self.finish == _CUT:
            message = f"{provider.model} met its limit of length in the middle of its answer."
            raise ModelError(message)
        calls = tuple(
            ToolCall(_unique(call.id, at, self.calls.values()), call.name, _clean("".join(call.arguments)))
            for at, call in enumerate(self.calls.values())
        )
        if not calls and not self.text.strip():
            message = f"{provider.model} gave an empty answer."
            raise ModelError(message, temporary=True)
        return Completion(self.text, calls, self.usage(provider, question), provider.model, self.finish)

    def usage(self, provider: Provider, question: Question) -> Usage:
        """Returns the provider's counts, or estimates where something was said and nothing was counted."""
        if self.tokens:
            return Usage(*self.tokens, wire.price(provider, *self.tokens))
        if not self.length:
            return Usage()
        prompt = question.characters() // CHARACTERS_PER_TOKEN
        answer = -(-self.length // CHARACTERS_PER_TOKEN)
        return Usage(prompt, answer, wire.price(provider, prompt, answer), estimated=True)

    def _add(self, part: wire.CallPart) -> None:
        # A part without index and id continues the call before it.
        key = part.key if part.key != "" or not self.calls else next(reversed(self.calls))
        call = self.calls.setdefault(key, _Call())
        call.id = call.id or _clean(part.id)
        call.name = call.name or _clean(part.name)  # some servers repeat it in every part
        call.arguments.append(part.arguments)
        self._grow(len(part.arguments))

    def _grow(self, by: int) -> None:
        self.length += by
        if self.length > ANSWER_LIMIT:
            message = "The language model said more than is taken."
            raise ModelError(message)

    def _storable(self, text: str) -> str:
        """Returns text a database takes: surrogates joined to the sign they are halves of, or dropped."""
        if text.isascii() and not self.half:
            return text.replace("\x00", "")
        text, self.half = self.half + text, ""
        if _HIGH_SURROGATE.search(text):
            text, self.half = text[:-1], text[-1]
        return _clean(text)


def _clean(text: str) -> str:
    """Returns text a database takes: without NUL, and with the halves of a sign joined."""
    if _UNSTORABLE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "")
    return text


def _weighed(_media: object) -> str:
    """Stands for a picture or sound while tokens are estimated; its bytes are no measure of them."""
    return "x" * (MEDIA_TOKENS * CHARACTERS_PER_TOKEN)


def _unique(call_id: str, at: int, calls: Iterable[_Call]) -> str:
    """Returns an id under which the result can be told apart, whatever the provider gave."""
    same = sum(call.id == call_id for call in calls)
    return call_id if call_id and same == 1 else f"call_{at}"
