"""What providers really send: events in every shape that the protocol leaves open, and some it does not."""

import asyncio
import json
import re
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm import breaker, door, embedding, wire
from llm.errors import ModelError
from llm.types import Completion, ToolCall, Usage
from tests.fakes.openai_server import OpenAIServer, Reply

from .conftest import ASKED, Reader, ask
from .test_loop import Desk, calls, closing, play

pytestmark = pytest.mark.usefixtures("config", "no_ledger")


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, **more}]}


def called(**part: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def body(*events: Any, end: str = "\n\n", start: str = "data: ", last: str = "data: [DONE]\n\n") -> Reply:
    """A stream of these events, each JSON or text, written with these separators."""
    lines = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return Reply(body="".join(f"{start}{line}{end}" for line in lines) + last)


# --- Frames --


@pytest.mark.parametrize(
    "reply",
    [
        body(said("Hi "), said("you"), END),
        body(said("Hi "), said("you"), END, end="\r\n\r\n"),
        body(said("Hi "), said("you"), END, start="data:", last="data: [DONE]\n\n"),
        body(said("Hi "), said("you"), END, start="data:", last="data:[DONE]\n\n"),
        body(said("Hi "), said("you"), END, last="data: [DONE]\r\n\r\n"),
        body(said("Hi "), said("you"), END, start="id: 7\nevent: message\nretry: 10\ndata: "),
        body(said("Hi "), said("you"), END, start=": comment\n\n\n\ndata: "),
        body(said("Hi "), said("you"), END, last=""),
        body(said("Hi "), said("you")),
        body(said("Hi "), said("you"), END, last="data: [DONE]\n\ndata: {nonsense\n\n"),
        body(said("Hi "), said("you", finish_reason="stop"), {"choices": []}, {"object": "x"}),
        body({"choices": []}, said(""), said("Hi "), {"choices": None}, said("you"), END),
    ],
    ids=[
        *("plain", "carriage returns", "no space", "no space at the end", "carriage return at the end"),
        *("other fields", "comments", "no DONE", "no reason"),
        *("more after the end", "reason with the last word", "events without choices"),
    ],
)
async def test_a_stream_is_read_however_it_is_framed(server: OpenAIServer, reader: Reader, reply: Reply):
    server.script(reply)
    answer = await ask(reader)
    assert (answer.text, answer.finish) == ("Hi you", "stop")
    assert reader.text == "Hi you"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_arrives_as_it_was_said(server: OpenAIServer, config: dict[str, str], text: str):
    server.reset()
    server.script(Reply(tokens=(*text, ".")))
    reader = Reader()
    answer: Any = asyncio.run(closing(ask(reader)))
    assert answer.text == reader.text == f"{text}."


@pytest.mark.parametrize(
    "event",
    [
        "null",
        "5",
        "[]",
        '"text"',
        '{"choices": [null]}',
        '{"choices": [{"delta": "text"}]}',
        '{"choices": [{"delta": {"tool_calls": [null]}}]}',
        '{"choices": [{"delta": {"tool_calls": {"a": 1}}}]}',
        '{"usage": [1]}',
        '{"usage": {"prompt_tokens": "many"}}',
        '{"error": "overloaded"}',
        '{"error": {"message": "overloaded"}}',
        "{" * 9_000,
        "[" * 90_000,
    ],
)
async def test_an_event_that_makes_no_sense_is_a_failed_try_and_no_fault_of_ours(
    server: OpenAIServer, reader: Reader, event: str
):
    server.script(body(event, said("Never shown"), END), Reply(text="Fine."))
    assert (await ask(reader)).text == reader.text == "Fine."
    assert len(server.requests) == 2


@pytest.mark.parametrize("content", [None, 5, [], ["a"], {"type": "text", "text": "a"}])
async def test_content_that_is_no_text_is_no_text(server: OpenAIServer, reader: Reader, content: Any):
    server.script(body(said(content), said("Fine."), END))
    assert (await ask(reader)).text == reader.text == "Fine."


async def test_an_error_after_words_names_what_the_provider_said_in_few_words(
    server: OpenAIServer, reader: Reader
):
    server.script(body(said("Half an"), {"error": {"message": "quota " * 500}}))
    with pytest.raises(ModelError, match=r"broke off: .*quota quota") as caught:
        await ask(reader)
    assert caught.value.partial == "Half an"
    assert len(caught.value.detail) < 400


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4)),
        ({"prompt_tokens": 3}, (3, 0)),
        ({"prompt_tokens": None, "completion_tokens": 4}, (0, 4)),
        ({"prompt_tokens": "3", "completion_tokens": 4.0}, (3, 4)),
        ({"prompt_tokens": -5, "completion_tokens": 3}, (0, 3)),
        ({"prompt_tokens": 2**40, "completion_tokens": 1}, (wire.TOKENS_LIMIT, 1)),
    ],
)
async def test_counts_are_taken_as_far_as_they_are_given(
    server: OpenAIServer, reader: Reader, usage: dict[str, Any], tokens: tuple[int, int]
):
    server.script(body(said("Fine."), END, {"choices": [], "usage": usage}))
    assert (await ask(reader)).usage == Usage(*tokens)


