"""Tags and custom fields in Chromium: changed where they stand, seen by colleagues, lost by nobody."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from conversations.actions import Sender, edit_conversation, receive
from conversations.models import Contact, Conversation, CustomField, Inbox
from core.actor import Actor
from tests.browser import MARKS
from tests.desk.seats import Product, Sit
from tickets.actions import create_ticket

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]

KINDS = {"text": "Nickname", "number": "Orders", "boolean": "Insider", "date": "Birthday", "choice": "Plan"}


@pytest.fixture
def row(inbox: Inbox) -> Conversation:
    """A conversation with a customer of whom much can be noted."""
    for position, (kind, label) in enumerate(KINDS.items()):
        choices = ["gold", "silver"] if kind == "choice" else []
        for entity in ("contact", "ticket"):
            CustomField.objects.create(
                entity=entity, key=kind, label=label, kind=kind, choices=choices, position=position
            )
    CustomField.objects.create(entity="conversation", key="order", label="Order number", kind="text")
    sender = Sender("eva", name="Eva Lima", email="eva@example.com")
    row = receive(inbox=inbox, sender=sender, text="Where is my parcel").conversation
    Contact.objects.filter(pk=row.contact_id).update(attributes={"city": "Recife", "number": 3}, tags=["vip"])
    return row


def test_values_and_tags_are_written_in_the_panel(
    sit: Sit, as_ana: Client, as_bruno: Client, row: Conversation
) -> None:
    bruno, ana = sit(as_bruno, (1600, 900)).inbox(f"{row.pk}/"), sit(as_ana, (1600, 900)).inbox(f"{row.pk}/")
    panel = bruno.page.locator("[data-context-body]")
    expect(panel.get_by_label("Orders")).to_have_value("3")
    expect(panel).to_contain_text("Recife")
    panel.get_by_label("Plan").select_option("gold")
    panel.get_by_label("Insider").select_option("true")
    panel.get_by_label("Order number").fill("4512")
    panel.get_by_label("Tags").fill("late, refund")
    panel.get_by_label("Tags").press("Tab")
    expect(bruno.page.locator("[data-items]")).to_contain_text("You changed: Tags")
    expect(ana.page.locator("[data-items]")).to_contain_text("Bruno changed: Tags")
    expect(ana.page.locator("[data-context-body]").get_by_label("Tags")).to_have_value("late, refund")
    row.refresh_from_db()
    assert (row.tags, row.attributes) == (["late", "refund"], {"order": "4512"})
    contact = Contact.objects.get(pk=row.contact_id)
    assert contact.attributes == {"city": "Recife", "number": 3, "choice": "gold", "boolean": True}


def test_typing_is_not_taken_away_and_a_colleague_s_tag_stays(
    sit: Sit, as_bruno: Client, row: Conversation, product: Product
) -> None:
    edit_conversation(conversation=row, by=Actor.system(), tags=["old"])
    bruno = sit(as_bruno, (1600, 900)).inbox(f"{row.pk}/")
    tags = bruno.page.locator("[data-context-body]").get_by_label("Tags")
    expect(tags).to_have_value("old")
    tags.fill("old, mine")
    product(edit_conversation, conversation=row, by=Actor.system(), add_tags=["theirs"])
    expect(bruno.page.locator("[data-items]")).to_contain_text("Helpdesk changed: Tags")
    expect(tags).to_have_value("old, mine")
    tags.press("Tab")
    expect(tags).to_have_value("old, theirs, mine")
    row.refresh_from_db()
    assert row.tags == ["old", "theirs", "mine"]


def test_value_that_is_refused_is_told_and_taken_back(sit: Sit, as_bruno: Client, row: Conversation) -> None:
    bruno = sit(as_bruno, (1600, 900)).inbox(f"{row.pk}/")
    tags = bruno.page.locator("[data-context-body]").get_by_label("Tags")
    tags.fill("x" * 41)
    tags.press("Tab")
    expect(bruno.page.locator(".toast")).to_contain_text("40 characters")
    expect(tags).to_have_value("")
    bruno.complaints.clear()


def test_ticket_s_values_are_written_on_its_page(sit: Sit, as_bruno: Client, row: Conversation) -> None:
    ticket = create_ticket(by=Actor.system(), subject="Lost parcel", conversation=row)
    seat = sit(as_bruno)
    seat.page.goto(f"{seat.url}/admin/tickets/{ticket.number}/")
    seat.page.get_by_label("Birthday").fill("2026-11-30")
    seat.page.get_by_label("Birthday").press("Tab")
    expect(seat.page.locator("[data-ticket-history]")).to_contain_text("set date to 2026-11-30")
    seat.page.get_by_label("Plan").select_option("silver")
    expect(seat.page.locator("[data-ticket-history]")).to_contain_text("set choice to silver")
    ticket.refresh_from_db()
    assert ticket.attributes == {"date": "2026-11-30", "choice": "silver"}
