"""Channels at the desk in Chromium: states, windows, templates and what is more than text."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Locator, expect

from accounts.models import User
from conversations.actions import add_event, lock, reply
from conversations.actions.endpoints import switch_inbox
from conversations.actions.receipts import show
from conversations.actions.record import save_locked
from conversations.enums import EventType, Light
from conversations.models import (
    Attachment,
    Conversation,
    Delivery,
    Inbox,
    InboxState,
    Message,
    MessageTemplate,
)
from core.actor import Actor
from tests.browser import MARKS
from tests.channels import DAY, silent_for
from tests.desk.conftest import said
from tests.desk.seats import PHONE, Product, Seat, Sit
from tests.desk.test_desk_browser import SOCKETS

pytestmark = MARKS
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def change(row: Conversation, kind: EventType, **fields: Any) -> Message:
    """The customer's first message becomes another, as the engine says it."""
    from django.db import transaction

    with transaction.atomic():
        locked = lock(row.pk, by=Actor.system())
        message = Message.objects.get(conversation=row, seq=1)
        for name, value in fields.items():
            setattr(message, name, value)
        message.save()
        add_event(locked, kind, message=message)
        save_locked(locked)
    return message


def become(row: Conversation, status: str, error: str = "") -> None:
    """The newest delivery of a conversation is told to have come so far."""
    delivery = Delivery.objects.filter(conversation=row).latest("seq")
    delivery.status, delivery.error = status, error
    delivery.save()
    show(delivery)


def tick(seat: Seat) -> Locator:
    return seat.page.locator(".message.from-operator").last.locator("[data-slot=ticks]")


def test_a_tick_follows_its_message_without_a_reload(
    sit: Sit, as_bruno: Client, letter: Conversation, product: Product
) -> None:
    """Chatwoot #9306: messages change on the page only when it is loaded again."""
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    seat.write("Here it is")
    seat.page.locator("[data-send]").click()
    for status, words in [
        ("queued", "Waiting to be sent"),
        ("sending", "Being sent"),
        ("sent", "Sent"),
        ("delivered", "Delivered"),
        ("read", "Seen by the customer"),
    ]:
        if status != "queued":
            product(become, letter, status)
        expect(tick(seat)).to_have_text(words)
    expect(seat.page.locator("[data-pending]")).to_have_count(0)


def test_what_was_sent_with_a_refused_copy_says_so(
    sit: Sit, as_bruno: Client, letter: Conversation, bruno: User, product: Product
) -> None:
    reply(conversation=letter, text="Here it is", by=bruno.as_actor())
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    expect(tick(seat)).to_have_text("Waiting to be sent")
    product(become, letter, "sent", "No copy went to max@example.com")
    expect(tick(seat)).to_contain_text("No copy went to max@example.com")
    expect(tick(seat).get_by_role("button")).to_have_count(0)


def test_what_failed_says_why_and_is_sent_again_by_a_button(
    sit: Sit, as_bruno: Client, letter: Conversation, bruno: User, product: Product
) -> None:
    reply(conversation=letter, text="Here it is", by=bruno.as_actor())
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    expect(tick(seat)).to_have_text("Waiting to be sent")
    product(become, letter, "failed", "The number is not on WhatsApp")
    expect(tick(seat)).to_contain_text("Not delivered: The number is not on WhatsApp")
    tick(seat).get_by_role("button", name="Try again").click()
    expect(tick(seat)).to_have_text(re.compile("Waiting to be sent|Being sent"))
    assert Delivery.objects.get().status != "failed"


def test_a_message_of_an_inbox_that_is_switched_off_says_why_it_waits(
    sit: Sit, as_bruno: Client, letter: Conversation, ana: User, product: Product
) -> None:
    reply(conversation=letter, text="Here it is", by=ana.as_actor())
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    for is_active, words in [(False, "Waiting: the inbox is switched off"), (True, "Waiting to be sent")]:
        product(partial(switch_inbox, inbox=letter.inbox, is_active=is_active, by=ana.as_actor()))
        expect(tick(seat)).to_have_text(words)


