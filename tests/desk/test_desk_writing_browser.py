"""What an operator writes, to whom and to what, in Chromium."""

import pytest
from django.test import Client
from playwright.sync_api import FilePayload, expect

from accounts.models import User
from conversations.actions import note, reply
from conversations.channels import SendRefused
from conversations.models import Conversation, Event, Inbox, Message, MessageTemplate
from tests.browser import MARKS
from tests.channels import DAY, silent_for
from tests.conversations.lines import hand_out
from tests.conversations.scripted import ScriptedAdapter
from tests.desk.conftest import said
from tests.desk.seats import PHONE, WIDE, Product, Seat, Sit
from tests.pictures import PNG

pytestmark = MARKS


# --- The message that is answered --------------------------------------------------------------------------


def answer(seat: Seat, text: str) -> None:
    """Chooses a message of the thread by keyboard, as by a click."""
    button = seat.page.locator(".message", has_text=text).get_by_role("button", name="Answer this message")
    button.focus()
    seat.page.keyboard.press("Enter")


def test_a_chosen_message_stands_above_the_field_and_above_the_answer(
    sit: Sit, as_bruno: Client, letter: Conversation, post: Inbox
) -> None:
    said(post, "eva", "And <b>this</b> too")
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    quote = seat.page.locator("[data-composer-quote]")
    expect(quote).to_be_hidden()
    answer(seat, "Is it here?")
    expect(quote).to_contain_text("Is it here?")
    expect(seat.page.locator("[data-composer-text]")).to_be_focused()
    quote.get_by_role("button", name="Answer no particular message").click()
    expect(quote).to_be_hidden()
    answer(seat, "And <b>this</b> too")
    seat.write("It is")
    seat.page.locator("[data-send]").click()
    expect(seat.page.locator(".message.from-operator .quote")).to_contain_text("And <b>this</b> too")
    expect(quote).to_be_hidden()
    sent = Message.objects.get(direction="out")
    assert sent.reply_to == Message.objects.get(text="And <b>this</b> too")


def test_what_is_answered_belongs_to_its_conversation_and_not_to_a_note(
    sit: Sit, as_bruno: Client, letter: Conversation, post: Inbox
) -> None:
    said(post, "max", "Other matter")
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    quote = seat.page.locator("[data-composer-quote]")
    answer(seat, "Is it here?")
    seat.page.locator("[data-mode=note][role=radio]").click()
    expect(quote).to_be_hidden()
    seat.open("Max")
    expect(quote).to_be_hidden()
    seat.open("Eva")
    seat.page.locator("[data-mode=reply][role=radio]").click()
    expect(quote).to_contain_text("Is it here?")


def test_only_what_the_customer_sees_of_a_channel_that_quotes_is_answered(
    sit: Sit, as_bruno: Client, letter: Conversation, conversation: Conversation, bruno: User
) -> None:
    note(conversation=letter, text="Careful", by=bruno.as_actor())
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    messages = seat.page.locator(".message")
    expect(messages.filter(has_text="Is it here?").locator("[data-answer]")).to_have_count(1)
    expect(messages.filter(has_text="Is it here?").locator("[data-answer]")).to_be_visible()
    expect(messages.filter(has_text="Careful").locator("[data-answer]")).to_be_hidden()
    seat.open("Davi")
    expect(messages.first.locator("[data-answer]")).to_be_hidden()


# --- Who else gets it --------------------------------------------------------------------------------------

MAX = {"name": "Max", "address": "max@example.com"}
ANA = {"name": "Ana", "address": "ana@example.com"}


def test_an_answer_goes_to_others_as_the_operator_chose(
    sit: Sit, as_bruno: Client, letter: Conversation
) -> None:
    Message.objects.filter(conversation=letter).update(
        details={"kind": "email", "subject": "Parcel", "from": [{"address": "eva"}], "to": [ANA], "cc": [MAX]}
    )
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    line = seat.page.locator("[data-composer-copies]")
    field = line.get_by_label("Cc")
    expect(field).to_have_value("max@example.com")
    expect(line.locator("[data-copies-to]")).to_have_text("eva")
    line.get_by_role("button", name="+ Ana").click()
    expect(field).to_have_value("max@example.com, ana@example.com")
    seat.write("It is")
    field.fill("Max <MAX@example.com>; eve")
    expect(line.locator("[data-copies-problem]")).to_have_text("“eve” is no e-mail address.")
    expect(seat.page.locator("[data-send]")).to_be_disabled()
    seat.page.locator("[data-mode=note][role=radio]").click()
    expect(line).to_be_hidden()
    expect(seat.page.locator("[data-send]")).to_be_enabled()
    seat.page.locator("[data-mode=reply][role=radio]").click()
    field.fill("Max <MAX@example.com>; eve@example.com")
    seat.page.reload()
    expect(field).to_have_value("Max <MAX@example.com>; eve@example.com")
    seat.page.locator("[data-send]").click()
    sent = seat.page.locator(".message.from-operator")
    expect(sent).to_contain_text("Cc max@example.com, eve@example.com")
    # Who got a copy of the last message is who gets one of the next.
    expect(field).to_have_value("max@example.com, eve@example.com")
    assert Message.objects.get(direction="out").details == {"cc": ["max@example.com", "eve@example.com"]}


