"""Models of our own: code in this process that answers through the same door as any provider.

LiteLLM serves them as a custom provider named `builtin`; to the door, the loop and the ledger they are
providers like the others.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import NotFound
from llm.types import ChatMessage, ToolCall

if TYPE_CHECKING:
    from litellm.llms.custom_llm import CustomLLM


class LocalModel(Protocol):
    """A model in this process.

    `stream` gets the conversation and the tools as OpenAI describes them, and yields text as it comes and
    tool calls whole. Tool results in `messages` are fenced (`llm.fence.unfence`). It must not block.
    """

    def stream(
        self, messages: list[ChatMessage], tools: list[dict[str, Any]]
    ) -> AsyncIterator[str | ToolCall]:
        """Yields the answer."""
        ...


_models: dict[str, LocalModel] = {}


def register_local_model(name: str, model: LocalModel) -> None:
    """Makes a model known as `builtin/<name>`. Raises TypeError for a name that is taken by another."""
    if _models.get(name, model) is not model:
        message = f"A local model named {name} is registered already."
        raise TypeError(message)
    _models[name] = model


def get_local_model(name: str) -> LocalModel:
    """Returns the registered model, or raises NotFound."""
    try:
        return _models[name]
    except KeyError:
        message = f"There is no local model named {name[:80]}."
        raise NotFound(message) from None


def custom_handler() -> "CustomLLM":
    """Returns what LiteLLM's `custom_provider_map` wants: the registered models behind its interface."""
    from litellm.llms.custom_llm import CustomLLM  # deferred: slow import
    from litellm.types.utils import ModelResponse  # deferred: slow import

    class Builtin(CustomLLM):
        """Hands a call on to the model of that name.

        LiteLLM passes much more than is needed, and declares a coroutine where it wants a generator.
        """

        async def astreaming(  # type: ignore[override]
            self, model: str, messages: list[Any], optional_params: dict[str, Any], **_rest: Any
        ) -> AsyncIterator[dict[str, Any]]:
            called = 0
            parts = get_local_model(model).stream(messages, optional_params.get("tools") or [])
            try:
                async for part in parts:
                    yield _chunk(part, called)
                    called += isinstance(part, ToolCall)
            finally:
                if isinstance(parts, AsyncGenerator):
                    await parts.aclose()
            yield _chunk("", called, finish="tool_calls" if called else "stop")

        async def acompletion(  # type: ignore[override]
            self, model: str, messages: list[Any], optional_params: dict[str, Any], **_rest: Any
        ) -> ModelResponse:
            parts = [
                part
                async for part in get_local_model(model).stream(messages, optional_params.get("tools") or [])
            ]
            calls = [part for part in parts if isinstance(part, ToolCall)]
            message = {
                "role": "assistant",
                "content": "".join(part for part in parts if isinstance(part, str)),
                "tool_calls": [_call(call, index) for index, call in enumerate(calls)] or None,
            }
            finish = "tool_calls" if calls else "stop"
            choices = [{"index": 0, "message": message, "finish_reason": finish}]
            return ModelResponse(model=model, choices=choices)

    return Builtin()


def _chunk(part: str | ToolCall, index: int, *, finish: str = "") -> dict[str, Any]:
    """Returns the fields of LiteLLM's GenericStreamingChunk."""
    call = _call(part, index) if isinstance(part, ToolCall) else None
    return {
        "text": "" if isinstance(part, ToolCall) else part,
        "tool_use": call,
        "is_finished": bool(finish),
        "finish_reason": finish,
        "usage": None,
        "index": 0,
    }


def _call(call: ToolCall, index: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, "index": index}
