"""The only module that knows LiteLLM: from a provider and messages to pieces of an answer.

It has no patience and no policy; deadlines, retries and fallbacks are the door's. Whatever goes wrong is a
ModelError here already.

LiteLLM spends 440 to 790 µs of CPU on each streamed token, nearly all of it in the object it wraps a stream
in. For everything that speaks OpenAI's protocol the lines of the response underneath are read here instead,
which takes a tenth of that; LiteLLM still chooses the client, translates the request and names the errors.
"""

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.conf import settings

from core.retry_after import retry_after
from llm.errors import ModelError
from llm.local import custom_handler
from llm.media import as_sent, known_inputs
from llm.prices import prices
from llm.providers import BUILTIN, Provider
from llm.types import ChatMessage

if TYPE_CHECKING:
    from aiohttp import ClientSession

CONNECT_SECONDS = 5.0
# The door's deadlines are shorter. One figure for all calls: LiteLLM makes a new client for each other one.
READ_SECONDS = 600.0
LINE_LIMIT = 1_000_000  # bytes in one event of a stream
DRAIN_SECONDS = 0.2
# No answer has as many, and the sum of a run's still fits its column.
TOKENS_LIMIT = 100_000_000
# Providers whose prices LiteLLM's table knows; a model of the same name elsewhere costs something else.
_UNPRICED = {BUILTIN, "custom", "ollama"}
_TEMPORARY = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True)
class CallPart:
    """A part of a tool call; the parts of one call have the same `key`."""

    key: int | str
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event of a stream brings. `thought` is set when the model reasons without saying anything."""

    text: str = ""
    calls: tuple[CallPart, ...] = ()
    finish: str = ""
    tokens: tuple[int, int] | None = None
    thought: bool = False

    @property
    def is_sign_of_life(self) -> bool:
        """Whether the model did something, rather than the connection."""
        return bool(self.text or self.calls or self.thought)


async def pieces(
    provider: Provider,
    messages: Sequence[ChatMessage],
    tools: Sequence[dict[str, Any]],
    *,
    most_tokens: int = 0,
) -> AsyncGenerator[Piece]:
    """Streams an answer; the last pieces carry the finish reason and, where the provider counts, the tokens.

    After `most_tokens` the provider is to stop, with `length` as its reason; 0: where it stops by itself.

    A stream that ends without saying that the answer is finished raises ModelError.
    """
    try:
        opened = await _call(provider, messages, tools, most_tokens=most_tokens, stream=True)
        source = opened.completion_stream
        if hasattr(source, "response"):
            read = _read_lines(source.response)
        elif provider.name == BUILTIN:
            read = _read_local(source)
        else:
            read = _read_wrapped(opened)
        finished = False
        async with aclosing(read):
            async for piece in read:
                finished = finished or bool(piece.finish)
                yield piece
    except Exception as error:
        raise as_model_error(provider, error) from error
    if not finished:
        message = f"{provider.model} broke off its answer."
        raise ModelError(message, temporary=True)


async def whole(
    provider: Provider,
    messages: Sequence[ChatMessage],
    tools: Sequence[dict[str, Any]],
    *,
    most_tokens: int = 0,
) -> Piece:
    """Asks for an answer in one piece."""
    try:
        answer = (await _call(provider, messages, tools, most_tokens=most_tokens, stream=False)).model_dump()
        choice = answer["choices"][0]
        return _piece({**choice, "delta": choice["message"]}, answer.get("usage"))
    except Exception as error:
        raise as_model_error(provider, error) from error


async def load() -> None:
    """Imports LiteLLM in a thread, where nobody has warmed it up: its two seconds are nobody's patience."""
    if not _litellm.cache_info().currsize:
        await asyncio.to_thread(_litellm)


