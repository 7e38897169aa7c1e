"""Campaigns on a site in Chromium: a small word beside the launcher, once, and the conversation it begins."""

import hashlib
import hmac
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from campaigns import actions
from campaigns.actions import Wording
from campaigns.models import Campaign, Recipient
from conversations.actions import Sender, receive
from conversations.enums import Status
from conversations.models import Contact, Conversation, Inbox, Message
from core.actor import Actor
from tests.browser import MARKS
from tests.fakes.site import Site
from tests.integrations.web.conftest import NO_SOCKETS, PHONE, SOCKETS, WIDE, Operator, Shop, Shopper
from tests.live import LiveServer

pytestmark = MARKS
TEXT = "Need **help** choosing? [Sizes](https://example.com/sizes)\n\nWe are here."
PLAIN = "Need help choosing? Sizes\nWe are here."
Bubble = Callable[..., Campaign]
# Longer than it takes a bubble to come that may come.
A_WHILE = 2_500


@pytest.fixture
def bubble(inbox: Inbox) -> Bubble:
    """Makes a campaign that runs on the shop's site, at once on every page unless told otherwise."""

    def make(text: str = TEXT, **fields: Any) -> Campaign:
        by = Actor.system()
        given = {"inbox": inbox, "name": "Sizes", "kind": "onsite", "seconds": 0, **fields}
        campaign = actions.create_campaign(by=by, wordings=[Wording(text)], **given)
        actions.approve(campaign=campaign, by=by)
        return actions.start(campaign=campaign, by=by)

    return make


def shown(visitor: Shopper) -> Locator:
    return visitor.page.locator(".invitation")


def said(visitor: Shopper) -> Locator:
    return visitor.page.locator(".said span")


def go(visitor: Shopper, path: str) -> None:
    """Changes the address as single-page sites do."""
    visitor.page.evaluate("path => history.pushState({}, '', path)", path)


def is_quiet(visitor: Shopper) -> bool:
    visitor.page.wait_for_timeout(A_WHILE)
    return shown(visitor).count() == 0


# --- what is seen -------------------------------------------------------------------------------------------


def test_it_appears_after_its_time_and_takes_neither_focus_nor_place(shopper: Shop, bubble: Bubble) -> None:
    bubble(seconds=2)
    visitor = shopper().visit()
    visitor.page.evaluate("scrollTo(0, 200); document.querySelector('.top a').focus({ preventScroll: true })")
    visitor.page.wait_for_timeout(700)
    assert not Recipient.objects.exists()
    expect(said(visitor)).to_have_text(PLAIN)
    expect(visitor.page.locator(".said b")).to_have_text("Aurora")
    heard = visitor.page.locator(".invitation [role=status]")
    expect(heard).to_have_text(f"Aurora. {PLAIN}")
    assert visitor.page.evaluate("[scrollY, document.activeElement.className]") == [200, "logo"]
    assert not Contact.objects.exists()


def test_a_click_opens_the_chat_with_it_and_a_reply_lands_there(
    shopper: Shop, bubble: Bubble, operator: Operator
) -> None:
    campaign = bubble()
    visitor = shopper().visit()
    visitor.page.locator(".said").click()
    expect(shown(visitor)).to_have_count(0)
    expect(visitor.theirs).to_have_text([re.compile("Need help choosing")])
    expect(visitor.theirs.locator("a")).to_have_attribute("href", "https://example.com/sizes")
    visitor.say("Is M right for me?")
    visitor.sent()
    expect(visitor.page.locator(".message .bubble")).to_have_count(3)
    # It is the company's word: nobody has taken charge, a person is one click away.
    expect(visitor.page.locator(".person")).to_be_visible()
    texts = list(Message.objects.order_by("seq").values_list("text", flat=True))
    assert texts == [TEXT, "Is M right for me?"]
    row = Recipient.objects.get()
    assert row.message is not None
    assert row.message.details["campaign"]["id"] == str(campaign.pk)
    assert row.replied_at is not None
    operator.reply("Yes")
    expect(visitor.theirs.last).to_have_text("Yes")
    visitor.reload()
    visitor.open()
    expect(visitor.page.locator(".message .bubble")).to_have_count(4)


