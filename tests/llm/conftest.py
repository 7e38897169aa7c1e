"""A scripted provider, and a door that asks it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from llm import attempt, breaker, door, local, tools
from llm.types import ChatMessage, Completion
from tests.fakes.openai_server import OpenAIServer, running

ASKED: list[ChatMessage] = [{"role": "user", "content": "Where is my order?"}]


@pytest.fixture(scope="session")
def _server() -> Iterator[OpenAIServer]:
    with running() as server:
        yield server


@pytest.fixture
def server(_server: OpenAIServer) -> OpenAIServer:
    """The fake provider with an empty script."""
    _server.reset()
    return _server


@pytest.fixture
def config(settings: Any, server: OpenAIServer) -> dict[str, str]:
    """The settings of a door that asks the fake provider for the model `main`; change them in place."""
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_BASE_URL": server.url,
        "LLM_API_KEY": "sk-secret",
        "LLM_MODEL": "main",
        "LLM_TIMEOUT_SECONDS": "20",
        "LLM_FIRST_TOKEN_SECONDS": "10",
    }
    chosen: dict[str, str] = settings.LLM
    return chosen


@pytest.fixture(autouse=True)
async def _clean_door(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nothing learnt about providers stays, connections are closed, and a second try comes at once."""
    monkeypatch.setattr(door, "RETRY_PAUSE", (0.0, 0.0))
    breaker.reset()
    yield
    breaker.reset()
    await door.close()


@pytest.fixture
def no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door without its ledger, which needs a database that a test of the door can do without."""

    async def nothing(**_row: Any) -> None:
        return

    monkeypatch.setattr(attempt, "record_call", nothing)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools and local models registered by a test are forgotten after it."""
    monkeypatch.setattr(tools, "_registry", {})
    monkeypatch.setattr(local, "_models", {})


class Reader:
    """Somebody who watches an answer appear."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def __call__(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@pytest.fixture
def reader() -> Reader:
    return Reader()


async def ask(reader: Reader, **options: Any) -> Completion:
    """Asks the configured model."""
    return await door.stream(ASKED, purpose="test", on_text=reader, **options)