async def test_counts_of_every_event_are_not_added_up(server: OpenAIServer, reader: Reader):
    """Some servers send what they have counted so far with each event."""
    events = [{**said("x"), "usage": {"prompt_tokens": 9, "completion_tokens": n}} for n in (1, 2, 3)]
    server.script(body(*events, END))
    assert (await ask(reader)).usage == Usage(9, 3)


# --- Tool calls --


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([{"index": 0, "id": "a", "function": {"name": "look", "arguments": {"q": "1"}}}], '{"q": "1"}'),
        ([{"index": 0, "id": "a", "function": {"name": "look"}}], ""),
        ([{"index": 0, "id": "a", "function": {"name": "look", "arguments": None}}], ""),
        (
            [
                {"id": "a", "function": {"name": "look", "arguments": '{"q'}},
                {"function": {"arguments": '":1}'}},
            ],
            '{"q":1}',
        ),
        (
            [
                {"index": 3, "id": "a", "function": {"name": "look", "arguments": ""}},
                {"index": 3, "id": "", "function": {"name": None, "arguments": "{}"}},
            ],
            "{}",
        ),
        ([{"index": 0, "id": "a", "function": {"name": "look"}}, {"index": 0, "function": None}], ""),
    ],
    ids=["object", "none", "null", "no index", "late index", "empty function"],
)
async def test_arguments_are_put_together_whatever_is_left_out(
    server: OpenAIServer, reader: Reader, parts: list[dict[str, Any]], wanted: str
):
    server.script(body(*(called(**part) for part in parts), END))
    assert (await ask(reader)).tool_calls == (ToolCall("a", "look", wanted),)


async def test_calls_without_any_id_or_index_are_one_call(server: OpenAIServer, reader: Reader):
    server.script(body(*(called(function={"name": "look", "arguments": part}) for part in ("{", "}")), END))
    assert (await ask(reader)).tool_calls == (ToolCall("call_0", "look", "{}"),)


@pytest.mark.parametrize("text", ["a\x00b", "\ud83d", "\ude00b"], ids=["NUL", "first half", "second half"])
async def test_what_no_database_takes_is_dropped_from_a_call(server: OpenAIServer, reader: Reader, text: str):
    function = {"name": f"look{text}", "arguments": f'{{"q": "{text}"}}'}
    server.script(body(called(index=0, id=text, function=function), END), Reply(text="Ok."))
    result = await play(Desk(), reader)
    assert result.text == "Ok."
    (call,) = server.chats[1]["messages"][-2]["tool_calls"]
    kept = (call["id"], call["function"]["name"], call["function"]["arguments"])
    assert all("\x00" not in part and part.encode() for part in kept)


