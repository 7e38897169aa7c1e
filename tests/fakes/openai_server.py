"""A scripted server that speaks OpenAI's protocol, and misbehaves on demand.

In a test: `with running() as server: server.script(Reply(text="Hi"), Reply(status=429)); … server.requests`.
For a benchmark or by hand: `python -m tests.fakes.openai_server --port 23456 --tokens 200 --delay 0.01`, or
`--script replies.json` with a list of objects whose names are the fields of `Reply`.

Each request to /v1/chat/completions takes the next reply of the script; when none is left, `default`, which
may be a function of the request. A reply without delays is written in one piece, prepared once: as near to a
model of zero latency as a socket allows.
"""

import argparse
import asyncio
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

STARTING_SECONDS = 10
EMBEDDING_SIZE = 8


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    `text` is streamed word by word, or `tokens` as they are. `tool_calls` are pairs of name and arguments
    (JSON text), streamed in pieces of `piece` characters, all of them interleaved; unless `indexed`, one
    after the other and without their index, as some servers do. Seconds: `wait` before the first byte,
    `delay` before each token, `linger` between the last event and the end of the body. After that many
    tokens: `stall_after` sends no more and keeps the connection open, `cut_after` drops it, `end_after` ends
    the body properly but without a finish reason, `malformed_after` sends a frame that is not JSON,
    `error_after` an error object inside the stream.
    """

    text: str = ""
    tokens: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    tool_calls: tuple[tuple[str, str], ...] = ()
    piece: int = 7
    repeat_name: bool = False
    indexed: bool = True
    call_id: str = "call_{}"
    status: int = 200
    retry_after: str = ""
    wait: float = 0.0
    delay: float = 0.0
    linger: float = 0.0
    hang: bool = False
    stall_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None
    malformed_after: int | None = None
    error_after: int | None = None
    keepalives: int = 0
    usage: tuple[int, int] | None = (11, 7)
    finish: str = ""
    body: str = ""

    def words(self) -> tuple[str, ...]:
        """The tokens of the text."""
        return self.tokens or tuple(re.findall(r"\S+\s*|\s+", self.text))

    def finish_reason(self) -> str:
        """Why the model stops."""
        return self.finish or ("tool_calls" if self.tool_calls else "stop")


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    port: int = 0  # of the client: the same for requests over one connection


Answer = Reply | Callable[[Request], Reply]


class OpenAIServer:
    """The server in a thread of its own, so that it answers whatever the test's event loop does."""

    def __init__(self, default: Answer = Reply(text="Hello from the fake model."), port: int = 0) -> None:
        self.default = default
        self.port = port
        self.requests: list[Request] = []
        self._script: deque[Answer] = deque()
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="openai-fake", daemon=True)

    @property
    def url(self) -> str:
        """The base URL, as `LLM_BASE_URL` wants it."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat completions asked for, in order."""
        return [request.body for request in self.requests if request.path.endswith("/chat/completions")]

    def script(self, *replies: Answer) -> None:
        """Appends replies for the requests to come."""
        self._script.extend(replies)

    def reset(self) -> None:
        """Forgets script and requests."""
        self._script.clear()
        self.requests.clear()

    def start(self) -> Self:
        """Listens; returns when connections are accepted."""
        self._thread.start()
        if not self._ready.wait(STARTING_SECONDS):
            message = "The fake model server did not start"
            raise RuntimeError(message)
        return self

    def close(self) -> None:
        """Drops every connection and ends the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STARTING_SECONDS)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", self.port))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._connections:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)  # a loop holds its tasks weakly
        try:
            while request := await _read(reader, writer.get_extra_info("peername")[1]):
                self.requests.append(request)
                if not await self._respond(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if request.path.endswith("/models"):
            writer.write(_json({"object": "list", "data": [{"id": "fake", "object": "model"}]}))
        elif request.path.endswith("/embeddings"):
            writer.write(_json(_embeddings(request.body)))
        elif not request.path.endswith("/chat/completions"):
            writer.write(_json({"error": {"message": "no such path"}}, status=404))
        else:
            answer = self._script.popleft() if self._script else self.default
            reply = answer(request) if callable(answer) else answer
            return await _play(reply, request.body, reader, writer)
        await writer.drain()
        return True


@contextmanager
def running(default: Answer | None = None) -> Iterator[OpenAIServer]:
    """Runs a server for the length of a block."""
    server = (OpenAIServer(default) if default else OpenAIServer()).start()
    try:
        yield server
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader, port: int) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ", 2)
    return Request(method, path, headers, json.loads(raw) if raw else {}, port)


async def _play(
    reply: Reply, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Does what the reply says; returns whether the connection stays open."""
    if reply.wait:
        await asyncio.sleep(reply.wait)
    if reply.hang:
        return await _gone(reader)
    if reply.status != 200:
        extra = f"Retry-After: {reply.retry_after}\r\n" if reply.retry_after else ""
        said = reply.text or f"scripted {reply.status}"
        message = {"error": {"message": said, "type": "scripted", "code": None}}
        writer.write(_json(message, status=reply.status, extra=extra))
    elif reply.body:
        writer.write(_response(reply.body.encode(), 200))
    elif not body.get("stream"):
        writer.write(_json(_whole(reply, str(body.get("model")))))
    else:
        return await _stream(reply, body, reader, writer)
    await writer.drain()
    return True


