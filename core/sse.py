"""Server-sent events: the response, and what goes over it."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from django.http import StreamingHttpResponse

# Says nothing; keeps proxies from closing, and finds out that the reader has gone.
HEARTBEAT = ":\n\n"


def event_stream(pieces: AsyncIterator[str]) -> StreamingHttpResponse:
    """A response of server-sent events that no proxy holds back. It holds no thread while it waits."""
    response = StreamingHttpResponse(pieces, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def json_event(data: Any, *, name: str = "", number: int | None = None) -> str:
    """Data as one event. A reader that comes back repeats the last `number` it has seen."""
    head = f"id: {number}\n" if number is not None else ""
    named = f"event: {name}\n" if name else ""
    return f"{head}{named}data: {json.dumps(data, ensure_ascii=False)}\n\n"


def text_event(text: str) -> str:
    """Text as one event; a line break in it becomes a second data line."""
    lines = "\n".join(f"data: {line}" for line in re.split(r"\r\n|\r|\n", text))
    return f"{lines}\n\n"
