"""An agent in Davi's inbox, with a scripted provider behind the real door."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agents.models import Agent
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox
from llm import breaker, door
from tests.fakes.openai_server import OpenAIServer, Reply, running


@pytest.fixture(scope="session")
def _provider() -> Iterator[OpenAIServer]:
    # Loading LiteLLM takes seconds; the deadlines of the tests are about the provider.
    asyncio.run(door.warm_up())
    with running() as server:
        yield server


@pytest.fixture
async def provider(
    _provider: OpenAIServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenAIServer]:
    """A provider with an empty script, asked through LiteLLM over HTTP."""
    _provider.reset()
    _provider.default = Reply(text="Hello from the fake model.")
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_BASE_URL": _provider.url,
        "LLM_API_KEY": "sk-secret",
        "LLM_MODEL": "main",
        "LLM_TIMEOUT_SECONDS": "5",
        "LLM_FIRST_TOKEN_SECONDS": "2",
    }
    monkeypatch.setattr(door, "RETRY_PAUSE", (0.0, 0.0))
    breaker.reset()
    yield _provider
    breaker.reset()
    await door.close()


@pytest.fixture
def agent(inbox: Inbox) -> Agent:
    """Lia, who answers in the inbox."""
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(inbox)
    return agent


@pytest.fixture
def asked(agent: Agent, inbox: Inbox) -> Conversation:
    """A conversation with one question for the agent."""
    return say(inbox, "Where is my order?")


def say(inbox: Inbox, text: str, who: str = "eva") -> Conversation:
    """A customer writes."""
    return receive(inbox=inbox, sender=Sender(who, name=who.title(), locale="en"), text=text).conversation


async def says(inbox: Inbox, text: str, who: str = "eva") -> Conversation:
    """The same from an async test."""
    return await sync_to_async(say)(inbox, text, who)