async def _gone(reader: asyncio.StreamReader) -> bool:
    """Says nothing more until the client gives up."""
    await reader.read()
    return False


async def _stream(
    reply: Reply, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    frames = _frames(reply, str(body.get("model")), wants_usage)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    limits = (reply.stall_after, reply.cut_after, reply.end_after, reply.malformed_after, reply.error_after)
    if (
        not reply.delay
        and not reply.linger
        and not reply.keepalives
        and all(limit is None for limit in limits)
    ):
        writer.write(head + _at_once(frames))
        await writer.drain()
        return True
    writer.write(head)
    for _ in range(reply.keepalives):
        if writer.transport.is_closing():
            return False
        writer.write(_chunk(b": keep-alive\n\n"))
        await asyncio.sleep(reply.delay)
    for sent, frame in enumerate(frames):
        # The first frame only carries the role: what follows it is token number one.
        if (over := await _misbehave(reply, sent - 1, reader, writer)) is not None:
            return over
        if writer.transport.is_closing():
            return False
        await asyncio.sleep(reply.delay if sent else 0)
        writer.write(_chunk(frame))
        await writer.drain()
    await asyncio.sleep(reply.linger)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _is_plain(reply: Reply) -> bool:
    """Whether the whole stream can be written at once."""
    failures = (reply.stall_after, reply.cut_after, reply.end_after, reply.malformed_after, reply.error_after)
    return not (reply.delay or reply.linger or reply.keepalives) and failures == (None,) * len(failures)


async def _misbehave(
    reply: Reply, sent: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool | None:
    """Goes wrong as scripted once that many tokens are out; None means nothing happened."""
    if sent == reply.stall_after:
        return await _gone(reader)
    if sent == reply.cut_after:
        await writer.drain()
        return False
    if sent == reply.end_after:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
    if sent == reply.malformed_after:
        writer.write(_chunk(b'data: {"choices":[{"delta":{"content":"hal\n\n'))
    if sent == reply.error_after:
        writer.write(_chunk(b'data: {"error":{"message":"scripted failure","code":500}}\n\n'))
    return None


@lru_cache(maxsize=32)
def _frames(reply: Reply, model: str, wants_usage: bool) -> tuple[bytes, ...]:  # noqa: FBT001 (private)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": thought} for thought in reply.reasoning]
    deltas += [{"content": word} for word in reply.words()]
    deltas += _call_deltas(reply)
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason()}]})
    if wants_usage and reply.usage:
        chunks.append({"choices": [], "usage": _usage(reply.usage)})
    base: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
    }
    lines = [_dumped({**base, **chunk}) for chunk in chunks]
    return (*(b"data: " + line + b"\n\n" for line in lines), b"data: [DONE]\n\n")