def test_a_channel_without_copies_has_no_line_for_them(
    sit: Sit, as_bruno: Client, conversation: Conversation
) -> None:
    seat = sit(as_bruno).inbox(f"{conversation.pk}/")
    expect(seat.page.locator("[data-composer-text]")).to_be_visible()
    expect(seat.page.locator("[data-composer-copies]")).to_be_hidden()


# --- Writing first -----------------------------------------------------------------------------------------


def test_a_mail_to_somebody_new_is_written_by_keyboard(
    sit: Sit, as_bruno: Client, mailbox: Inbox, letter: Conversation
) -> None:
    seat = sit(as_bruno).inbox()
    seat.page.keyboard.press("w")
    dialog = seat.page.get_by_role("dialog", name="New conversation")
    dialog.get_by_label("Inbox").select_option(label="Mail · E-mail")
    dialog.get_by_role("combobox", name="To").fill("nobody")
    dialog.get_by_label("Subject").fill("Your parcel")
    dialog.get_by_label("Message").fill("It is late")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("alert")).to_have_text("Nobody can be written to at nobody.")
    # Chromium notes each refusal of the server.
    seat.complaints.clear()
    dialog.get_by_role("combobox", name="To").fill("max@example.com")
    dialog.get_by_label("Message").focus()
    seat.page.keyboard.press("Tab")
    seat.page.keyboard.press("Tab")
    seat.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(seat.page.locator("[data-thread-name]")).to_have_text("max@example.com")
    seat.says("It is late")
    row = Conversation.objects.get(inbox=mailbox)
    assert (row.subject, row.identity.external_id) == ("Your parcel", "max@example.com")


def test_whom_one_knows_is_found_and_written_to_by_what_the_window_takes(
    sit: Sit, as_bruno: Client, letter: Conversation, post: Inbox, template: MessageTemplate
) -> None:
    template.details = {"header_format": "IMAGE"}
    template.save()
    silent_for(said(post, "max"), DAY)
    seat = sit(as_bruno).inbox()
    seat.page.get_by_role("button", name="New conversation").click()
    dialog = seat.page.get_by_role("dialog", name="New conversation")
    to = dialog.get_by_role("combobox", name="To")
    to.fill("eva")
    people = dialog.get_by_role("listbox", name="People").get_by_role("option")
    expect(people).to_have_text(["Evaeva"])
    to.press("ArrowDown")
    to.press("Enter")
    expect(to).to_have_value("Eva · eva")
    expect(dialog.get_by_label("Message")).to_be_visible()
    to.fill("ma")
    people.filter(has_text="Max").click()
    expect(dialog.get_by_label("Message")).to_be_hidden()
    dialog.get_by_label("Text for {{1}}").fill("Max")
    dialog.get_by_label("Text for {{2}}").fill("7")
    expect(dialog.locator("[data-template-preview]")).to_have_text("Hello Max, your parcel 7 is here.")
    picture: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": PNG}
    dialog.get_by_label("Picture above the text").set_input_files(picture)
    dialog.get_by_role("button", name="Send").click()
    expect(seat.page.locator(".message.from-operator .picture img")).to_be_visible()
    seat.says("Hello Max, your parcel 7 is here.")
    assert Message.objects.get(direction="out").conversation.identity.external_id == "max"


# --- What was not delivered --------------------------------------------------------------------------------


@pytest.fixture
def failed(letter: Conversation, bruno: User, product: Product) -> Conversation:
    """Eva's conversation, in which our answer was refused."""
    reply(conversation=letter, text="Here it is", by=bruno.as_actor())
    ScriptedAdapter.outcomes.append(SendRefused("The number is not on WhatsApp"))
    product(hand_out, letter)
    assert Event.objects.filter(type="delivery.failed").exists()
    return letter


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_a_failure_is_said_once_under_its_message(
    sit: Sit, as_bruno: Client, failed: Conversation, size: tuple[int, int]
) -> None:
    """Under the message and as a line of its own it read like two failures."""
    seat = sit(as_bruno, size).inbox(f"{failed.pk}/")
    failure = seat.page.locator(".message.from-operator .failure")
    expect(failure).to_contain_text("Not delivered: The number is not on WhatsApp")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    expect(seat.page.get_by_text("The number is not on WhatsApp")).to_have_count(1)
