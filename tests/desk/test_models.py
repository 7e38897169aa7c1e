"""The page of models: what is asked and why, and tests that ask a provider for real."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from agents.models import Agent
from core.threads import Kind, kind_for
from desk import model_views
from llm import breaker, door
from llm.models import ModelCall
from tests.fakes.openai_server import OpenAIServer, Reply, running

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/settings/models/"
CALLED = Reply(tool_calls=(("note_number", '{"number": 42}'),))
COUNTED = Reply(text="one two three")


@pytest.fixture(scope="module")
def _server() -> Iterator[OpenAIServer]:
    # Loading LiteLLM takes seconds; the deadlines of the tests are about the provider.
    asyncio.run(door.warm_up())
    with running() as server:
        yield server


@pytest.fixture
def provider(_server: OpenAIServer, settings: Any) -> Iterator[OpenAIServer]:
    _server.reset()
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_BASE_URL": _server.url,
        "LLM_API_KEY": "sk-secret-canary",
        "LLM_MODEL": "main",
        "LLM_TIMEOUT_SECONDS": "5",
        "LLM_FIRST_TOKEN_SECONDS": "0.5",
    }
    breaker.reset()
    yield _server
    breaker.reset()


@pytest.fixture
def admin(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def verdict(admin: Client, model: str = "custom/main") -> str:
    answer = admin.post(PAGE, {"model": model})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "canary" not in page
    return page


def test_only_administrators_see_and_test(client: Client, bruno: User, provider: OpenAIServer) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(bruno)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"model": "custom/main"}).status_code == 403
    assert PAGE not in client.get("/admin/settings/").content.decode()
    assert not provider.requests


def test_settings_lead_to_it_and_it_says_what_is_asked_and_why(
    admin: Client, provider: OpenAIServer, settings: Any
) -> None:
    settings.LLM |= {"LLM_FALLBACK_MODEL": "groq/spare", "GROQ_API_KEY": "gsk-canary", "GEMINI_API_KEY": "g"}
    Agent.objects.create(name="Lia", model="groq/lias")
    assert PAGE in admin.get("/admin/settings/").content.decode()
    page = admin.get(PAGE).content.decode()
    assert "<b>custom/main</b> is asked first." in page
    assert "LLM_BASE_URL decides it" in page
    assert "When it fails, <b>groq/spare</b> is asked" in page
    for text in ("agent Lia", "groq/lias", "gemini/gemini-2.5-flash", "OPENROUTER_API_KEY", "512 dimensions"):
        assert text in page
    assert "canary" not in page
    assert not provider.requests


def test_address_is_shown_without_what_may_be_secret(
    admin: Client, provider: OpenAIServer, settings: Any
) -> None:
    settings.LLM["LLM_BASE_URL"] = "https://me:canary@models.example/v1?key=canary"
    page = admin.get(PAGE).content.decode()
    assert "https://models.example/v1" in page
    assert "canary" not in page


def test_working_model_is_told_with_times_cost_and_rows_of_the_ledger(
    admin: Client, provider: OpenAIServer, ana: User
) -> None:
    provider.script(COUNTED, CALLED)
    page = verdict(admin)
    assert "It answers: first text after" in page
    assert "It calls tools" in page
    assert "Does not work" not in page
    rows = ModelCall.objects.order_by("id")
    told = [(row.purpose, row.reference, row.model, row.outcome) for row in rows]
    assert told == [("test", f"user:{ana.pk}", "custom/main", "ok")] * 2
    assert [bool(body.get("tools")) for body in provider.chats] == [False, True]
    assert provider.chats[0]["stream"] is True


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=401, text="bad key"), "LLM_API_KEY is whole"),
        (Reply(status=403), "refuses the key"),
        (Reply(status=404), "There is no such model"),
        (Reply(status=429), "Wait a minute"),
        (Reply(status=400), "does not take the request"),
        (Reply(status=500), "a fault of its own"),
        (Reply(hang=True), "No answer came in time"),
        (Reply(body="<html>Welcome to nginx</html>"), "mostly in /v1"),
        (Reply(text="one two three", malformed_after=1), "mostly in /v1"),
        (Reply(text="one two three", cut_after=1), "Does not work"),
    ],
    ids=lambda case: case if isinstance(case, str) else f"{case.status}{case.hang}{case.body[:5]}",
)
def test_failure_is_told_in_a_sentence_with_what_to_do(
    admin: Client, provider: OpenAIServer, reply: Reply, told: str
) -> None:
    provider.script(reply)
    page = verdict(admin)
    assert told in page
    # Asked once, no tool call after it, and nobody stepped in.
    assert len(provider.chats) == 1
    assert ModelCall.objects.exclude(outcome="ok").get().purpose == "test"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="42"),
        Reply(tool_calls=(("note_number", '{"number": 7}'),)),
        Reply(tool_calls=(("note_number", "{oops"),)),
    ],
)
def test_model_without_tools_is_told_though_it_answers(
    admin: Client, provider: OpenAIServer, reply: Reply
) -> None:
    provider.script(COUNTED, reply)
    page = verdict(admin)
    assert "It answers" in page
    assert "did not call the tool" in page


def test_address_that_leads_nowhere_is_told_by_its_kind(
    admin: Client, provider: OpenAIServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.LLM["LLM_BASE_URL"] = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert "Look whether the server runs" in verdict(admin)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    settings.LLM["LLM_BASE_URL"] = "http://nohost.invalid/v1"
    assert "There is no computer of that name" in verdict(admin)


def test_resting_model_is_tested_and_no_other_steps_in(
    admin: Client, provider: OpenAIServer, settings: Any
) -> None:
    """Whoever mended a key wants to know whether it works now."""
    settings.LLM["LLM_FALLBACK_MODEL"] = "other"
    for _ in range(20):
        breaker.note_failure("custom/main")
    provider.script(COUNTED, CALLED)
    assert "It answers" in verdict(admin)
    provider.script(Reply(status=500))
    assert "a fault of its own" in verdict(admin)
    assert {body["model"] for body in provider.chats} == {"main"}


def test_embedding_is_tested_in_this_process(admin: Client, provider: OpenAIServer) -> None:
    assert "a vector of 512 numbers" in verdict(admin, "embedding")
    assert not provider.requests


def test_model_that_is_not_on_the_page_is_not_asked(admin: Client, provider: OpenAIServer) -> None:
    """A form of another site, or a typed one, asks no expensive model."""
    assert admin.post(PAGE, {"model": "custom/dear"}).status_code == 404
    assert not provider.requests


def test_tests_are_paced(admin: Client, provider: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_views, "PER_MINUTE", 0)
    assert "Too many requests" in verdict(admin)
    assert not provider.requests


def test_only_a_test_waits_on_threads_of_its_own(rf: Any) -> None:
    from django.urls import resolve

    view = resolve(PAGE).func
    assert kind_for(view, rf.post(PAGE)) == Kind.WAITING
    assert kind_for(view, rf.get(PAGE)) == Kind.DATABASE