def _dumped(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a sign can only be written as an escape
        return json.dumps(value).encode()


@lru_cache(maxsize=32)
def _at_once(frames: Sequence[bytes]) -> bytes:
    return b"".join(map(_chunk, frames)) + b"0\r\n\r\n"


def _call_deltas(reply: Reply) -> list[dict[str, Any]]:
    """Tool calls in pieces: names first, then the arguments of all calls in turn."""
    opened, pieces = [], []
    for index, (name, arguments) in enumerate(reply.tool_calls):
        function = {"name": name, "arguments": ""}
        opened.append({"id": reply.call_id.format(index), "type": "function", "function": function})
        repeated = {"name": name} if reply.repeat_name else {}
        cut = [arguments[at : at + reply.piece] for at in range(0, len(arguments), reply.piece)]
        pieces.append([{"function": {"arguments": part, **repeated}} for part in cut])
    if not reply.indexed:
        return [
            {"tool_calls": [part]}
            for call, parts in zip(opened, pieces, strict=True)
            for part in (call, *parts)
        ]
    rounds = [opened, *zip_longest(*pieces)]
    return [
        {"tool_calls": [{"index": index, **part}]}
        for parts in rounds
        for index, part in enumerate(parts)
        if part is not None
    ]


def _whole(reply: Reply, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(reply.words())}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": reply.call_id.format(index),
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for index, (name, arguments) in enumerate(reply.tool_calls)
        ]
    whole: dict[str, Any] = {"id": "chatcmpl-fake", "object": "chat.completion", "created": 1, "model": model}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": reply.finish_reason()}]
    return whole | ({"usage": _usage(reply.usage)} if reply.usage else {})


def _usage(usage: tuple[int, int]) -> dict[str, int]:
    prompt, completion = usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts or []
    data = [
        {"object": "embedding", "index": index, "embedding": [float(len(str(text)))] * EMBEDDING_SIZE}
        for index, text in enumerate(texts)
    ]
    return {"object": "list", "model": body.get("model"), "data": data, "usage": _usage((len(texts), 0))}


def _json(value: dict[str, Any], *, status: int = 200, extra: str = "") -> bytes:
    return _response(json.dumps(value).encode(), status, extra)


def _response(body: bytes, status: int, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def replies_from(text: str) -> list[Reply]:
    """Reads a script: JSON, or the path of a file that holds it."""
    raw = text if text.lstrip().startswith("[") else Path(text).read_text(encoding="utf-8")
    return [_reply(item) for item in json.loads(raw)]


def _reply(item: dict[str, Any]) -> Reply:
    def as_tuple(value: Any) -> Any:
        return tuple(map(as_tuple, value)) if isinstance(value, list) else value

    known = {one.name for one in fields(Reply)}
    if unknown := set(item) - known:
        message = f"Unknown in a reply: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}"
        raise SystemExit(message)
    return Reply(**{name: as_tuple(value) for name, value in item.items()})


def main(arguments: Sequence[str]) -> None:
    """Serves until interrupted; the script starts again when it is through."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", help="a JSON list of replies, or the path of one")
    parser.add_argument("--tokens", type=int, default=20, help="without a script: words in each answer")
    parser.add_argument("--delay", type=float, default=0.0, help="without a script: seconds before each word")
    options = parser.parse_args(arguments)
    plain = Reply(tokens=tuple(f"word{number} " for number in range(options.tokens)), delay=options.delay)
    replies = replies_from(options.script) if options.script else [plain]
    turn = iter(range(sys.maxsize))
    server = OpenAIServer(lambda _request: replies[next(turn) % len(replies)], options.port).start()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