async def close() -> None:
    """Closes the connections to providers; call it where an event loop ends, in that loop."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is None:
        return
    litellm = _litellm()
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()
    await session.close()


def warm() -> None:
    """Does ahead what the first call would otherwise wait for: imports, tables, client classes. Blocks."""
    litellm = _litellm()
    import_module("openai.resources.chat")  # half a second that the first call would spend on the event loop
    price(Provider("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini"), 1, 1)
    # Answers from memory, after the whole way through argument checks and provider lookup.
    litellm.completion(model="openai/warm", messages=[{"role": "user", "content": "x"}], mock_response="x")


def price(provider: Provider, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """Returns the cost in US dollars: by `LLM_PRICES`, by LiteLLM's table, or 0 where both know nothing."""
    if known := prices(settings.LLM.get("LLM_PRICES", "")).get(provider.model):
        return round((known[0] * prompt_tokens + known[1] * completion_tokens) / 1_000_000, 6)
    if provider.name in _UNPRICED:
        return Decimal(0)
    try:
        costs = _litellm().cost_per_token(
            model=provider.litellm_model,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )
    except Exception:  # noqa: BLE001 (LiteLLM raises a bare Exception for an unknown model)
        return Decimal(0)
    return Decimal(str(round(sum(costs), 6)))


def inputs(provider: Provider) -> frozenset[str]:
    """Returns the types that the provider's model takes beside text: by setting, else by LiteLLM's table."""
    litellm = _litellm()
    wish = settings.LLM.get("LLM_INPUTS", "")
    return known_inputs(
        provider,
        wish,
        sees=lambda name: bool(litellm.supports_vision(model=name)),
        hears=lambda name: bool(litellm.supports_audio_input(model=name)),
    )


def as_model_error(provider: Provider, error: Exception) -> ModelError:
    """Returns the ModelError that says what happened, with the provider's key left out."""
    if isinstance(error, ModelError):
        return error
    # LiteLLM wraps what happens in the middle of a stream once more.
    cause = getattr(error, "original_exception", None) or error
    status = getattr(cause, "status_code", None)
    said = f"{type(cause).__name__}: {cause}"
    if provider.api_key:
        said = said.replace(provider.api_key, "[key]")
    told = ModelError(f"{provider.model} failed. {said[:500]}", temporary=_is_temporary(status))
    told.retry_after = _asked_pause(error)
    return told


# --- LiteLLM, loaded when first needed: 160 MB and two seconds that web processes do without ----------------


@cache
def _litellm() -> ModuleType:
    # Without this the import asks the internet for prices.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # deferred: slow import

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.custom_provider_map = [{"provider": BUILTIN, "custom_handler": custom_handler()}]
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # every failure is in the ledger, and raised
    _send_refused_only_once()
    return litellm


def _send_refused_only_once() -> None:
    """Keeps LiteLLM from sending a request again that a provider answered with 422.

    It does so to leave out the options that the provider names; where none is named, the same is sent again.
    """
    module = import_module("litellm.llms.openai.openai")
    drop = module.drop_params_from_unprocessable_entity_error

    def drop_or_raise(error: Exception, data: dict[str, Any]) -> dict[str, Any]:
        left = data
        with suppress(Exception):  # it trips over a message that is JSON of another shape
            left = drop(error, data)
        if left == data:
            raise error
        return left

    module.drop_params_from_unprocessable_entity_error = drop_or_raise  # type: ignore[attr-defined]


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, "ClientSession"] = WeakKeyDictionary()


def _session() -> "ClientSession":
    """Returns the one HTTP session of the running loop, with its open connections."""
    from aiohttp import ClientSession, TCPConnector  # deferred: slow import

    loop = asyncio.get_running_loop()
    found = _sessions.get(loop)
    if found is None or found.closed:
        found = _sessions[loop] = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=75, ttl_dns_cache=300)
        )
    return found


async def _call(
    provider: Provider,
    messages: Sequence[ChatMessage],
    tools: Sequence[dict[str, Any]],
    *,
    most_tokens: int,
    stream: bool,
) -> Any:
    from httpx import Timeout  # deferred: slow import

    litellm = _litellm()
    has_media = any(message.get("media") for message in messages)
    taken = inputs(provider) if has_media else frozenset[str]()
    options: dict[str, Any] = {"tools": list(tools)} if tools else {}
    if most_tokens:
        options["max_tokens"] = most_tokens
    if stream:
        options["stream_options"] = {"include_usage": True}
    if provider.name != BUILTIN:
        options |= {"api_key": provider.api_key, "api_base": provider.api_base or None}
        options["shared_session"] = _session()
    answer = await litellm.acompletion(
        model=provider.litellm_model,
        messages=[as_sent(message, taken) for message in messages],
        stream=stream,
        timeout=Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        max_retries=0,
        **options,
    )
    if answer is None:  # LiteLLM's word for a second 422
        message = f"{provider.model} refused the request (422), with and without the options it named."
        raise ModelError(message)
    return answer


