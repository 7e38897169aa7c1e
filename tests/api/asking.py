"""Programs that ask questions of the running product."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async

from accounts.actions import create_api_key
from agents.models import Agent
from conversations.models import Inbox
from core.actor import Actor
from llm import breaker
from tests.live import LiveServer

in_db = sync_to_async
NEEDS_PERSON = "quero falar com um atendente"


@pytest.fixture
def lia(inbox: Inbox, settings: Any) -> Agent:
    """The built-in answerer in the inbox."""
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_TIMEOUT_SECONDS": "30",
        "LLM_FIRST_TOKEN_SECONDS": "20",
    }
    # The first answer loads the models; two cores may be shared by many.
    settings.CHAT_WAIT_SECONDS = 90
    breaker.reset()
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(inbox)
    return agent


def new_key(*scopes: str, **more: Any) -> str:
    rights = {"scopes": scopes or ("write",), "all_teams": "teams" not in more, **more}
    return create_api_key(name="Shop", by=Actor.system(), **rights)[1]


class Away:
    """A cache that nobody reaches."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError(name)


def at(server: LiveServer, key: str = "", **more: Any) -> httpx.AsyncClient:
    """A program at the server, with its key."""
    more_headers = more.pop("headers", {})
    headers = {**({"X-API-Key": key} if key else {}), **more_headers}
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=100, **more)


async def become(count: Callable[[], Awaitable[int]], wanted: int) -> None:
    """Waits until so many are there."""
    for _ in range(900):
        if await count() >= wanted:
            break
        await asyncio.sleep(0.1)
    assert await count() == wanted