async def test_halves_of_a_sign_in_two_parts_of_the_arguments_are_joined(
    server: OpenAIServer, reader: Reader
):
    parts = ('{"q": "\ud83d', '\ude00"}')
    server.script(
        body(*(called(index=0, function={"name": "look", "arguments": part}) for part in parts), END)
    )
    assert (await ask(reader)).tool_calls == (ToolCall("call_0", "look", '{"q": "😀"}'),)


@pytest.mark.parametrize("index", [[1], {"a": 1}])
async def test_an_index_that_is_none_is_a_failed_try(server: OpenAIServer, reader: Reader, index: Any):
    server.script(body(called(index=index, id="a", function={"name": "look"}), END), Reply(text="Fine."))
    assert (await ask(reader)).text == "Fine."
    assert len(server.requests) == 2


async def test_an_id_or_a_name_that_is_no_text_becomes_text(server: OpenAIServer, reader: Reader):
    server.script(body(called(index=0, id=5, function={"name": 7, "arguments": "{}"}), END))
    assert (await ask(reader)).tool_calls == (ToolCall("5", "7", "{}"),)


async def test_a_call_without_a_name_is_refused_and_the_run_goes_on(server: OpenAIServer, reader: Reader):
    server.script(body(called(index=0, id="a", function={"arguments": "{}"}), END), Reply(text="Sorry."))
    desk = Desk()
    result = await play(desk, reader)
    assert (result.text, result.steps, desk.calls) == ("Sorry.", 1, [])
    asked, told = server.chats[1]["messages"][-2:]
    assert asked["tool_calls"][0]["function"]["name"] == "unknown"
    assert told["tool_call_id"] == "a"


async def test_ids_that_a_provider_gives_twice_are_told_apart_in_the_history(
    server: OpenAIServer, reader: Reader
):
    server.script(
        Reply(tool_calls=(("look", '{"q": "0"}'), ("look", '{"q": "1"}')), call_id="same"), Reply(text="Ok.")
    )
    await play(Desk(), reader)
    asked, *told = server.chats[1]["messages"][-3:]
    assert [call["id"] for call in asked["tool_calls"]] == [one["tool_call_id"] for one in told]
    assert len({one["tool_call_id"] for one in told}) == 2
    assert ['"0"' in one["content"] for one in told] == [True, False]


@pytest.mark.parametrize("names", [["look", "stop", "look"], ["look"] * 5])
async def test_every_call_in_the_history_has_its_result(
    server: OpenAIServer, reader: Reader, names: list[str]
):
    """A provider refuses the whole request where one is missing."""
    server.script(calls(*names), calls("look"), Reply(text="Ok."))
    await play(Desk(), reader)
    history = server.chats[-1]["messages"]
    asked = [call["id"] for message in history for call in message.get("tool_calls", ())]
    assert asked == [message["tool_call_id"] for message in history if message["role"] == "tool"]


async def test_a_run_that_has_no_steps_left_calls_nothing(server: OpenAIServer, reader: Reader):
    server.script(calls("look"))
    desk = Desk()
    result = await play(desk, reader, max_steps=3, first_step=3)
    assert (result.ended_by, result.steps, desk.calls) == ("steps", 3, [])


async def test_a_run_without_time_asks_nobody(server: OpenAIServer, reader: Reader):
    result = await play(Desk(), reader, seconds=0)
    assert (result.ended_by, result.text, result.usage) == ("deadline", "", Usage())


# --- Around it --


