"""Protocols other than OpenAI's, read through LiteLLM's own stream: `groq` stands for all of them."""

from decimal import Decimal
from typing import Any

import pytest

from llm import wire
from llm.errors import ModelError
from llm.providers import Provider
from llm.wire import CallPart, Piece
from tests.fakes.openai_server import OpenAIServer, Reply

from .conftest import ASKED

# LiteLLM looks at every attribute of its own objects, one of which pydantic is about to rename.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
CALLS = (("search", '{"query": "x"}'),)


def groq(server: OpenAIServer) -> Provider:
    return Provider("groq", "groq/llama", "groq/llama", "gq-secret", server.url)


async def read(server: OpenAIServer, *replies: Reply) -> list[Piece]:
    server.script(*replies)
    return [piece async for piece in wire.pieces(groq(server), ASKED, ())]


async def test_other_protocol_streams_text_calls_counts_and_the_end(server: OpenAIServer):
    pieces = await read(server, Reply(text="one two", tool_calls=CALLS, usage=(5, 6)))
    assert "".join(piece.text for piece in pieces) == "one two"
    assert "".join(part.arguments for piece in pieces for part in piece.calls) == CALLS[0][1]
    assert pieces[-1].finish == "tool_calls"
    assert [piece.tokens for piece in pieces if piece.tokens] == [(5, 6)]
    assert server.requests[0].headers["authorization"] == "Bearer gq-secret"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="one two three", cut_after=2),
        Reply(text="one two three", end_after=2),
        Reply(status=503),
    ],
)
async def test_other_protocol_that_breaks_off_is_a_temporary_model_error(server: OpenAIServer, reply: Reply):
    with pytest.raises(ModelError) as caught:
        await read(server, reply)
    assert caught.value.temporary
    assert "gq-secret" not in caught.value.detail


async def test_other_protocol_that_refuses_is_not_temporary(server: OpenAIServer):
    for status in (401, 422):
        with pytest.raises(ModelError) as caught:
            await read(server, Reply(status=status))
        assert not caught.value.temporary
    assert len(server.requests) == 2


async def test_other_protocol_asks_to_wait(server: OpenAIServer):
    with pytest.raises(ModelError) as caught:
        await read(server, Reply(status=429, retry_after="7"))
    assert caught.value.retry_after == 7


def test_price_that_was_stated_comes_before_any_table(settings: Any):
    settings.LLM = {**settings.LLM, "LLM_PRICES": "custom/mine=1/2, openai/gpt-4o-mini=0.5/0"}
    assert wire.price(Provider("custom", "custom/mine", "openai/mine"), 1_000_000, 500_000) == 2
    listed = Provider("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini")
    assert wire.price(listed, 1_000_000, 9) == Decimal("0.5")


def test_price_is_known_for_listed_models_and_nothing_elsewhere():
    listed = Provider("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini")
    assert wire.price(listed, 1_000_000, 0) == Decimal("0.15")
    assert wire.price(Provider("custom", "custom/gpt-4o-mini", "openai/gpt-4o-mini"), 1_000_000, 1) == 0
    assert wire.price(Provider("openai", "openai/nobody", "openai/nobody-knows"), 1_000_000, 1) == 0


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"index": 1, "id": "a", "function": {"name": "x", "arguments": "{"}}, CallPart(1, "a", "x", "{")),
        ({"id": "a", "function": {"name": "x", "arguments": {"b": 1}}}, CallPart("a", "a", "x", '{"b": 1}')),
        ({"index": None, "id": None, "function": {"arguments": None}}, CallPart("", "", "", "")),
        ({"index": 0}, CallPart(0, "", "", "")),
    ],
)
def test_call_part_reads_what_servers_leave_out(call: dict[str, Any], expected: CallPart):
    assert wire._call_part(call) == expected


async def test_close_without_a_connection_does_nothing():
    await wire.close()


async def test_close_leaves_the_next_call_a_fresh_connection(server: OpenAIServer):
    await read(server, Reply(text="one"))
    await wire.close()
    assert "".join(piece.text for piece in await read(server, Reply(text="two"))) == "two"
    assert len({request.port for request in server.requests}) == 2


async def test_connection_is_let_go_when_nobody_reads_on(server: OpenAIServer):
    server.script(Reply(text="one two three", stall_after=2))
    stream = wire.pieces(groq(server), ASKED, ())
    async for piece in stream:
        if piece.text:
            break
    await stream.aclose()
    assert "".join(piece.text for piece in await read(server, Reply(text="next"))) == "next"