def test_who_closes_it_has_seen_it_for_good(shopper: Shop, bubble: Bubble) -> None:
    bubble()
    visitor = shopper().visit()
    visitor.page.get_by_role("button", name="Dismiss").click()
    expect(shown(visitor)).to_have_count(0)
    expect(visitor.page.locator(".launcher")).to_be_focused()
    visitor.reload()
    assert is_quiet(visitor)
    # Nor does the server forget, where the browser has.
    visitor.page.evaluate(
        """() => {
            const { chat } = document.querySelector("helpdesk-chat").panel;
            chat.save({ shown: undefined });
        }"""
    )
    visitor.reload()
    assert is_quiet(visitor)
    assert Recipient.objects.count() == 1
    assert not Message.objects.exists()


def test_the_keyboard_reaches_it_and_escape_sends_it_away(shopper: Shop, bubble: Bubble) -> None:
    bubble()
    visitor = shopper().visit()
    visitor.page.locator(".said").focus()
    visitor.page.keyboard.press("Escape")
    expect(shown(visitor)).to_have_count(0)
    expect(visitor.page.locator(".launcher")).to_be_focused()


def test_nothing_is_loaded_where_nothing_is_to_be_shown(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.visit()
    visitor.page.wait_for_timeout(500)
    assert any(url.endswith("view.js") for url in asked)
    assert not any("invitations" in url or "hello" in url for url in asked)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_stands_above_the_launcher_and_leaves_the_page_free(
    shopper: Shop, bubble: Bubble, inbox: Inbox, size: dict[str, int]
) -> None:
    bubble("A very long word of welcome. " * 40)
    visitor = shopper(size).visit()
    expect(shown(visitor)).to_be_visible()
    box = visitor.page.locator(".invitation").bounding_box()
    launcher = visitor.page.locator(".launcher").bounding_box()
    assert box
    assert launcher
    assert box["y"] + box["height"] < launcher["y"]
    assert box["x"] >= 20
    assert box["x"] + box["width"] == size["width"] - 20
    assert box["width"] * box["height"] < size["width"] * size["height"] * 0.16
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert visitor.violations() == []


# --- when it is shown ---------------------------------------------------------------------------------------


def test_it_is_for_its_page_and_time_there_begins_with_the_address(shopper: Shop, bubble: Bubble) -> None:
    bubble(url_pattern="*/cart*", seconds=2)
    visitor = shopper().visit()
    assert is_quiet(visitor)
    go(visitor, "/cart/1")
    visitor.page.wait_for_timeout(1_200)
    go(visitor, "/cart/2")
    visitor.page.wait_for_timeout(1_200)
    expect(shown(visitor)).to_have_count(0)
    go(visitor, "/cart/2#below")
    expect(shown(visitor)).to_be_visible()
    # It goes with its page, and not before.
    go(visitor, "/cart/3")
    assert not is_quiet(visitor)
    go(visitor, "/shop")
    expect(shown(visitor)).to_have_count(0)


def test_a_page_shows_one_and_the_next_page_the_other(shopper: Shop, bubble: Bubble) -> None:
    bubble("One")
    bubble("Two")
    visitor = shopper().visit()
    expect(said(visitor)).to_have_text("One")
    visitor.page.get_by_role("button", name="Dismiss").click()
    assert is_quiet(visitor)
    go(visitor, "/?lang=en&page=2")
    expect(said(visitor)).to_have_text("Two")


def test_who_has_the_chat_open_is_shown_nothing(shopper: Shop, bubble: Bubble) -> None:
    bubble(seconds=1)
    visitor = shopper().visit().open()
    for page in (2, 3):
        assert is_quiet(visitor)
        go(visitor, f"/?lang=en&page={page}")
    assert is_quiet(visitor)
    visitor.page.locator(".close").click()
    assert is_quiet(visitor)
    assert not Recipient.objects.exists()
    go(visitor, "/?lang=en&page=4")
    expect(shown(visitor)).to_be_visible()
    visitor.page.locator(".launcher").click()
    expect(shown(visitor)).to_have_count(0)


def test_who_is_in_conversation_with_us_is_shown_nothing(shopper: Shop, bubble: Bubble, inbox: Inbox) -> None:
    visitor = shopper().visit().open()
    visitor.say("Where is my parcel")
    visitor.sent()
    bubble()
    # The config that this browser has knows of nothing for a minute.
    visitor.page.route("**/config", _fresh)
    visitor.reload()
    assert is_quiet(visitor)
    assert not Recipient.objects.exists()
    Conversation.objects.update(status=Status.RESOLVED, resolved_at="2026-01-01T00:00:00Z")
    visitor.reload()
    expect(shown(visitor)).to_be_visible()
    visitor.page.locator(".said").click()
    expect(visitor.page.locator(".message .bubble").last).to_contain_text("Need help")
    assert Conversation.objects.count() == 1


def _fresh(route: Route) -> None:
    route.fulfill(response=route.fetch(headers={**route.request.headers, "cache-control": "no-cache"}))


def test_newcomers_and_those_who_come_again_are_told_apart(shopper: Shop, bubble: Bubble) -> None:
    bubble("Welcome", visitors="new")
    bubble("Welcome back", visitors="returning", url_pattern="*?*page=2*")
    visitor = shopper().visit()
    expect(said(visitor)).to_have_text("Welcome")
    visitor.visit("/?lang=en&page=2")
    assert is_quiet(visitor)
    # An hour later.
    visitor.page.evaluate(
        """() => {
            const { chat } = document.querySelector("helpdesk-chat").panel;
            chat.save({ seen: Date.now() - 3_600_000 });
        }"""
    )
    visitor.reload()
    expect(said(visitor)).to_have_text("Welcome back")
    assert Recipient.objects.count() == 2


def test_a_page_that_nobody_looks_at_shows_nothing(shopper: Shop, bubble: Bubble) -> None:
    bubble()
    hidden = "Object.defineProperty(document, 'hidden', { get: () => window.away !== false });"
    visitor = shopper(script=SOCKETS + hidden).visit()
    assert is_quiet(visitor)
    visitor.page.evaluate("window.away = false")
    expect(shown(visitor)).to_be_visible()


@pytest.mark.parametrize("verb", [actions.pause, actions.cancel])
def test_a_campaign_that_was_stopped_shows_nothing_on_pages_that_know_it(
    shopper: Shop, bubble: Bubble, verb: Any
) -> None:
    campaign = bubble(seconds=2)
    visitor = shopper().visit()
    verb(campaign=campaign, by=Actor.system())
    with visitor.page.expect_response("**/messages") as answer:
        pass
    assert answer.value.status == 404
    assert is_quiet(visitor)
    assert not Recipient.objects.exists()


def test_where_storage_is_forbidden_nothing_is_shown(shopper: Shop, bubble: Bubble) -> None:
    bubble()
    forbidden = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } });"
    assert is_quiet(shopper(script=SOCKETS + forbidden).visit())