def test_a_state_that_nobody_told_is_asked_for(
    sit: Sit, as_bruno: Client, letter: Conversation, bruno: User
) -> None:
    """Chatwoot #14934: what was missed while the socket was away stays missed."""
    reply(conversation=letter, text="Here it is", by=bruno.as_actor())
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    expect(tick(seat)).to_have_text("Waiting to be sent")
    Delivery.objects.update(status="unknown")
    seat.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(tick(seat)).to_contain_text("Not confirmed")


def test_an_edited_message_is_replaced_where_it_stands(
    sit: Sit, as_bruno: Client, letter: Conversation, post: Inbox, product: Product
) -> None:
    said(post, "eva", "And something else")
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    messages = seat.page.locator("[data-message]")
    expect(messages).to_have_count(2)
    product(
        change, letter, EventType.MESSAGE_UPDATED,
        text="Is it there?", html="<p>Is it there?</p>", edited_at=timezone.now(),
    )  # fmt: skip
    expect(messages.first).to_contain_text("Is it there?")
    expect(messages.first).not_to_contain_text("Is it here?")
    expect(messages).to_have_count(2)
    product(change, letter, EventType.MESSAGE_REACTED, reactions={"👍": ["Eva", "Max"]})
    expect(messages.first.locator(".reaction")).to_contain_text("👍 2")
    product(
        change, letter, EventType.MESSAGE_UPDATED, text="", html="", reactions={}, deleted_at=timezone.now()
    )
    expect(messages.first).to_contain_text("The message was taken back")
    expect(messages.first.locator(".reaction")).to_have_count(0)
    expect(messages).to_have_count(2)


def test_a_closed_window_takes_templates_only(
    sit: Sit, as_bruno: Client, letter: Conversation, template: MessageTemplate
) -> None:
    silent_for(letter, DAY + timedelta(hours=1))
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    page = seat.page
    expect(page.locator("[data-composer-text]")).to_be_hidden()
    expect(page.locator("[data-closed-text]")).to_contain_text("now it takes only approved templates")
    page.get_by_role("button", name="Choose a template").click()
    dialog = page.locator("[data-template-dialog]")
    dialog.get_by_label("Text for {{1}}").fill("Eva")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_visible()  # the second place is empty
    dialog.get_by_label("Text for {{2}}").fill("#77 <b>")
    expect(dialog.locator("[data-template-preview]")).to_have_text("Hello Eva, your parcel #77 <b> is here.")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_hidden()
    sent = page.locator(".message.from-operator")
    expect(sent).to_contain_text("Hello Eva, your parcel #77 <b> is here.")
    expect(sent).to_contain_text("Template parcel_here (en)")
    assert Message.objects.filter(direction="out").count() == 1


def test_a_draft_survives_the_closing_of_the_window(
    sit: Sit, as_bruno: Client, letter: Conversation, post: Inbox, product: Product
) -> None:
    silent_for(letter, DAY - timedelta(hours=1))
    seat = sit(as_bruno)
    seat.page.clock.install()
    seat.inbox(f"{letter.pk}/")
    field = seat.page.locator("[data-composer-text]")
    expect(seat.page.locator("[data-composer-hint]")).to_contain_text("Free text until")
    field.fill("Not finished")
    seat.page.clock.fast_forward("02:00:00")
    expect(field).to_be_hidden()
    expect(seat.page.locator("[data-send]")).to_be_disabled()
    seat.page.keyboard.press("n")
    expect(field).to_be_visible()
    seat.page.locator("[data-mode=reply][role=radio]").click()
    product(said, post, "eva", "I am back")
    expect(field).to_be_visible()
    expect(field).to_have_value("Not finished")
    expect(seat.page.locator("[data-send]")).to_be_enabled()


