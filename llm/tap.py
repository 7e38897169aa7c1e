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


def pieces(
    provider: Provider, messages: Sequence[ChatMessage], tools: Sequence[dict[str, Any]]
) -> AsyncGenerator[wire.Piece]:
    """Streams an answer as `wire.pieces` does, from wherever it comes."""
    return (_source.get() or wire.pieces)(provider, messages, tools)
