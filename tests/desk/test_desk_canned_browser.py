"""Canned replies in the composer, in Chromium: by keyboard, by hand, and out of the way."""

import pytest
from django.test import Client
from playwright.sync_api import Locator, expect

from accounts.models import Team
from conversations.models import CannedReply, Conversation
from tests.browser import MARKS
from tests.desk.seats import PHONE, WIDE, Seat, Sit

pytestmark = MARKS


@pytest.fixture
def texts(team: Team, other_team: Team) -> None:
    """Two of the support team's, one of everybody's, and one that Bruno must not see."""
    CannedReply.objects.create(shortcut="late", title="Delay", text="Sorry, {{contact.name}}.", team=team)
    CannedReply.objects.create(shortcut="later", text="Until then,\n{{operator.name}}", team=team)
    CannedReply.objects.create(shortcut="hello", text="Hello {{contact.email|there}}!")
    CannedReply.objects.create(shortcut="later", text="You owe us.", team=other_team)


def field_of(seat: Seat) -> Locator:
    return seat.page.locator("[data-composer-text]")


def options_of(seat: Seat) -> Locator:
    return seat.page.get_by_role("listbox", name="Canned replies").get_by_role("option")


@pytest.fixture
def seat(sit: Sit, as_bruno: Client, conversation: Conversation, texts: None) -> Seat:
    """Bruno, about to write to Davi."""
    seat = sit(as_bruno).inbox(f"{conversation.pk}/")
    field_of(seat).focus()
    return seat


def test_a_slash_offers_what_is_typed_and_enter_puts_it_in_filled(seat: Seat) -> None:
    keyboard = seat.page.keyboard
    keyboard.type("Hi\n/la")
    expect(options_of(seat)).to_have_count(2)
    expect(options_of(seat).first).to_have_text("/lateDelaySorry, Davi Duarte.")
    expect(options_of(seat).first).to_have_attribute("aria-selected", "true")
    expect(field_of(seat)).to_have_attribute("aria-activedescendant", "canned-0")
    keyboard.press("ArrowDown")
    expect(field_of(seat)).to_have_attribute("aria-activedescendant", "canned-1")
    keyboard.press("ArrowDown")
    expect(options_of(seat).first).to_have_attribute("aria-selected", "true")
    keyboard.press("ArrowUp")
    keyboard.press("Enter")
    expect(field_of(seat)).to_have_value("Hi\nUntil then,\nBruno")
    expect(options_of(seat)).to_have_count(0)
    expect(seat.page.locator("[data-send]")).to_be_enabled()
    # It is a draft like any other.
    seat.page.reload()
    expect(field_of(seat)).to_have_value("Hi\nUntil then,\nBruno")


def test_whoever_is_quicker_than_the_server_gets_the_reply_and_no_new_line(seat: Seat) -> None:
    seat.page.keyboard.type("/late\n", delay=0)
    expect(field_of(seat)).to_have_value("Sorry, Davi Duarte.")


def test_whoever_is_quicker_and_finds_nothing_gets_the_new_line(seat: Seat) -> None:
    seat.page.keyboard.type("/nothing\n", delay=0)
    expect(field_of(seat)).to_have_value("/nothing\n")


def test_a_slash_within_a_line_and_a_path_offer_nothing(seat: Seat) -> None:
    seat.page.keyboard.type("and/or")
    expect(options_of(seat)).to_have_count(0)
    seat.page.keyboard.type("\n/usr/local\n")
    expect(field_of(seat)).to_have_value("and/or\n/usr/local\n")
    seat.page.keyboard.type("/nothing")
    seat.page.wait_for_timeout(500)
    expect(seat.page.locator("[data-canned-panel]")).to_be_hidden()


def test_escape_closes_the_list_for_this_slash_and_leaves_the_text(seat: Seat) -> None:
    keyboard = seat.page.keyboard
    keyboard.type("/la")
    expect(options_of(seat)).to_have_count(2)
    keyboard.press("Escape")
    expect(options_of(seat)).to_have_count(0)
    expect(field_of(seat)).to_be_focused()
    keyboard.type("te")
    seat.page.wait_for_timeout(400)
    expect(options_of(seat)).to_have_count(0)
    keyboard.press("Enter")
    expect(field_of(seat)).to_have_value("/late\n")
    keyboard.type("/")
    expect(options_of(seat)).to_have_count(3)


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_button_offers_all_and_a_click_puts_one_in(
    sit: Sit, as_bruno: Client, conversation: Conversation, texts: None, size: tuple[int, int]
) -> None:
    seat = sit(as_bruno, size).inbox(f"{conversation.pk}/")
    seat.write("Dear Davi, ")
    button = seat.page.get_by_role("button", name="Canned replies")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(options_of(seat)).to_have_count(3)
    seat.page.keyboard.type("hello")
    expect(options_of(seat)).to_have_count(1)
    options_of(seat).first.click()
    expect(field_of(seat)).to_have_value("Dear Davi, Hello davi@example.com!")
    expect(field_of(seat)).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_who_finds_nothing_by_the_button_is_told_where_they_are_made(
    sit: Sit, as_bruno: Client, conversation: Conversation
) -> None:
    seat = sit(as_bruno).inbox(f"{conversation.pk}/")
    seat.page.get_by_role("button", name="Canned replies").click()
    expect(seat.page.locator("[data-canned-none]")).to_contain_text("Team leads add them under Settings")


def test_a_place_of_which_nothing_is_known_is_said(seat: Seat, conversation: Conversation) -> None:
    contact = conversation.contact
    contact.name = ""
    contact.save()
    seat.page.keyboard.type("/late")
    expect(options_of(seat).first).to_contain_text("Sorry, .")
    seat.page.keyboard.press("Tab")
    expect(field_of(seat)).to_have_value("Sorry, .")
    expect(seat.page.locator("[data-toasts]")).to_contain_text("Nothing is known here for contact.name.")


def test_ctrl_enter_sends_what_is_written_whatever_is_offered(seat: Seat) -> None:
    seat.page.keyboard.type("/la")
    expect(options_of(seat)).to_have_count(2)
    seat.page.keyboard.press("Control+Enter")
    seat.says("/la")
    expect(options_of(seat)).to_have_count(0)