# --- Three ways a stream can look --------------------------------------------------------------------------


async def _read_lines(response: Any) -> AsyncGenerator[Piece]:
    """Reads the server-sent events of an OpenAI-compatible response."""
    received, buffer = response.aiter_bytes(), b""
    try:
        async for data in received:
            *lines, buffer = (buffer + data).split(b"\n")
            if max(len(buffer), *map(len, lines), 0) > LINE_LIMIT:
                message = "The provider sent more in one event than is taken."
                raise ModelError(message)
            for line in lines:
                if line.startswith(b"data:") and line[5:].strip() == b"[DONE]":
                    yield Piece(finish="stop")
                    await _drain(received)
                    return
                if line.startswith(b"data:"):
                    yield _from_event(json.loads(line[5:]))
    finally:
        await response.aclose()


async def _drain(received: AsyncIterator[bytes]) -> None:
    """Reads the few bytes after the end, without which the connection cannot be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in received:
                pass


def _from_event(event: dict[str, Any]) -> Piece:
    if event.get("error"):
        message = f"The provider broke off: {str(event['error'])[:300]}"
        raise ModelError(message, temporary=True)
    return _piece((event.get("choices") or [{}])[0], event.get("usage"))


async def _read_wrapped(opened: Any) -> AsyncGenerator[Piece]:
    """Reads what LiteLLM makes of the streams of other protocols."""
    try:
        async for chunk in opened:
            event = chunk.model_dump()
            choice = event["choices"][0] if event["choices"] else {}
            yield _piece({**choice, "finish_reason": None}, event.get("usage"))
    finally:
        await opened.aclose()
    # LiteLLM invents a finish reason for a stream that broke off; this is the one that was received.
    yield Piece(finish=opened.received_finish_reason or "")


async def _read_local(source: AsyncGenerator[dict[str, Any]]) -> AsyncGenerator[Piece]:
    """Reads a model of our own."""
    async with aclosing(source):
        async for chunk in source:
            calls = [chunk["tool_use"]] if chunk["tool_use"] else None
            yield _piece({**chunk, "delta": {"content": chunk["text"], "tool_calls": calls}}, None)


def _piece(choice: dict[str, Any], usage: dict[str, Any] | None) -> Piece:
    """Reads a choice of a stream, where what is new is `delta`; providers leave out what they like."""
    delta = choice.get("delta") or {}
    text = delta.get("content")
    return Piece(
        text=text if isinstance(text, str) else "",
        calls=tuple(map(_call_part, delta.get("tool_calls") or ())),
        finish=choice.get("finish_reason") or "",
        tokens=_tokens(usage) if usage else None,
        thought=bool(delta.get("reasoning_content") or delta.get("reasoning")),
    )


def _call_part(call: dict[str, Any]) -> CallPart:
    """Reads a part of a tool call; an index that is neither number nor text raises ModelError."""
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    index, call_id = call.get("index"), str(call.get("id") or "")
    if isinstance(index, (list, dict)):
        message = "The provider sent a part of a tool call that belongs to none."
        raise ModelError(message, temporary=True)
    return CallPart(
        key=call_id if index is None else index,
        id=call_id,
        name=str(function.get("name") or ""),
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
    )


def _tokens(usage: dict[str, Any]) -> tuple[int, int]:
    """Returns the counts as the ledger can hold them."""
    asked, said = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
    return min(max(asked, 0), TOKENS_LIMIT), min(max(said, 0), TOKENS_LIMIT)


def _is_temporary(status: int | None) -> bool:
    """No status means that no whole answer arrived: no connection, a broken stream, unreadable data."""
    return status is None or status in _TEMPORARY or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _asked_pause(error: Exception) -> float | None:
    """Returns the seconds a provider asks to wait, or None where it names none."""
    return retry_after(getattr(error, "litellm_response_headers", None) or {})
