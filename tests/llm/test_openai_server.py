"""The fake is believed by many tests, so it is tried without LiteLLM."""

import json
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest

from tests.fakes.openai_server import OpenAIServer, Reply, replies_from


def frames(server: OpenAIServer, **body: object) -> list[str]:
    with httpx.stream("POST", f"{server.url}/chat/completions", json={"stream": True, **body}) as response:
        return [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]


def test_stream_begins_with_the_role_and_ends_with_done(server: OpenAIServer):
    server.script(Reply(text="one two"))
    role, one, two, end, done = frames(server, model="m")
    assert json.loads(role)["choices"][0]["delta"]["role"] == "assistant"
    assert [json.loads(word)["choices"][0]["delta"]["content"] for word in (one, two)] == ["one ", "two"]
    assert json.loads(end)["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


def test_stream_counts_tokens_only_when_asked(server: OpenAIServer):
    server.script(Reply(text="one", usage=(5, 1)), Reply(text="one", usage=(5, 1)))
    usage = json.loads(frames(server, stream_options={"include_usage": True})[-2])["usage"]
    assert usage == {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    assert not any("usage" in frame for frame in frames(server))


def test_slow_and_fast_replies_are_the_same_stream(server: OpenAIServer):
    fast = Reply(text="one two", tool_calls=(("x", '{"a": 1}'),))
    server.script(fast, replace(fast, delay=0.001))
    assert frames(server) == frames(server)


def test_cut_stream_is_an_error_of_the_protocol(server: OpenAIServer):
    server.script(Reply(text="one two", cut_after=1))
    with pytest.raises(httpx.RemoteProtocolError):
        frames(server)


def test_errors_carry_their_header(server: OpenAIServer):
    server.script(Reply(status=429, retry_after="7"))
    answer = httpx.post(f"{server.url}/chat/completions", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_other_paths_answer(server: OpenAIServer):
    assert httpx.get(f"{server.url}/models").json()["data"][0]["id"] == "fake"
    vectors = httpx.post(f"{server.url}/embeddings", json={"input": ["a", "bb"]}).json()["data"]
    assert [vector["embedding"][0] for vector in vectors] == [1.0, 2.0]
    assert httpx.get(f"{server.url}/nothing").status_code == 404


def test_script_is_read_from_json():
    assert replies_from('[{"text": "x", "tool_calls": [["a", "{}"]]}]') == [
        Reply(text="x", tool_calls=(("a", "{}"),))
    ]
    with pytest.raises(SystemExit, match="Unknown in a reply: txet"):
        replies_from('[{"txet": "x"}]')


def test_command_serves_a_script_over_and_over():
    command = [
        sys.executable,
        "-m",
        "tests.fakes.openai_server",
        "--script",
        '[{"text": "a"}, {"text": "b"}]',
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        answers = [httpx.post(f"{url}/chat/completions", json={}).json() for _ in range(3)]
        process.terminate()
    assert [answer["choices"][0]["message"]["content"] for answer in answers] == ["a", "b", "a"]
