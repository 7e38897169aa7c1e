"""In which order an operator's messages reach the server, whatever comes between, in Chromium."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Locator, Route, expect

from conversations.models import Attachment, Conversation, Inbox, Message
from tests.browser import MARKS
from tests.desk.conftest import said
from tests.desk.seats import Seat, Sit

pytestmark = MARKS

SENDING = re.compile(r"/(reply|note)/$")
WAITING = "Waiting; it will be sent by itself."


@pytest.fixture
def other(inbox: Inbox) -> Conversation:
    """Eva's conversation, beside Davi's."""
    return said(inbox, "eva")


@pytest.fixture
def bruno(sit: Sit, as_bruno: Client, conversation: Conversation, other: Conversation) -> Seat:
    """Bruno in front of Davi's conversation."""
    return sit(as_bruno).inbox(f"{conversation.pk}/")


def send(seat: Seat, *texts: str) -> None:
    for text in texts:
        seat.write(text)
        seat.page.locator("[data-composer-text]").press("Control+Enter")
        expect(seat.page.locator(".message", has_text=text)).to_be_visible()


def pending(seat: Seat) -> Locator:
    return seat.page.locator("[data-pending]")


def arrived(conversation: Conversation) -> list[str]:
    rows = Message.objects.filter(conversation=conversation).exclude(direction="in").order_by("seq")
    return list(rows.values_list("text", flat=True))


def answer(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, json={})


def test_what_was_written_while_the_line_was_down_arrives_in_its_order(
    bruno: Seat, conversation: Conversation
) -> None:
    bruno.page.context.set_offline(True)
    send(bruno, "One", "Two", "Three", "Four")
    expect(pending(bruno)).to_have_text([re.compile(WAITING)] * 4)
    expect(bruno.page.locator(".pending.failed, [data-retry]:visible")).to_have_count(0)
    bruno.page.context.set_offline(False)
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["One", "Two", "Three", "Four"]
    bruno.complaints[:] = [text for text in bruno.complaints if "INTERNET_DISCONNECTED" not in text]


def test_a_slow_answer_is_not_overtaken(bruno: Seat, conversation: Conversation) -> None:
    held: list[Route] = []
    bruno.page.route(SENDING, lambda route: held.append(route) if not held else route.continue_())
    send(bruno, "One", "Two", "Three", "Four")
    bruno.page.locator("[data-mode=note][role=radio]").click()
    send(bruno, "Five")
    assert len(held) == 1
    held[0].continue_()
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["One", "Two", "Three", "Four", "Five"]


@pytest.mark.parametrize("status", [503, 429])
def test_a_failing_server_holds_each_conversation_up_by_itself(
    bruno: Seat, conversation: Conversation, other: Conversation, status: int
) -> None:
    davis = re.compile(rf"/{conversation.pk}/reply/$")
    bruno.page.route(davis, answer(status))
    send(bruno, "One", "Two")
    expect(pending(bruno)).to_have_text([re.compile(WAITING)] * 2)
    bruno.open("Eva")
    send(bruno, "Elsewhere")
    expect(pending(bruno)).to_have_count(0)
    assert arrived(other) == ["Elsewhere"]
    # The page that comes after it knows the order, too, and the connection never broke.
    bruno.inbox(f"{conversation.pk}/")
    expect(pending(bruno)).to_have_text([re.compile(WAITING)] * 2)
    send(bruno, "Three")
    bruno.page.unroute(davis)
    # Whoever writes on need not wait for the next attempt.
    send(bruno, "Four")
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["One", "Two", "Three", "Four"]
    bruno.complaints.clear()


def test_what_is_refused_for_good_holds_nothing_up(bruno: Seat, conversation: Conversation) -> None:
    bruno.page.locator("[data-file]").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"Hello"}
    )
    expect(bruno.page.locator("[data-send]")).to_be_enabled()
    Attachment.objects.all().delete()
    send(bruno, "One", "Two")
    expect(bruno.page.locator(".message.from-operator:not(.pending)")).to_contain_text("Two")
    refused = bruno.page.locator(".pending.failed")
    expect(refused).to_contain_text("Not sent.")
    refused.get_by_role("button", name="Send again").click()
    expect(refused).to_contain_text("Not sent.")
    refused.get_by_role("button", name="Discard").click()
    expect(pending(bruno)).to_have_count(0)
    bruno.page.reload()
    bruno.says("Two")
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["Two"]
    bruno.complaints.clear()


def test_what_waits_can_be_discarded_and_lets_the_next_pass(bruno: Seat, conversation: Conversation) -> None:
    bruno.page.route(SENDING, answer(503))
    send(bruno, "One", "Two")
    bruno.page.locator(".pending", has_text="One").get_by_role("button", name="Discard").click()
    expect(pending(bruno)).to_have_count(1)
    bruno.page.unroute(SENDING)
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["Two"]
    bruno.complaints.clear()


def test_a_page_that_is_not_ours_stores_nothing(bruno: Seat, conversation: Conversation) -> None:
    bruno.page.route(SENDING, lambda route: route.fulfill(status=200, body="<p>Welcome to our hotel"))
    send(bruno, "One")
    expect(pending(bruno)).to_contain_text(WAITING)
    bruno.page.unroute(SENDING)
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == ["One"]


def test_whoever_is_signed_out_sends_under_no_other_name(
    bruno: Seat, as_ana: Client, conversation: Conversation
) -> None:
    context = bruno.page.context
    session = next(row for row in context.cookies() if row["name"] == "sessionid")["value"]
    sign_in = lambda key: context.add_cookies([{"name": "sessionid", "value": key, "url": bruno.url}])  # noqa: E731
    sign_in("gone")
    send(bruno, "One")
    expect(pending(bruno)).to_contain_text("Kept; it will be sent once you have signed in again.")
    sign_in(as_ana.cookies["sessionid"].value)
    bruno.inbox(f"{conversation.pk}/")
    expect(pending(bruno)).to_have_count(0)
    assert arrived(conversation) == []
    sign_in(session)
    bruno.inbox(f"{conversation.pk}/")
    bruno.says("One")
    expect(pending(bruno)).to_have_count(0)
    assert Message.objects.get(text="One").author_name == "Bruno"
    bruno.complaints.clear()