@pytest.mark.parametrize("who", ["ana", "bruno"])
def test_trouble_with_an_inbox_is_said_and_led_to(
    sit: Sit, request: pytest.FixtureRequest, letter: Conversation, who: str
) -> None:
    """Only who may set up inboxes gets a link to one."""
    InboxState.objects.create(inbox=letter.inbox, light=Light.RED, detail="The token has expired")
    seat = sit(request.getfixturevalue(f"as_{who}")).inbox(f"{letter.pk}/")
    banner = seat.page.locator("[data-thread-light]")
    expect(banner).to_contain_text("This inbox does not work: The token has expired")
    link = banner.get_by_role("link", name="Open the inbox")
    if who == "bruno":
        expect(link).to_be_hidden()
    else:
        expect(link).to_have_attribute("href", re.compile(rf"/inbox/{letter.inbox_id}/change/$"))


def test_an_inbox_is_marked_while_it_struggles_and_no_longer(
    sit: Sit, as_bruno: Client, letter: Conversation, conversation: Conversation
) -> None:
    """The banner stayed until the conversation was opened again, and other inboxes showed nothing."""
    trouble = InboxState.objects.create(inbox=letter.inbox, light=Light.YELLOW, detail="No answer")
    seat = sit(as_bruno)
    seat.page.add_init_script(SOCKETS)
    seat.inbox(f"{letter.pk}/")
    banner = seat.page.locator("[data-thread-light]")
    dots = seat.page.locator("[data-inbox-light]:visible")
    expect(banner).to_be_visible()
    expect(dots).to_have_attribute("title", "This inbox is struggling: No answer")
    expect(seat.page.locator(f"[data-inbox='{letter.inbox_id}']")).to_contain_text("is struggling")
    InboxState.objects.filter(pk=trouble.pk).update(light=Light.GREEN, detail="")
    InboxState.objects.create(inbox=conversation.inbox, light=Light.RED, detail="Token expired")
    # Whoever was cut off looks again, as everybody does each minute.
    seat.page.evaluate("sockets.at(-1).close()")
    expect(dots).to_have_attribute("title", "This inbox does not work: Token expired")
    expect(banner).to_be_hidden()


def test_a_mail_shows_its_head_and_its_whole_text_when_asked(
    sit: Sit, as_bruno: Client, letter: Conversation
) -> None:
    Message.objects.filter(conversation=letter).update(
        details={
            "kind": "email", "subject": "Where <b>is</b> it",
            "full_text": "Is it here?\n> quoted <i>before</i>",
            "from": [{"name": "Eva", "address": "eva@example.com"}],
            "to": [{"name": "", "address": "shop@example.com"}],
            "cc": [{"name": "", "address": "max@example.com"}],
            "authentication": {"dkim": "fail", "spf": "softfail", "dmarc": "fail"},
        }
    )  # fmt: skip
    Conversation.objects.filter(pk=letter.pk).update(subject="Where <b>is</b> it")
    seat = sit(as_bruno).inbox(f"{letter.pk}/")
    expect(seat.page.locator("[data-composer-hint]")).to_have_text("Subject: Where <b>is</b> it")
    message = seat.page.locator("[data-message]")
    expect(message.locator(".mail-subject")).to_have_text("Where <b>is</b> it")
    expect(message.locator(".mail-line")).to_have_text(
        "Eva <eva@example.com> · To shop@example.com · Cc max@example.com"
    )
    expect(message.locator(".mail-proof")).to_contain_text("Sender may be forged · DKIM fail")
    message.get_by_role("button", name="Show full text").click()
    expect(message.locator("[data-slot=body]")).to_have_text("Is it here?\n> quoted <i>before</i>")
    message.get_by_role("button", name="Hide what was quoted").click()
    expect(message.locator("[data-slot=body]")).to_have_text("Is it here?")


