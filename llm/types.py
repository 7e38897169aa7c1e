"""Plain data that passes through the door: messages in the OpenAI shape, completions, tool calls, usage."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict

OnText = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Media:
    """A picture (`image/jpeg`) or sound (`audio/wav`, `audio/mpeg`, `audio/ogg`) that came with a message."""

    content_type: str
    content: bytes = field(repr=False)


class ChatMessage(TypedDict):
    """One message in the shape of OpenAI's chat completions, which every provider is translated from.

    `media` is ours: each provider is given what it takes (`llm.media`), and the text names all of it.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    media: NotRequired[Sequence[Media]]


class Citation(TypedDict):
    """Where an answer comes from. `url` is empty for what has no page that customers may open."""

    title: str
    url: str


class Choice(TypedDict):
    """A button that sends its value as the customer's next message."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for. `arguments` is raw JSON text as the model gave it: untrusted, perhaps broken."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in and out, and their cost in US dollars (0 where no price is known).

    `estimated` is set when the provider gave no counts and they were computed from the length of the text.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A complete answer of a model: text, tool calls, or both.

    `finish` is why the model stopped, in OpenAI's words: `stop` or `tool_calls`.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    model: str
    finish: str = "stop"