# --- what may go wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [SOCKETS, NO_SOCKETS], ids=["websocket", "http"])
def test_a_click_whose_answer_is_lost_is_stored_once(shopper: Shop, bubble: Bubble, script: str) -> None:
    bubble()
    visitor = shopper(script=script).visit()
    expect(shown(visitor)).to_be_visible()
    lost: list[int] = []

    def lose(route: Route) -> None:
        if "accept" not in (route.request.post_data or "") or lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    visitor.page.route("**/messages", lose)
    visitor.page.locator(".said").dblclick()
    if script is SOCKETS:
        visitor.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.seq")
        visitor.page.evaluate("sockets.at(-1).close()")
    visitor.say("Yes please")
    visitor.sent()
    if script is NO_SOCKETS:
        assert lost == [200]
    expect(visitor.page.locator(".message .bubble")).to_have_count(3)
    assert [row.text for row in Message.objects.order_by("seq")] == [TEXT, "Yes please"]
    assert (Contact.objects.count(), Conversation.objects.count()) == (1, 1)


def test_what_is_called_off_before_the_click_leaves_the_chat_empty(shopper: Shop, bubble: Bubble) -> None:
    campaign = bubble()
    visitor = shopper().visit()
    expect(shown(visitor)).to_be_visible()
    actions.cancel(campaign=campaign, by=Actor.system())
    visitor.page.locator(".said").click()
    expect(visitor.text).to_be_visible()
    expect(visitor.theirs).to_have_count(0)
    visitor.say("Hello")
    visitor.sent()
    assert Message.objects.get().text == "Hello"


