import asyncio
import logging
from typing import Any

import pytest

from llm import attempt, door
from llm.errors import ModelError
from llm.types import Completion, ToolCall, Usage
from tests.fakes.openai_server import OpenAIServer, Reply

from .conftest import ASKED, Reader, ask

pytestmark = pytest.mark.usefixtures("config", "no_ledger")
FOUR = "one two three four"
CALLS = (("search", '{"query": "where is my order"}'), ("ticket", '{"subject": "x"}'))


async def failure(reader: Reader, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(reader, **options)
    assert caught.value.partial == reader.text
    return caught.value


async def test_stream_gives_text_as_it_comes_and_returns_it_whole(server: OpenAIServer, reader: Reader):
    server.script(Reply(text=FOUR, usage=(21, 4)))
    answer = await ask(reader)
    assert answer == Completion(FOUR, (), Usage(21, 4), "custom/main", "stop")
    assert reader.pieces == ["one ", "two ", "three ", "four"]


async def test_stream_sends_what_was_asked_with_the_key(server: OpenAIServer, reader: Reader):
    schema = {
        "type": "function",
        "function": {"name": "search", "parameters": {"type": "object", "properties": {}}},
    }
    await ask(reader, tools=[schema])
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert request.body["model"] == "main"
    assert request.body["messages"] == ASKED
    assert request.body["tools"] == [schema]
    assert request.body["stream_options"] == {"include_usage": True}


async def test_stream_with_a_named_model_asks_that_one(server: OpenAIServer, reader: Reader):
    assert (await ask(reader, model="other")).model == "custom/other"
    assert server.chats[0]["model"] == "other"


@pytest.mark.parametrize("repeat", [False, True])
async def test_stream_puts_interleaved_tool_calls_together(
    server: OpenAIServer, reader: Reader, *, repeat: bool
):
    server.script(Reply(text="Let me look.", tool_calls=CALLS, piece=3, repeat_name=repeat))
    answer = await ask(reader)
    assert answer.text == reader.text == "Let me look."
    assert answer.finish == "tool_calls"
    assert answer.tool_calls == tuple(ToolCall(f"call_{at}", *call) for at, call in enumerate(CALLS))


async def test_stream_puts_tool_calls_without_an_index_together(server: OpenAIServer, reader: Reader):
    server.script(Reply(tool_calls=CALLS, piece=3, indexed=False))
    calls = (await ask(reader)).tool_calls
    assert calls == tuple(ToolCall(f"call_{at}", *call) for at, call in enumerate(CALLS))


@pytest.mark.parametrize("call_id", ["", "same"])
async def test_stream_gives_every_tool_call_an_id_of_its_own(
    server: OpenAIServer, reader: Reader, call_id: str
):
    server.script(Reply(tool_calls=CALLS, call_id=call_id))
    assert [call.id for call in (await ask(reader)).tool_calls] == ["call_0", "call_1"]


async def test_stream_without_counts_estimates_them(server: OpenAIServer, reader: Reader):
    server.script(Reply(text="x" * 400, usage=None))
    usage = (await ask(reader)).usage
    assert usage.estimated
    assert usage.completion_tokens == 100
    assert usage.prompt_tokens > 0


async def test_stream_joins_halves_of_a_sign_and_drops_what_no_database_takes(
    server: OpenAIServer, reader: Reader
):
    server.script(Reply(tokens=("a\x00b ", "\ud83d", "\ude00", " é", "\ud83d")))
    answer = await ask(reader)
    assert answer.text == reader.text == "ab 😀 é"


async def test_stream_keeps_line_separators_inside_text(server: OpenAIServer, reader: Reader):
    server.script(Reply(tokens=("one\u2028", "two\x85", "three\n\nfour")))
    assert (await ask(reader)).text == "one\u2028two\x85three\n\nfour"


async def test_stream_waits_for_a_model_that_reasons(
    server: OpenAIServer, reader: Reader, config: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    config["LLM_FIRST_TOKEN_SECONDS"] = "0.3"
    monkeypatch.setattr(attempt, "GAP_SECONDS", 0.3)
    server.script(Reply(reasoning=("hm",) * 10, text="Yes.", delay=0.05))
    assert (await ask(reader)).text == reader.text == "Yes."
    assert len(server.requests) == 1


async def test_stream_that_was_cut_by_length_is_no_answer(server: OpenAIServer, reader: Reader):
    server.script(Reply(text=FOUR, finish="length"))
    with pytest.raises(ModelError, match="limit of length") as raised:
        await ask(reader)
    assert (raised.value.partial, raised.value.temporary) == (FOUR, False)
    assert len(server.chats) == 1


async def test_complete_fetches_the_answer_in_one_piece(server: OpenAIServer):
    server.script(Reply(text=FOUR, tool_calls=CALLS, usage=(3, 4)))
    answer = await door.complete(ASKED, purpose="test")
    assert not server.chats[0].get("stream")
    assert (answer.text, answer.usage, answer.finish) == (FOUR, Usage(3, 4), "tool_calls")
    assert [call.arguments for call in answer.tool_calls] == [arguments for _, arguments in CALLS]


async def test_complete_tries_again(server: OpenAIServer):
    server.script(Reply(status=500), Reply(text=FOUR))
    assert (await door.complete(ASKED, purpose="test")).text == FOUR


async def test_complete_that_takes_too_long_fails(server: OpenAIServer, config: dict[str, str]):
    config["LLM_TIMEOUT_SECONDS"] = "0.2"
    server.script(Reply(hang=True), Reply(hang=True))
    with pytest.raises(ModelError) as caught:
        await door.complete(ASKED, purpose="test")
    assert caught.value.temporary


# --- What a provider may do wrong before any text: tried once more ---

BEFORE_TEXT = {
    "500": Reply(status=500),
    "503": Reply(status=503),
    "429": Reply(status=429),
    "429 with a short wait": Reply(status=429, retry_after="0"),
    "empty": Reply(text=""),
    "only blanks": Reply(tokens=(" ", "\n")),
    "cut at once": Reply(text=FOUR, cut_after=0),
    "ends at once": Reply(text=FOUR, end_after=0),
    "malformed at once": Reply(text=FOUR, malformed_after=0),
    "error at once": Reply(text=FOUR, error_after=0),
    "not a stream": Reply(body="<html>Bad gateway</html>"),
    "tool call cut": Reply(tool_calls=CALLS, cut_after=4),
}


@pytest.mark.parametrize("name", sorted(BEFORE_TEXT.keys() - {"only blanks"}))
async def test_failure_before_text_is_tried_once_more(server: OpenAIServer, reader: Reader, name: str):
    server.script(BEFORE_TEXT[name], Reply(text=FOUR))
    assert (await ask(reader)).text == reader.text == FOUR
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", BEFORE_TEXT)
async def test_failure_twice_is_a_temporary_model_error(server: OpenAIServer, reader: Reader, name: str):
    server.script(BEFORE_TEXT[name], BEFORE_TEXT[name])
    assert (await failure(reader)).temporary
    assert len(server.requests) == (2 if name != "only blanks" else 1)


@pytest.mark.parametrize(
    "reply", [Reply(hang=True), Reply(stall_after=0, text=FOUR), Reply(keepalives=99, delay=0.02)]
)
async def test_silence_before_text_is_tried_once_more(
    server: OpenAIServer, reader: Reader, config: dict[str, str], reply: Reply
):
    config["LLM_FIRST_TOKEN_SECONDS"] = "0.2"
    server.script(reply, Reply(text=FOUR))
    assert (await ask(reader)).text == FOUR


async def test_deadline_holds_for_all_tries_together(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    config["LLM_TIMEOUT_SECONDS"] = "0.3"
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(Reply(hang=True), Reply(hang=True), Reply(hang=True))
    async with asyncio.timeout(2):
        error = await failure(reader)
    assert error.temporary
    assert "in time" in error.detail


async def test_refusal_for_good_is_not_tried_again(server: OpenAIServer, reader: Reader):
    for status in (400, 401, 403, 404):
        server.reset()
        server.script(Reply(status=status))
        assert not (await failure(reader)).temporary
        assert len(server.requests) == 1


async def test_rate_limit_with_a_long_wait_is_not_waited_for(server: OpenAIServer, reader: Reader):
    server.script(Reply(status=429, retry_after="30"))
    error = await failure(reader)
    assert (error.temporary, error.retry_after, len(server.requests)) == (True, 30.0, 1)


async def test_rate_limit_with_a_short_wait_is_waited_for(
    server: OpenAIServer, reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(door, "_sleep", sleep)
    server.script(Reply(status=429, retry_after="1.5"), Reply(text=FOUR))
    assert (await ask(reader)).text == FOUR
    assert slept == [1.5]


async def test_server_that_is_not_there_is_a_temporary_model_error(reader: Reader, config: dict[str, str]):
    config["LLM_BASE_URL"] = "http://127.0.0.1:9/v1"
    assert (await failure(reader)).temporary


# --- What it may do wrong afterwards: never begun again, never shown as an answer ---

AFTER_TEXT = {
    "cut": Reply(text=FOUR, cut_after=2),
    "ends without saying so": Reply(text=FOUR, end_after=2),
    "malformed": Reply(text=FOUR, malformed_after=2),
    "error": Reply(text=FOUR, error_after=2),
    "stall": Reply(text=FOUR, stall_after=2),
}


@pytest.mark.parametrize("name", AFTER_TEXT)
async def test_failure_after_text_is_raised_with_what_was_seen(
    server: OpenAIServer, reader: Reader, config: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(attempt, "GAP_SECONDS", 0.2)
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(AFTER_TEXT[name])
    error = await failure(reader)
    assert error.partial == "one two "
    assert error.temporary
    assert len(server.requests) == 1


async def test_filtered_answer_is_a_failure(server: OpenAIServer, reader: Reader):
    server.script(Reply(text=FOUR, finish="content_filter"))
    error = await failure(reader)
    assert (error.partial, error.temporary) == (FOUR, False)


async def test_event_of_ten_megabytes_is_a_failure(server: OpenAIServer, reader: Reader):
    server.script(Reply(tokens=("x" * 10_000_000,)))
    error = await failure(reader)
    assert "in one event" in error.detail
    assert not error.temporary


@pytest.mark.parametrize("tokens", [("x" * 300_000,), ("x" * 100_000,) * 3])
async def test_answer_beyond_the_limit_is_a_failure(
    server: OpenAIServer, reader: Reader, tokens: tuple[str, ...]
):
    server.script(Reply(tokens=tokens))
    assert not (await failure(reader)).temporary


async def test_endless_tool_arguments_are_a_failure(server: OpenAIServer, reader: Reader):
    server.script(Reply(tool_calls=(("search", "x" * 300_000),), piece=50_000))
    assert not (await failure(reader)).temporary


async def test_what_the_reader_raises_is_passed_on(server: OpenAIServer):
    async def closed(text: str) -> None:
        raise ConnectionResetError(text)

    with pytest.raises(ConnectionResetError):
        await door.stream(ASKED, purpose="test", on_text=closed)
    assert len(server.requests) == 1


async def test_slow_reader_does_not_cost_the_provider_its_time(
    server: OpenAIServer, config: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    config["LLM_FIRST_TOKEN_SECONDS"] = "0.2"
    monkeypatch.setattr(attempt, "GAP_SECONDS", 0.2)

    async def slow(_text: str) -> None:
        await asyncio.sleep(0.3)

    server.script(Reply(text="one two"))
    assert (await door.stream(ASKED, purpose="test", on_text=slow)).text == "one two"


# --- Fallback ---


@pytest.mark.parametrize("first", [(Reply(status=500),) * 2, (Reply(status=401),), (Reply(text=""),) * 2])
async def test_fallback_answers_when_the_first_model_does_not(
    server: OpenAIServer, reader: Reader, config: dict[str, str], first: tuple[Reply, ...]
):
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(*first, Reply(text=FOUR))
    assert (await ask(reader)).model == "custom/spare"
    assert [chat["model"] for chat in server.chats] == ["main"] * len(first) + ["spare"]


async def test_fallback_that_fails_too_is_a_model_error(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(*(Reply(status=500),) * 4)
    await failure(reader)
    assert [chat["model"] for chat in server.chats] == ["main", "main", "spare", "spare"]


async def test_failing_model_is_left_alone_for_a_while(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(*(Reply(status=500),) * 2, Reply(text="a"), *(Reply(status=500),) * 2, Reply(text="b"))
    await ask(reader)
    await ask(reader)
    server.requests.clear()
    server.script(Reply(status=500), Reply(text="c"), Reply(text="d"))
    await ask(reader)
    await ask(reader)
    assert [chat["model"] for chat in server.chats] == ["main", "spare", "spare"]


async def test_when_every_model_rests_the_call_fails_at_once(server: OpenAIServer, reader: Reader):
    for _ in range(3):
        server.script(Reply(status=500), Reply(status=500))
        await failure(reader)
    server.requests.clear()
    assert (await failure(reader)).temporary
    assert server.requests == []


# --- Around it ---


async def test_cancelled_stream_lets_go_of_the_connection(server: OpenAIServer, reader: Reader):
    server.script(Reply(text=FOUR, stall_after=2))
    seen = asyncio.Event()

    async def watch(text: str) -> None:
        await reader(text)
        if reader.text == "one two ":
            seen.set()

    task = asyncio.create_task(door.stream(ASKED, purpose="test", on_text=watch))
    await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await ask(Reader())).text == "Hello from the fake model."


async def test_connection_is_used_again(server: OpenAIServer, reader: Reader):
    server.script(*[Reply(text=FOUR, linger=0.05)] * 3)
    for _ in range(3):
        await ask(reader)
    assert len({request.port for request in server.requests}) == 1


async def test_twenty_streams_at_once_do_not_mix(server: OpenAIServer):
    def echo(request: Any) -> Reply:
        name = request.body["messages"][0]["content"]
        return Reply(tokens=tuple(f"{name}-{number} " for number in range(5)), delay=0.005)

    server.script(*[echo] * 20)
    readers = [Reader() for _ in range(20)]
    await asyncio.gather(
        *(
            door.stream([{"role": "user", "content": f"q{at}"}], purpose="test", on_text=reader)
            for at, reader in enumerate(readers)
        )
    )
    for at, reader in enumerate(readers):
        assert reader.text == "".join(f"q{at}-{number} " for number in range(5))


async def test_key_is_in_no_error_and_no_log(
    server: OpenAIServer, reader: Reader, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    server.script(Reply(status=401, body="", text="sk-secret"))
    error = await failure(reader)
    assert "sk-secret" not in error.detail
    assert "sk-secret" not in caplog.text


async def test_active_model_names_the_configured_one(config: dict[str, str]):
    assert door.active_model() == "custom/main"
    config.update(LLM_BASE_URL="", LLM_API_KEY="")
    assert door.active_model() == "builtin/quote"


async def test_warm_up_leaves_the_door_working(server: OpenAIServer, reader: Reader):
    await door.warm_up()
    assert (await ask(reader)).text == "Hello from the fake model."