def rich(post: Inbox, bruno: User) -> Conversation:
    """A conversation with everything that a message can be."""
    card = {"name": {"formatted_name": "Max"}, "phones": [{"phone": "+55 11"}]}
    visit = {"summary": "Visit", "dtstart": "20261124T120000Z", "location": "Shop"}
    rows = [
        ("We are here", {"kind": "location", "latitude": -23.5, "longitude": -46.6, "name": "Café <b>"}),
        ("Ask him", {"kind": "contacts", "contacts": [card]}),
        ("Yes, please", {"kind": "button", "value": "yes"}),
        ("Come", {"kind": "calendar", "subject": "Visit", "event": visit}),
    ]  # fmt: skip
    for text, details in rows:
        row = said(post, "eva", text)
        Message.objects.filter(conversation=row, text=text).update(details=details)
    message = Message.objects.filter(conversation=row).latest("seq")
    for name, kind, status, error in [
        ("photo.png", "image/png", "ready", ""),
        ("voice.ogg", "audio/ogg", "ready", ""),
        ("contract.pdf", "application/pdf", "pending", ""),
        ("film.mp4", "video/mp4", "failed", "It has expired"),
    ]:
        file = Attachment(
            inbox=post, message=message, name=name, content_type=kind, size=68, status=status, error=error
        )
        file.file.save(name, ContentFile(PNG), save=True)
    said_back = reply(conversation=row, text="See you **there**", by=bruno.as_actor())
    Message.objects.filter(pk=said_back.pk).update(reply_to=message)
    return row


def test_what_is_more_than_text_is_shown_as_what_it_is(
    sit: Sit, as_bruno: Client, post: Inbox, bruno: User
) -> None:
    row = rich(post, bruno)
    seat = sit(as_bruno).inbox(f"{row.pk}/")
    items = seat.page.locator("[data-items]")
    expect(items.locator(".card", has_text="Café <b>").locator("a")).to_have_attribute(
        "href", "https://www.openstreetmap.org/?mlat=-23.5&mlon=-46.6#map=16/-23.5/-46.6"
    )
    expect(items.locator(".card", has_text="Max")).to_contain_text("+55 11")
    expect(items.locator(".card", has_text="Visit")).to_contain_text("November 24, 2026")
    expect(items).to_contain_text("Pressed a button")
    expect(items.locator("audio")).to_have_attribute("src", re.compile("^/files/"))
    expect(items.locator(".picture img")).to_have_js_property("complete", value=True)
    absent = items.locator(".is-absent")
    expect(absent.filter(has_text="contract.pdf")).to_contain_text("being fetched")
    expect(absent.filter(has_text="film.mp4")).to_contain_text("could not be fetched: It has expired")
    quote = items.locator(".quote")
    expect(quote).to_contain_text("Come")
    quote.click()
    expect(items.locator(".message", has_text="contract.pdf")).to_be_focused()


def test_the_list_and_the_thread_say_the_channel(
    sit: Sit, as_bruno: Client, letter: Conversation, conversation: Conversation, product: Product
) -> None:
    seat = sit(as_bruno).inbox()
    row = seat.page.locator(".row", has_text="Eva")
    expect(row.locator("[data-slot=channel]")).to_have_attribute("title", "Post · Post office")
    seat.page.locator("[data-inboxes] a", has_text="Post office").click()
    expect(seat.page.locator(".row")).to_have_count(1)
    expect(row).to_be_visible()
    product(said, conversation.inbox, "davi", "Not of this inbox")
    product(said, letter.inbox, "max", "Of this one")
    expect(seat.page.locator(".row")).to_have_count(2)
    expect(seat.page.locator("[data-rows]")).not_to_contain_text("Davi")
    seat.open("Eva")
    expect(seat.page.locator("[data-thread-channel]")).to_have_text("Post office")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_channels_stay_legible_and_within_the_phone(
    sit: Sit, as_bruno: Client, post: Inbox, bruno: User, scheme: Any
) -> None:
    row = rich(post, bruno)
    Delivery.objects.update(status="failed", error="A very long reason that " * 6)
    InboxState.objects.create(inbox=post, light=Light.YELLOW, detail="Twice in a row no answer " * 8)
    silent_for(row, DAY * 3)
    seat = sit(as_bruno, PHONE)
    seat.page.emulate_media(color_scheme=scheme)
    seat.inbox(f"{row.pk}/")
    expect(seat.page.locator("[data-closed-text]")).to_be_in_viewport()
    assert seat.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    wide = seat.page.evaluate(
        "[...document.querySelectorAll('.thread-scroll *')]"
        ".filter(one => one.getBoundingClientRect().right > innerWidth + 1)"
        ".filter(one => !one.closest('.visually-hidden')).length"
    )
    assert wide == 0