def test_a_reload_before_it_is_stored_loses_nothing(shopper: Shop, bubble: Bubble) -> None:
    bubble()
    visitor = shopper().visit()
    expect(shown(visitor)).to_be_visible()
    visitor.page.evaluate(f"() => {{ {NO_SOCKETS} }}")
    visitor.page.route("**/hello", lambda route: route.abort())
    visitor.page.locator(".said").click()
    expect(visitor.theirs).to_contain_text("Need help")
    assert not Message.objects.exists()
    visitor.page.unroute("**/hello")
    visitor.reload()
    visitor.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.messages.size")
    assert Message.objects.get().text == TEXT


# --- other people's sites -----------------------------------------------------------------------------------


@pytest.fixture
def foreign(inbox: Inbox, quiet_server: LiveServer) -> Iterator[Site]:
    """A site of another origin whose policy lets in our scripts and requests and nothing else."""
    site = Site()
    source = f"{quiet_server.url}/static/widget/widget.js"
    body = (
        f'<!doctype html><html lang="en"><title>Host</title><main><h1>Host</h1></main>'
        f'<script src="{source}" data-inbox="{inbox.key}" data-position="left" async></script></html>'
    )
    allowed = f"{quiet_server.url} {quiet_server.url.replace('http', 'ws')}"
    policy = f"default-src 'none'; script-src {quiet_server.url}; connect-src {allowed}"
    for path in ("/", "/favicon.ico"):
        site.answers[path] = partial(_answer, body.encode() if path == "/" else b"", policy)
    yield site
    site.shutdown()
    site.server_close()


def _answer(body: bytes, policy: str, request: Any) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "text/html; charset=utf-8")
    request.send_header("Content-Security-Policy", policy)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def test_it_works_on_an_allowed_site_under_a_strict_policy(
    shopper: Shop, bubble: Bubble, inbox: Inbox, foreign: Site
) -> None:
    Inbox.objects.filter(pk=inbox.pk).update(allowed_origins=[foreign.url])
    bubble(url_pattern=f"{foreign.url}/")
    visitor = shopper().visit(f"{foreign.url}/?from=mail#top")
    expect(said(visitor)).to_have_text(PLAIN)
    box = shown(visitor).bounding_box()
    assert box
    assert box["x"] == 20
    visitor.page.locator(".said").click()
    expect(visitor.theirs).to_contain_text("Need help")
    visitor.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.messages.size")
    assert Message.objects.count() == 1


# --- the rule of pages --------------------------------------------------------------------------------------

MATCHES = """cases => import("/static/widget/invitations.js")
    .then(({ matches }) => cases.map(([pattern, address]) => matches(pattern, address)))"""
SHOP = "https://shop.example"


