"""A suggestion is asked for with a key, accepted, and sent by the operator alone."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client
from playwright.sync_api import expect

from agents.models import Suggestion
from conversations.models import Conversation, Message
from llm import door
from tests.browser import MARKS
from tests.desk.seats import PHONE, WIDE, Sit
from tests.desk.test_copilot import provider as provider  # noqa: PLC0414 (a fixture)
from tests.fakes.openai_server import OpenAIServer, Reply, running

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]
DRAFT = "Qual é o número do seu pedido?"


@pytest.fixture(scope="module")
def _provider() -> Iterator[OpenAIServer]:
    # Loading LiteLLM takes seconds. The browser's own event loop runs in this thread.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, door.warm_up()).result()
    with running() as server:
        yield server


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_accepted_suggestion_is_sent_only_by_the_operator(
    sit: Sit, provider: OpenAIServer, as_bruno: Client, conversation: Conversation, size: tuple[int, int]
) -> None:
    provider.script(Reply(text=DRAFT))
    seat = sit(as_bruno, size).inbox("?queue=all").open("Davi")
    seat.page.keyboard.press("s")
    draft = seat.page.locator("[data-copilot-draft]")
    expect(draft).to_contain_text(DRAFT, timeout=20_000)
    draft.get_by_role("button", name="Accept").click()
    expect(seat.page.locator("[data-composer-text]")).to_have_value(DRAFT)
    assert Message.objects.count() == 1
    seat.page.get_by_role("button", name="Send", exact=True).click()
    expect(seat.page.locator(".message.from-operator:not(.pending)")).to_contain_text(DRAFT)
    assert Message.objects.count() == 2
    assert Suggestion.objects.get().status == "accepted"


def test_tone_is_changed_and_undone_and_a_message_translated(
    sit: Sit, provider: OpenAIServer, as_bruno: Client, conversation: Conversation
) -> None:
    provider.script(Reply(text="Claro, já vou ver."), Reply(text="Where is my order?"))
    seat = sit(as_bruno).inbox("?queue=all").open("Davi")
    seat.page.keyboard.press("d")
    seat.write("Vou ver.")
    field = seat.page.locator("[data-composer-text]")
    seat.page.get_by_role("button", name="Friendlier").click()
    expect(field).to_have_value("Claro, já vou ver.", timeout=20_000)
    seat.page.locator("[data-copilot-undo]").click()
    expect(field).to_have_value("Vou ver.")
    seat.page.locator(".message.from-contact").get_by_role("button", name="Translate").click()
    expect(seat.page.locator(".translation")).to_have_text(re.compile("Where is my order?"), timeout=20_000)
    expect(seat.page.locator(".message.from-contact")).to_contain_text("Onde está meu pedido?")
