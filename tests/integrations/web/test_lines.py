"""How many sockets and streams one address may hold open."""

import asyncio
from typing import Any

import httpx
import pytest
import websockets

from conversations.models import Inbox
from core import lines
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


def opened(server: LiveServer, address: str, path: str = "/ws/chat/") -> websockets.connect:
    """A socket of somebody at that address, as the proxy on this machine tells it."""
    url = f"ws://127.0.0.1:{server.port}{path}"
    return websockets.connect(url, additional_headers={"X-Forwarded-For": address})


async def held(wanted: dict[str, int]) -> None:
    """Waits until so many lines are held by each address."""
    async with asyncio.timeout(10):
        while lines._places._taken != wanted:  # noqa: ASYNC110 (no event tells it)
            await asyncio.sleep(0.02)


async def test_address_holds_so_many_lines_and_no_more(
    quiet_server: LiveServer, inbox: Inbox, settings: Any
) -> None:
    settings.LINES_PER_ADDRESS = 2
    async with opened(quiet_server, "1.1.1.1"), opened(quiet_server, "1.1.1.1", "/ws/chat?userId=ana"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await opened(quiet_server, "1.1.1.1")
        assert refused.value.response.status_code == 403
        async with opened(quiet_server, "8.8.8.8"), httpx.AsyncClient() as client:
            events = f"{quiet_server.url}/api/v1/widget/{inbox.key}/events"
            answer = await client.get(events, headers={"X-Forwarded-For": "1.1.1.1"})
            assert (answer.status_code, answer.json()["retry_after"]) == (429, 60)
            question = f"{quiet_server.url}/chat/stream?message=Hi"
            assert (await client.get(question, headers={"X-Forwarded-For": "1.1.1.1"})).status_code == 429
    await held({})
    async with opened(quiet_server, "1.1.1.1"):
        pass


async def test_proxy_that_does_not_say_for_whom_it_asks_is_not_counted(
    quiet_server: LiveServer, inbox: Inbox, settings: Any
) -> None:
    settings.LINES_PER_ADDRESS = 1
    for address in ("127.0.0.1", "172.18.0.5", "10.0.0.1"):
        async with opened(quiet_server, address), opened(quiet_server, address):
            pass


async def test_addresses_that_are_one_customers_are_counted_as_one(
    quiet_server: LiveServer, inbox: Inbox, settings: Any
) -> None:
    settings.LINES_PER_ADDRESS = 1
    for one, other in (("2600:1::1", "2600:1::ffff:2"), ("1.1.1.1", "::ffff:1.1.1.1")):
        async with opened(quiet_server, one):
            with pytest.raises(websockets.InvalidStatus):
                await opened(quiet_server, other)
    async with opened(quiet_server, "2600:2::1"), opened(quiet_server, "2600:2:0:1::1"):
        pass


async def test_question_holds_its_line_until_it_is_answered(
    quiet_server: LiveServer, inbox: Inbox, settings: Any
) -> None:
    settings.LINES_PER_ADDRESS = 1
    headers = {"X-Forwarded-For": "1.1.1.1"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        question = f"{quiet_server.url}/chat/stream?message=Hi"
        async with client.stream("GET", question) as waiting:
            assert waiting.status_code == 200
            await held({"1.1.1.1": 1})
            assert (await client.get(question)).status_code == 429
    await held({})
