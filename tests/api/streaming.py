"""Programs that read an event stream, as the specification has it."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

STREAM = {"Accept": "text/event-stream"}


class Told(NamedTuple):
    """One event: its name, its data, and the id that the reader has seen last."""

    name: str
    data: dict[str, Any]
    last_id: str


async def told(response: httpx.Response) -> AsyncIterator[Told]:
    """The events of a stream; comments are no events."""
    name, last_id, data = "", "", list[str]()
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            last_id = line[4:]
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data.append(line[6:])
        elif not line and data:
            yield Told(name, json.loads("\n".join(data)), last_id)
            name, data = "", []


@asynccontextmanager
async def stream(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> AsyncIterator[Any]:
    """Opens a stream and gives its events."""
    more["headers"] = {**STREAM, **more.pop("headers", {})}
    async with client.stream(method, path, **more) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield told(response)


async def until(events: AsyncIterator[Told], *names: str) -> list[Told]:
    """Reads up to and with the first event of one of these names."""
    got: list[Told] = []
    async for event in events:
        got.append(event)
        if event.name in names:
            break
    return got


def numbers(events: Iterable[Told]) -> list[int]:
    """The numbers of what happened, in the order in which it was told."""
    return [event.data["seq"] for event in events if event.name == "event"]
