"""The place where exchanges with models can be overheard, or answered by something else than a provider.

Everything above it stays as it is: choice of the provider, deadlines, retries, the reading of an answer, the
ledger. Evaluations of agents record and replay here; nothing else should.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from llm import wire
from llm.providers import Provider
from llm.types import ChatMessage

# In the shape of `wire.pieces`.
Source = Callable[[Provider, Sequence[ChatMessage], Sequence[dict[str, Any]]], AsyncGenerator[wire.Piece]]
_source: ContextVar[Source | None] = ContextVar("source", default=None)


@contextmanager
def tapped(source: Source) -> Iterator[None]:
    """Has `source` answer in place of providers, for this task and those it starts."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def is_tapped() -> bool:
    """Says whether something answers in place of providers, and counts tokens as one."""
    return _source.get() is not None


def pieces(
    provider: Provider,
    messages: Sequence[ChatMessage],
    tools: Sequence[dict[str, Any]],
    *,
    most_tokens: int = 0,
) -> AsyncGenerator[wire.Piece]:
    """Streams an answer as `wire.pieces` does, from wherever it comes."""
    if source := _source.get():
        return source(provider, messages, tools)
    return wire.pieces(provider, messages, tools, most_tokens=most_tokens)
