"""The widget in Chromium on the running product: what a visitor does and sees."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from agents.models import Agent
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from integrations.web.models import VisitorToken
from knowledge.actions.articles import index_articles, store
from knowledge.models import Article
from tests.browser import MARKS
from tests.fakes.site import Site
from tests.integrations.web.conftest import (
    NO_SOCKETS,
    PHONE,
    SOCKETS,
    WIDE,
    Operator,
    Shop,
    Shopper,
    shoppers,
)
from tests.live import LiveServer

pytestmark = MARKS


def test_a_question_is_answered_with_its_source(chromium: Browser, server: LiveServer, inbox: Inbox) -> None:
    Agent.objects.create(name="Lia").inboxes.add(inbox)
    article = Article(
        title="How long does delivery take?",
        body="Delivery takes 2 to 5 business days in the Southeast.",
        language="en",
        status="published",
    )
    # Not by its action: that brings a job for the worker of this server.
    store(article)
    index_articles(article_ids=[article.pk])
    with shoppers(chromium, server) as make:
        widget = make().visit().open()
        widget.say("How long does delivery take?")
        expect(widget.theirs.last).to_contain_text("2 to 5 business days", timeout=30_000)
        source = widget.page.locator(".sources a")
        expect(source).to_have_text("1How long does delivery take?")
        expect(source).to_have_attribute("target", "_blank")
        expect(source).to_have_attribute("rel", "noopener")
        expect(widget.page.locator(".agent .ai").last).to_have_text("AI")
        expect(widget.page.locator(".stop")).to_be_hidden()


def test_a_visit_alone_costs_the_page_and_the_server_nothing(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper()
    visitor.page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) =>"
        " list.getEntries().forEach((entry) => { shift += entry.value; }))"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    visitor.visit()
    assert visitor.page.evaluate("[shift, sockets.length, Object.keys(localStorage).length]") == [0, 0, 0]
    assert not VisitorToken.objects.exists()


def test_the_panel_opens_within_the_click(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper().visit()
    width, height, focused = visitor.page.evaluate(
        """() => {
            const { shadowRoot } = document.querySelector("helpdesk-chat");
            shadowRoot.querySelector(".launcher").click();
            const { width, height } = shadowRoot.querySelector(".panel").getBoundingClientRect();
            return [width, height, shadowRoot.activeElement.localName];
        }"""
    )
    assert (width, height, focused) == (380, 600, "textarea")


def test_a_visitor_without_network_may_still_open_and_write(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper(script=NO_SOCKETS)
    visitor.page.route("**/api/v1/widget/*/hello", lambda route: route.abort())
    visitor.visit().open()
    expect(visitor.page.locator(".stop")).to_be_hidden()
    visitor.say("Can you hear me")
    expect(visitor.page.locator(".contact [title='Sending']")).to_have_count(1)
    visitor.page.unroute("**/api/v1/widget/*/hello")
    visitor.page.evaluate("window.dispatchEvent(new Event('online'))")
    visitor.sent()
    assert Message.objects.get().text == "Can you hear me"


def test_both_sides_write_and_read(widget: Shopper, operator: Operator) -> None:
    widget.say("Where is my parcel")
    widget.sent()
    operator.reply("It is **on its way**")
    expect(widget.theirs).to_have_text(["It is on its way"])
    expect(widget.theirs.locator("strong")).to_have_text("on its way")
    expect(widget.page.locator(".operator .by").first).to_have_text("Bruno")
    expect(widget.page.locator(".operator .ai")).to_have_count(0)
    expect(widget.page.locator(".who")).to_have_text("Bruno")
    expect(widget.page.locator("[role=log]")).to_have_text("Bruno. It is **on its way**")
    widget.say("Thank you")
    widget.sent()
    assert [row.text for row in Message.objects.order_by("seq")][::2] == ["Where is my parcel", "Thank you"]


def test_a_reload_shows_the_conversation_again(widget: Shopper, operator: Operator) -> None:
    widget.say("Where is my parcel")
    widget.sent()
    operator.reply("On its way")
    expect(widget.theirs).to_have_text(["On its way"])
    widget.reload()
    widget.open()
    expect(widget.mine).to_have_text(["Where is my parcel"])
    expect(widget.theirs).to_have_text(["On its way"])
    assert Contact.objects.count() == 1


def test_an_answer_is_counted_while_the_panel_is_closed(widget: Shopper, operator: Operator) -> None:
    widget.say("Where is my parcel")
    widget.sent()
    widget.page.keyboard.press("Escape")
    launcher, badge = widget.page.locator(".launcher"), widget.page.locator(".badge")
    expect(launcher).to_be_focused()
    expect(launcher).to_have_attribute("aria-expanded", "false")
    operator.reply("On its way")
    expect(badge).to_have_text("1")
    expect(launcher).to_have_attribute("aria-label", "Open chat (1 unread)")
    widget.reload()
    expect(badge).to_have_text("1")
    widget.open()
    expect(badge).to_have_text("")
    widget.page.wait_for_function("() => told.some(({ type }) => type === 'read')")
    widget.reload()
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat')?.panel?.chat.messages.size")
    expect(badge).to_have_text("")


def test_what_was_written_offline_is_sent_after_a_reload_and_once(widget: Shopper) -> None:
    widget.say("Before")
    widget.sent()
    widget.page.evaluate(f"() => {{ {NO_SOCKETS} }}")
    widget.page.route("**/api/v1/widget/*/hello", lambda route: route.abort())
    widget.page.evaluate("sockets.at(-1).close()")
    widget.say("Written offline")
    expect(widget.page.locator(".contact [title='Sending']")).to_have_count(1)
    expect(widget.note).to_contain_text("No connection", timeout=10_000)
    assert Message.objects.count() == 1
    widget.page.unroute("**/api/v1/widget/*/hello")
    widget.reload()
    widget.open()
    widget.sent()
    expect(widget.mine).to_have_text(["Before", "Written offline"])
    assert Message.objects.count() == 2


def test_a_lost_ack_leaves_no_double(widget: Shopper) -> None:
    widget.say("Once")
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.messages.size")
    # As if the page had been closed between the commit and the ack.
    widget.page.evaluate(
        """() => {
            const { chat } = document.querySelector("helpdesk-chat").panel;
            const [message] = chat.messages.values();
            chat.save({ outbox: [{ ...message, seq: undefined, state: "pending" }] });
        }"""
    )
    widget.reload()
    widget.open()
    widget.sent()
    expect(widget.mine).to_have_text(["Once"])
    assert widget.page.evaluate("document.querySelector('helpdesk-chat').panel.chat.outbox") == []
    assert Message.objects.count() == 1


def test_a_lost_connection_is_resumed_without_gap_or_double(widget: Shopper, operator: Operator) -> None:
    widget.say("One")
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.seq")
    widget.page.evaluate("sockets.at(-1).close()")
    operator.reply("Two")
    operator.reply("Three")
    expect(widget.theirs).to_have_text(["Two", "Three"])
    hello = widget.page.evaluate("told.filter(({ type }) => type === 'hello')")[-1]
    assert hello["since"] >= 1
    assert hello["token"]
    assert "token" not in widget.page.evaluate("sockets.at(-1).url")


def test_a_refused_message_can_be_tried_again_under_the_same_name(widget: Shopper) -> None:
    widget.say("x" * 10_001)
    expect(widget.page.locator(".failed")).to_contain_text("Not sent")
    expect(widget.note).to_contain_text("too long")
    widget.page.locator(".retry").click()
    expect(widget.page.locator(".failed")).to_have_count(1)
    names = widget.page.evaluate("told.filter(({ type }) => type === 'send').map((frame) => frame.client_id)")
    assert len(names) == 2
    assert len(set(names)) == 1
    assert not Message.objects.exists()


def test_without_websockets_the_chat_goes_over_http(shopper: Shop, inbox: Inbox, operator: Operator) -> None:
    visitor = shopper(script=NO_SOCKETS)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.visit().open()
    visitor.say("Over HTTP")
    visitor.sent()
    operator.reply("Heard")
    expect(visitor.theirs).to_have_text(["Heard"])
    assert visitor.page.evaluate("refused") == 2
    token = visitor.page.evaluate("JSON.parse(Object.values(localStorage)[0]).token")
    assert any("/events" in url for url in asked)
    assert not any(token in url for url in asked)


def test_a_socket_that_stays_mute_counts_as_blocked(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper(script="window.WebSocket = class { constructor() {} close() {} };")
    # The four seconds of patience pass at once.
    visitor.page.clock.install()
    visitor.visit().open()
    visitor.say("Over HTTP")
    visitor.page.clock.run_for(5_000)
    visitor.sent()
    assert Message.objects.get().text == "Over HTTP"


@pytest.mark.parametrize(
    ("lang", "words"),
    [("pt-BR", "Falar com uma pessoa"), ("es", "Hablar con una persona"), ("en", "Talk to a person")],
)
def test_a_person_is_one_click_away_in_each_language(
    shopper: Shop, inbox: Inbox, lang: str, words: str
) -> None:
    visitor = shopper().visit(f"/?lang={lang}").open()
    visitor.page.get_by_role("button", name=words).click()
    expect(visitor.mine).to_have_text([words])
    visitor.page.wait_for_function("() => told.some(({ type }) => type === 'send')")
    sent = {"en": "Sent", "es": "Enviado", "pt-BR": "Enviada"}[lang]
    expect(visitor.page.locator(".contact [role=img]")).to_have_attribute("title", sent)
    assert Message.objects.get(author_kind="contact").text == words
    assert Contact.objects.get().locale.lower().startswith(lang[:2].lower())


def test_files_travel_with_a_message(widget: Shopper) -> None:
    picker = widget.page.locator("input[type=file]")
    expect(widget.text).to_be_focused()
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.state.token")
    picker.set_input_files({"name": "receipt.txt", "mimeType": "text/plain", "buffer": b"12.50"})
    link = widget.page.locator(".contact .file")
    expect(link).to_have_text("receipt.txt")
    widget.sent()
    assert Message.objects.get().attachments.get().size == 5
    assert widget.page.request.get(link.get_attribute("href") or "").body() == b"12.50"


def test_a_file_of_a_wrong_kind_is_refused_before_it_travels(widget: Shopper) -> None:
    widget.page.locator("input[type=file]").set_input_files(
        {"name": "run.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    )
    expect(widget.note).to_have_text("Only images and documents up to 10 MB can be sent.")
    expect(widget.page.locator(".file")).to_have_count(0)


def test_typing_is_told_at_most_each_three_seconds(widget: Shopper) -> None:
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.state.token")
    widget.text.press_sequentially("Hello")
    widget.text.fill("")
    widget.page.wait_for_function("() => told.some(({ on }) => on === false)")
    frames = widget.page.evaluate("told.filter(({ type }) => type === 'typing').map(({ on }) => on)")
    assert frames == [True, False]


def test_what_a_visitor_writes_is_only_shown(widget: Shopper) -> None:
    widget.say("<img src=x onerror=\"document.title='owned'\"> **x**")
    widget.sent()
    widget.reload()
    widget.open()
    expect(widget.mine).to_have_text(["<img src=x onerror=\"document.title='owned'\"> **x**"])
    expect(widget.mine.locator("*")).to_have_count(0)
    assert "owned" not in widget.page.title()


def test_a_second_tab_is_the_same_visitor(widget: Shopper, operator: Operator) -> None:
    widget.say("One")
    widget.sent()
    tab = Shopper(widget.page.context.new_page(), widget.url).visit().open()
    expect(tab.mine).to_have_text(["One"])
    tab.say("Two")
    expect(widget.mine).to_have_text(["One", "Two"])
    assert Conversation.objects.count() == 1


def test_a_forbidden_storage_only_forgets(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper(
        script=SOCKETS
        + "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } });"
    )
    visitor.visit().open()
    visitor.say("Hello")
    visitor.sent()
    visitor.reload()
    visitor.open()
    expect(visitor.mine).to_have_count(0)


def test_an_unknown_inbox_shows_nothing(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper()
    visitor.page.route("**/?lang=en", lambda route: _with_other_key(route, inbox.key))
    with visitor.page.expect_console_message(lambda told: told.text.startswith("helpdesk:")):
        visitor.page.goto(f"{visitor.url}/?lang=en")
    expect(visitor.page.locator(".launcher")).to_have_count(0)


def _with_other_key(route: Any, key: str) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(key, "nobody"))


# --- other people's sites -----------------------------------------------------------------------------------


Embed = Callable[..., str]


@pytest.fixture
def embed(inbox: Inbox, quiet_server: LiveServer) -> Iterator[Embed]:
    """Puts the snippet on a site of another origin and returns the page's address.

    The site's policy lets in our scripts and requests and nothing else.
    """
    site = Site()

    def page(**data: str) -> str:
        attributes = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
        source = f"{quiet_server.url}/static/widget/widget.js"
        body = (
            f'<!doctype html><html lang="en"><title>Host</title><main><h1>Host</h1></main>'
            f'<script src="{source}" data-inbox="{inbox.key}"{attributes} async></script></html>'
        )
        allowed = f"{quiet_server.url} {quiet_server.url.replace('http', 'ws')}"
        policy = f"default-src 'none'; script-src {quiet_server.url}; connect-src {allowed}"
        site.answers["/"] = partial(_answer, body.encode(), policy)
        site.answers["/favicon.ico"] = partial(_answer, b"", policy)
        return f"{site.url}/"

    yield page
    site.shutdown()
    site.server_close()


def _answer(body: bytes, policy: str, request: Any) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.send_header("Content-Security-Policy", policy)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.mark.parametrize("script", [SOCKETS, NO_SOCKETS], ids=["websocket", "http"])
def test_one_tag_is_enough_under_a_strict_policy(
    shopper: Shop, embed: Embed, operator: Operator, script: str
) -> None:
    visitor = shopper(script=script)
    visitor.visit(embed(position="left")).open()
    box = visitor.page.locator(".panel").bounding_box()
    assert box
    assert box["x"] == 20
    visitor.say("From afar")
    visitor.sent()
    operator.reply("Welcome")
    expect(visitor.theirs).to_have_text(["Welcome"])


@pytest.mark.parametrize(
    ("locale", "label"),
    [("pt_PT", "Abrir o chat"), ("es-MX", "Abrir el chat"), ("fr", "Open chat"), ("EN-us", "Open chat")],
)
def test_the_tag_may_name_its_language(shopper: Shop, embed: Embed, locale: str, label: str) -> None:
    visitor = shopper().visit(embed(locale=locale))
    expect(visitor.page.get_by_role("button", name=label)).to_be_visible()


def test_a_signed_identity_reaches_the_contact_and_parts_two_customers(
    shopper: Shop, embed: Embed, inbox: Inbox
) -> None:
    def signed(who: str) -> dict[str, str]:
        digest = hmac.new(inbox.secret.encode(), who.encode(), hashlib.sha256).hexdigest()
        return {"external_id": who, "name": who.title(), "hash": digest}

    visitor = shopper()
    visitor.visit(embed(**signed("eva"))).open()
    visitor.say("I am Eva")
    visitor.sent()
    assert ContactIdentity.objects.get().external_id == "user:eva"
    assert Contact.objects.get().name == "Eva"
    visitor.visit(embed(**signed("ivo"))).open()
    expect(visitor.text).to_be_visible()
    visitor.say("I am Ivo")
    visitor.sent()
    expect(visitor.mine).to_have_text(["I am Ivo"])
    assert set(ContactIdentity.objects.values_list("external_id", flat=True)) == {"user:eva", "user:ivo"}
    # Logged out, at the same browser: a stranger.
    visitor.visit(embed()).open()
    visitor.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.state.token")
    expect(visitor.mine).to_have_count(0)


# --- pages of our own ---------------------------------------------------------------------------------------


def test_the_full_page_is_the_same_chat(shopper: Shop, inbox: Inbox, operator: Operator) -> None:
    visitor = shopper().visit(f"/chat/{inbox.key}/?lang=en")
    visitor.say("Hello")
    visitor.sent()
    operator.reply("Hello to you")
    expect(visitor.theirs).to_have_text(["Hello to you"])
    expect(visitor.page.locator(".launcher, .close")).to_have_count(0)
    assert visitor.page.locator("main").bounding_box() == {"x": 280, "y": 0, "width": 720, "height": 800}
    assert visitor.page.title() == "Aurora"


def test_a_question_of_the_shop_waits_in_the_composer(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper().visit()
    visitor.page.get_by_role("button", name="How do I return a product?").click()
    expect(visitor.text).to_have_value("How do I return a product?")
    expect(visitor.page.locator(".send")).to_be_enabled()


def test_the_basket_counts(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper().visit()
    visitor.page.get_by_role("button", name="Add Duna cushion").click()
    visitor.page.get_by_role("button", name="Add Brisa throw").click()
    expect(visitor.page.locator("[data-basket]")).to_have_text("2")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing(shopper: Shop, inbox: Inbox, operator: Operator, size: dict[str, int]) -> None:
    visitor = shopper(size).visit()
    expect(visitor.page.locator(".launcher")).to_be_visible()
    assert violations(visitor) == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    visitor.open()
    visitor.say("Where is my parcel")
    visitor.sent()
    operator.reply("On its way. See [the help](https://example.com/help)\n\n- one\n- two")
    expect(visitor.theirs).to_have_count(1)
    message = {
        "id": "m", "seq": 99, "author": {"kind": "agent", "name": "Lia"},
        "text": "Is that all?", "html": "<p>Is that all?</p>", "created_at": "2026-01-01T12:00:00Z",
        "choices": [{"label": "Yes", "value": "Yes"}, {"label": "No", "value": "No"}],
        "citations": [{"title": "Delivery", "url": "/help/"}],
    }  # fmt: skip
    visitor.tell({"type": "event", "seq": 99, "event": "message.created", "message": message})
    visitor.tell({"type": "delta", "run": "r", "offset": 0, "text": "Still **writing**"})
    visitor.say("x" * 10_001)
    expect(visitor.page.locator(".failed")).to_be_visible()
    expect(visitor.page.locator(".stop")).to_be_visible()
    assert violations(visitor) == []
    visitor.visit(f"/chat/{inbox.key}/?lang=en")
    expect(visitor.mine).to_have_count(2)
    assert violations(visitor) == []


def violations(visitor: Shopper) -> list[str]:
    """What axe finds in the light and in the dark."""
    found = []
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        found += visitor.violations()
    return found


def test_on_a_phone_the_panel_covers_the_page_and_holds_the_focus(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper(PHONE, has_touch=True).visit().open()
    assert visitor.page.locator(".panel").bounding_box() == {"x": 0, "y": 0, **PHONE}
    expect(visitor.text).not_to_be_focused()
    for _ in range(12):
        visitor.page.keyboard.press("Tab")
        # Between two rounds the browser's own bar has the focus, never the page below.
        assert visitor.page.evaluate("document.activeElement.localName") in {"helpdesk-chat", "body"}
    visitor.page.locator(".close").click()
    expect(visitor.page.locator(".launcher")).to_be_focused()