async def test_a_model_that_answers_again_is_forgiven_its_failures(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    """Only failures in a row make it rest: one answer among them and the count begins anew."""
    for _ in range(6):
        server.script(Reply(status=500), Reply(text="Fine."))
        await ask(reader)
    assert not breaker.is_resting("custom/main")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_requests_a_provider_refuses_for_good_make_nobody_rest(
    server: OpenAIServer, status: int, config: dict[str, str]
):
    """One customer's odd message, or one wrong model name, must not shut the door for all."""
    for _ in range(6):
        server.script(Reply(status=status))
        with pytest.raises(ModelError):
            await ask(Reader())
    server.script(Reply(text="Fine."))
    assert (await ask(Reader())).text == "Fine."


@pytest.mark.parametrize("whole", [False, True], ids=["in pieces", "in one piece"])
@pytest.mark.parametrize("said", ["too long", "[1]", '{"detail": []}'])
async def test_a_request_that_cannot_be_processed_is_not_sent_again(
    server: OpenAIServer, reader: Reader, said: str, *, whole: bool
):
    server.script(*[Reply(status=422, text=said)] * 4)
    with pytest.raises(ModelError, match=re.escape(said)) as caught:
        await (door.complete(ASKED, purpose="test") if whole else ask(reader))
    assert not caught.value.temporary
    assert len(server.requests) == 1


@pytest.mark.parametrize("times", [1, 2])
async def test_an_option_that_a_provider_names_as_unknown_is_left_out_once(
    server: OpenAIServer, reader: Reader, times: int
):
    detail = [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]
    told = json.dumps({"detail": detail})
    server.script(*[Reply(status=422, text=told)] * times, Reply(text="Fine."))
    if times == 1:
        assert (await ask(reader)).text == "Fine."
    else:
        with pytest.raises(ModelError) as caught:
            await ask(reader)
        assert not caught.value.temporary
    assert "stream_options" in server.chats[0]
    assert "stream_options" not in server.chats[1]
    assert len(server.requests) == 2


async def test_a_resting_model_is_asked_where_it_is_the_one_wished_for_no_more_than_the_first(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    """Rest is counted for each model: another one behind the same key goes on answering."""
    for _ in range(5):
        breaker.note_failure("custom/main")
    with pytest.raises(ModelError, match="resting"):
        await ask(reader)
    assert (await ask(reader, model="other")).model == "custom/other"


async def test_a_named_model_falls_back_like_any_other(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    config["LLM_FALLBACK_MODEL"] = "spare"
    server.script(Reply(status=404), Reply(text="Fine."))
    assert (await ask(reader, model="mistyped")).model == "custom/spare"
    assert [chat["model"] for chat in server.chats] == ["mistyped", "spare"]


async def test_a_model_that_is_its_own_fallback_is_not_asked_a_third_time(
    server: OpenAIServer, reader: Reader, config: dict[str, str]
):
    config["LLM_FALLBACK_MODEL"] = "custom/spare"
    server.script(*[Reply(status=500)] * 6)
    with pytest.raises(ModelError):
        await ask(reader, model="spare")
    assert len(server.requests) == 2


async def test_what_cannot_be_loaded_ahead_is_told_to_who_asked_for_it(monkeypatch: pytest.MonkeyPatch):
    def broken() -> None:
        raise OSError("no such file: use.onnx")

    monkeypatch.setattr(embedding, "load", broken)
    with pytest.raises(OSError, match=r"use\.onnx"):
        await door.warm_up()


async def test_a_process_that_ends_does_not_wait_for_what_it_loads(monkeypatch: pytest.MonkeyPatch):
    began, goes_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow() -> None:
        loop.call_soon_threadsafe(began.set)
        goes_on.wait(20)

    monkeypatch.setattr(embedding, "load", slow)
    task = asyncio.create_task(door.warm_up())
    await began.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    goes_on.set()


async def test_answers_in_one_piece_and_in_pieces_are_the_same(server: OpenAIServer, reader: Reader):
    reply = Reply(text="Let me look.", tool_calls=(("look", '{"q": "ü"}'),), usage=(5, 6))
    server.script(reply, reply)
    streamed: Completion = await ask(reader)
    assert await door.complete(ASKED, purpose="test") == streamed