RULES = [
    ("", f"{SHOP}/any?a=1#b", True),
    ("*", f"{SHOP}/", True),
    (f"{SHOP}/cart", f"{SHOP}/cart", True),
    (f"{SHOP}/cart", f"{SHOP}/cart/", True),
    (f"{SHOP}/cart/", f"{SHOP}/cart", False),
    (f"{SHOP}/cart", f"{SHOP}/cart/1", False),
    (f"{SHOP}/cart", f"{SHOP}/Cart", False),
    (f"{SHOP}/cart*", f"{SHOP}/cart/1", True),
    (f"{SHOP}/cart*", f"{SHOP}/ca", False),
    (SHOP, f"{SHOP}/", True),
    (f"{SHOP}/*/new", f"{SHOP}/a/b/new", True),
    (f"{SHOP}/*/new", f"{SHOP}/new", False),
    ("https://*.example/", f"{SHOP}/", True),
    ("*/cart", f"{SHOP}/cart", True),
    ("*/cart", "https://shop.example.evil/cart", True),
    (f"{SHOP}/cart", f"{SHOP}/cart?a=1#top", True),
    (f"{SHOP}/*", f"{SHOP}/cart#top", True),
    (f"{SHOP}/cart#top", f"{SHOP}/cart#top", False),
    (f"{SHOP}/cart?a=1", f"{SHOP}/cart?a=1#top", True),
    (f"{SHOP}/cart?a=1", f"{SHOP}/cart", False),
    (f"{SHOP}/*?*sale*", f"{SHOP}/cart?x=1&sale=2", True),
    (f"{SHOP}/*?*sale*", f"{SHOP}/sale", False),
    (f"{SHOP}/a.b", f"{SHOP}/axb", False),
    (f"{SHOP}/a*a", f"{SHOP}/a", False),
    (f"{SHOP}/a*ba*b", f"{SHOP}/abab", True),
    (f"{SHOP}/a(*", f"{SHOP}/a(b)", True),
]


def test_a_pattern_fits_its_addresses(rules: Shopper) -> None:
    found = rules.page.evaluate(MATCHES, [case[:2] for case in RULES])
    assert list(zip(found, RULES, strict=True)) == [(case[2], case) for case in RULES]


@pytest.fixture
def rules(shopper: Shop, inbox: Inbox) -> Shopper:
    """A page that can load the widget's files."""
    return shopper().visit()


def test_patterns_agree_with_their_plain_meaning(rules: Shopper) -> None:
    """Two thousand mixtures, each judged by a regular expression as well."""
    dice = random.Random(4)
    cases = []
    for _number in range(2_000):
        pattern = "".join(dice.choices("ab/.***", k=dice.randint(1, 7)))
        cases.append((pattern, "".join(dice.choices("ab/.", k=dice.randint(0, 7)))))
    expected = []
    for pattern, address in cases:
        rule = re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
        shorter = address.removesuffix("/")
        expected.append(bool(rule.fullmatch(address) or rule.fullmatch(shorter)))
    assert 300 < sum(expected) < 1_700
    assert rules.page.evaluate(MATCHES, cases) == expected


def test_no_pattern_keeps_the_page_busy(rules: Shopper) -> None:
    hard = ["a*" * 140 + "b", "a" * 5_000]
    before, after = "const begun = performance.now()", "performance.now() - begun"
    timed = f"async hard => {{ {before}; await ({MATCHES})([hard]); return {after}; }}"
    took = rules.page.evaluate(timed, hard)
    assert took < 500


def test_a_customer_whom_the_site_vouches_for_is_asked_as_themselves(
    shopper: Shop, bubble: Bubble, inbox: Inbox
) -> None:
    digest = hmac.new(inbox.secret.encode(), b"eva", hashlib.sha256).hexdigest()
    bubble()
    receive(inbox=inbox, sender=Sender("user:eva", name="Eva"), text="Oi")
    claim = f"window.helpdeskIdentity = {{ external_id: 'eva', hash: '{digest}' }};"
    assert is_quiet(shopper(script=SOCKETS + claim).visit())
    Conversation.objects.update(status=Status.RESOLVED, resolved_at="2026-01-01T00:00:00Z")
    visitor = shopper(script=SOCKETS + claim).visit()
    expect(shown(visitor)).to_be_visible()
    assert Recipient.objects.get().visitor == "user:eva"
