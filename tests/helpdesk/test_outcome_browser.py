"""The product's promise in two browser windows: a customer in the shop, an operator at the desk.

`HELPDESK_SCREENSHOTS=docs/img make test ARGS=tests/helpdesk/test_outcome_browser.py` takes the pictures of
the documentation from exactly this.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from conversations.models import Conversation
from helpdesk import demo
from tests.browser import MARKS, chromium
from tests.integrations.web.conftest import PHONE, Shopper, shoppers
from tests.live import LiveServer
from tickets.models import Ticket

__all__ = ["chromium"]
pytestmark = MARKS
PICTURES = os.environ.get("HELPDESK_SCREENSHOTS", "")
DESK = {"width": 1280, "height": 800}


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


@pytest.fixture
def shop(transactional_db: None) -> Iterator[LiveServer]:
    """The product with its demonstration, as after `make run`."""
    demo.load()
    with LiveServer(worker=True) as server:
        yield server


@pytest.fixture
def desk(chromium: Browser, shop: LiveServer) -> Iterator[Page]:
    """Bruno's browser, signed in."""
    client = Client()
    client.force_login(
        User.objects.get(username="bruno"), backend="django.contrib.auth.backends.ModelBackend"
    )
    context = chromium.new_context(viewport=DESK, reduced_motion="reduce")  # type: ignore[arg-type]
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": shop.url}])
    page = context.new_page()
    page.goto(f"{shop.url}/admin/inbox/")
    yield page
    context.close()


def test_from_the_first_question_to_the_last_word(chromium: Browser, shop: LiveServer, desk: Page) -> None:
    picture(desk, "desk-inbox")
    with shoppers(chromium, shop) as make:
        customer = make().visit("/?lang=pt-BR").open()
        picture(customer.page, "widget-open")
        ask_what_an_article_answers(customer, desk)
        ask_what_none_answers(customer)
        person_takes_over(customer, desk)
        person_resolves(customer, desk)


def ask_what_an_article_answers(customer: Shopper, desk: Page) -> None:
    customer.say("qual o prazo de entrega?")
    expect(customer.page.locator(".sources a").first).to_contain_text("prazo de entrega", timeout=30_000)
    customer.page.locator(".sources a").first.scroll_into_view_if_needed()
    picture(customer.page, "widget-answer")
    # The operator sees it without touching anything.
    desk.locator("[data-queue=bot], [data-queue=agent]").first.click()
    row = desk.locator(".row", has_text=re.compile("Visitor|Visitante"))
    expect(row).to_be_visible()
    row.click()
    expect(desk.locator("[data-items]")).to_contain_text("qual o prazo de entrega?")
    picture(desk, "desk-agent")


def ask_what_none_answers(customer: Shopper) -> None:
    customer.say("vocês têm vagas de emprego?")
    customer.page.get_by_role("button", name="Abrir um chamado").click(timeout=30_000)
    expect(customer.theirs.last).to_contain_text(re.compile(r"Abri o chamado #\d+"), timeout=30_000)
    picture(customer.page, "widget-ticket")
    assert Ticket.objects.filter(subject__contains="vagas de emprego").count() == 1


def person_takes_over(customer: Shopper, desk: Page) -> None:
    expect(desk.locator("[data-items]")).to_contain_text("Abri o chamado")
    desk.get_by_role("button", name="Take over", exact=True).first.click()
    desk.locator("[data-composer-text]").fill("Olá, aqui é o Bruno. Vou ver isso para você.")
    desk.keyboard.press("Control+Enter")
    expect(customer.theirs.last).to_contain_text("aqui é o Bruno")
    expect(customer.page.locator(".who")).to_contain_text("Bruno")
    customer.say("Obrigado, Bruno")
    expect(desk.locator("[data-items]")).to_contain_text("Obrigado, Bruno")
    picture(desk, "desk-thread")
    picture(customer.page, "widget-person")


def person_resolves(customer: Shopper, desk: Page) -> None:
    desk.get_by_role("button", name="Resolve", exact=True).click()
    expect(desk.locator("[data-thread-status]")).to_have_text("Resolved")
    conversation = Conversation.objects.get(contact__identities__external_id__startswith="visitor:")
    assert conversation.status == "resolved"
    assert not conversation.messages.filter(author_kind="agent", text__contains="Obrigado").exists()
    agents = conversation.messages.filter(author_kind="agent").order_by("-seq")
    people = conversation.messages.filter(author_kind="operator").order_by("seq")
    assert agents[0].seq < people[0].seq


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shop_and_chat_on_a_phone(chromium: Browser, shop: LiveServer, scheme: str) -> None:
    with shoppers(chromium, shop) as make:
        customer = make(PHONE, color_scheme=scheme).visit("/?lang=en")
        picture(customer.page, f"shop-phone-{scheme}")
        customer.open()
        customer.say("How long does delivery take?")
        expect(customer.page.locator(".sources a").first).to_be_visible(timeout=30_000)
        picture(customer.page, f"widget-phone-{scheme}")
