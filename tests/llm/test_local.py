import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.errors import NotFound
from llm import door
from llm.errors import ModelError
from llm.local import get_local_model, register_local_model
from llm.types import ChatMessage, ToolCall

from .conftest import ASKED, Reader

pytestmark = pytest.mark.usefixtures("config", "no_ledger", "registry")
SCHEMA = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}


class Scripted:
    """A local model that says its lines and keeps what it was asked."""

    def __init__(self, *lines: str | ToolCall | Exception) -> None:
        self.lines = lines
        self.asked: list[tuple[list[ChatMessage], list[dict[str, Any]]]] = []
        self.closed = False

    async def stream(
        self, messages: list[ChatMessage], tools: list[dict[str, Any]]
    ) -> AsyncIterator[str | ToolCall]:
        self.asked.append((messages, tools))
        try:
            for line in self.lines:
                await asyncio.sleep(0)
                if isinstance(line, Exception):
                    raise line
                yield line
        finally:
            self.closed = True


@pytest.fixture
def config(config: dict[str, str]) -> dict[str, str]:
    """Without any key the door asks the built-in answerer."""
    config.update(LLM_BASE_URL="", LLM_API_KEY="", LLM_MODEL="")
    return config


async def test_local_model_streams_text_and_whole_tool_calls(reader: Reader):
    calls = (ToolCall("a", "look", '{"q": "1"}'), ToolCall("b", "look", '{"q": "2"}'))
    model = Scripted("One ", "two. ", *calls)
    register_local_model("quote", model)
    answer = await door.stream(ASKED, tools=[SCHEMA], purpose="test", on_text=reader)
    assert (answer.text, answer.tool_calls, answer.finish) == ("One two. ", calls, "tool_calls")
    assert answer.model == "builtin/quote"
    assert answer.usage.estimated
    assert reader.pieces == ["One ", "two. "]
    assert model.asked == [(ASKED, [SCHEMA])]


async def test_local_model_gets_tool_results_as_they_are(reader: Reader):
    model = Scripted("Done.")
    register_local_model("quote", model)
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    history: list[ChatMessage] = [
        *ASKED,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "<<<look\nfound\n>>>"},
    ]
    await door.stream(history, purpose="test", on_text=reader)
    assert model.asked[0][0] == history


async def test_local_model_answers_in_one_piece_too():
    register_local_model("quote", Scripted("One ", ToolCall("a", "look", "{}"), "two."))
    answer = await door.complete(ASKED, purpose="test")
    assert (answer.text, answer.tool_calls) == ("One two.", (ToolCall("a", "look", "{}"),))


async def test_local_model_by_another_name_is_asked_by_that_name(reader: Reader):
    register_local_model("other", Scripted("Other."))
    answer = await door.stream(ASKED, purpose="test", on_text=reader, model="builtin/other")
    assert (answer.text, answer.model) == ("Other.", "builtin/other")


async def test_local_model_can_be_the_fallback_of_a_provider(reader: Reader, config: dict[str, str]):
    register_local_model("quote", Scripted("I can only quote."))
    config.update(LLM_BASE_URL="http://127.0.0.1:9/v1", LLM_FALLBACK_MODEL="builtin/quote")
    answer = await door.stream(ASKED, purpose="test", on_text=reader)
    assert (answer.text, answer.model) == ("I can only quote.", "builtin/quote")


async def test_local_model_that_fails_is_a_model_error(reader: Reader):
    register_local_model("quote", Scripted("One ", ZeroDivisionError("by zero")))
    with pytest.raises(ModelError, match="by zero") as caught:
        await door.stream(ASKED, purpose="test", on_text=reader)
    assert caught.value.partial == "One "


async def test_local_model_is_closed_when_the_reader_leaves():
    model = Scripted("One ", "two ", "three ")
    register_local_model("quote", model)

    async def leave(_text: str) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await door.stream(ASKED, purpose="test", on_text=leave)
    assert model.closed


async def test_model_nobody_registered_is_a_model_error(reader: Reader):
    with pytest.raises(ModelError, match="no local model named quote"):
        await door.stream(ASKED, purpose="test", on_text=reader)


def test_name_of_a_local_model_can_be_taken_once():
    model = Scripted()
    register_local_model("quote", model)
    register_local_model("quote", model)
    assert get_local_model("quote") is model
    with pytest.raises(TypeError, match="registered already"):
        register_local_model("quote", Scripted())


def test_unknown_local_model_is_not_found():
    with pytest.raises(NotFound):
        get_local_model("nobody")
