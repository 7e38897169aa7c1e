"""Static files over ASGI, where a browser may go away at any moment."""

import asyncio
import gc
from pathlib import Path
from typing import Any

from helpdesk.asgi import application

PATH = "/static/core/img/mark.svg"
FILE = Path("static/core/img/mark.svg").resolve()


async def ask(path: str, *, leaves_after: float | None = None, part: str = "") -> list[dict[str, Any]]:
    """Asks as a server does for a browser, which may leave after so many seconds; returns what was sent."""
    asked = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b""}
        await asyncio.sleep(60 if leaves_after is None else leaves_after)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"range", part.encode())],
    }  # fmt: skip
    await application(scope, receive, send)
    return sent


def open_files() -> int:
    """How often this process has the file open."""
    return sum(link.resolve() == FILE for link in Path("/proc/self/fd").iterdir())


async def test_a_file_comes_whole_with_its_kind() -> None:
    start, *bodies = await ask(PATH)
    headers = dict(start["headers"])
    assert start["status"] == 200
    assert b"".join(message.get("body", b"") for message in bodies) == FILE.read_bytes()
    assert headers[b"Content-Type"].startswith(b"image/svg+xml")


async def test_a_part_of_a_file() -> None:
    start, *bodies = await ask(PATH, part="bytes=0-9")
    assert start["status"] == 206
    assert b"".join(message.get("body", b"") for message in bodies) == FILE.read_bytes()[:10]


async def test_no_file_stays_open_for_a_browser_that_went_away() -> None:
    gc.collect()
    gc.disable()
    try:
        for turn in range(200):
            await ask(PATH, leaves_after=turn * 0.00005)
        assert open_files() == 0
    finally:
        gc.enable()
