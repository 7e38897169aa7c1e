import asyncio
import json

import pytest

from benchmarks import load
from benchmarks.client import Closed, Visitor
from conversations.models import Inbox, Message
from tests.live import LiveServer


async def test_visitor_speaks_the_protocol(quiet_server: LiveServer, inbox: Inbox) -> None:
    async with Visitor(f"ws://127.0.0.1:{quiet_server.port}/ws/chat/", inbox.key) as visitor:
        texts = ["short", "x" * 200, "y" * 9_000]
        seqs = [(await visitor.say(text))[2] for text in texts]
        assert await load.acknowledged(visitor)() > 0
        with pytest.raises(Closed, match="invalid"):
            await visitor.say("")
    assert seqs == [1, 2, 3]
    stored = Message.objects.order_by("seq").values_list("text", flat=True)
    assert [text async for text in stored] == [*texts, load.TEXT]


async def test_refused_handshake_is_told(quiet_server: LiveServer, inbox: Inbox) -> None:
    with pytest.raises(Closed):
        async with Visitor(f"ws://127.0.0.1:{quiet_server.port}/ws/nowhere/", inbox.key):
            pass


async def test_closed_loop_calls_each_client_so_often() -> None:
    calls = [0, 0]

    def client(number: int) -> load.Call:
        async def call() -> float:
            calls[number] += 1
            await asyncio.sleep(0)
            return float(number)

        return call

    taken, elapsed = await load.closed_loop([client(0), client(1)], each=5)
    assert (calls, sorted(taken)) == ([5, 5], [0.0] * 5 + [1.0] * 5)
    assert elapsed > 0


def row(conversation: str, seq: int) -> bytes:
    return json.dumps(
        {"type": "row", "row": {"id": conversation, "seq": seq}}, separators=(",", ":")
    ).encode()


def test_screen_shows_a_message_with_the_first_row_that_is_as_far() -> None:
    screens = load.Screens()
    screens.frames = [
        [(row("a", 1), 0.9), (row("a", 2), 1.5), (b'{"type":"counts"}', 1.6), (row("a", 4), 4.0)],
        [(row("a", 3), 3.5), (row("b", 9), 3.6)],
    ]
    sent = {("a", 2): 1.0, ("a", 3): 2.0, ("a", 4): 3.0}
    delays, missing = screens.delays(sent)
    assert sorted(delays) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert missing == 1
