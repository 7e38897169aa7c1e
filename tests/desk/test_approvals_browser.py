"""Approving in Chromium: the arguments are read, one button decides, every open desk sees it."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from agents.enums import ApprovalStatus
from agents.models import Approval
from conversations.models import Conversation, Inbox
from tests.browser import MARKS
from tests.desk.seats import Product, Seat, Sit
from tests.desk.test_approvals import asked

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]


@pytest.fixture
def seats(sit: Sit, as_ana: Client, as_bruno: Client, conversation: Conversation) -> list[Seat]:
    """Ana and Bruno, who look at Davi's conversation."""
    return [sit(each).inbox("?queue=all").open("Davi") for each in (as_ana, as_bruno)]


def test_one_approves_and_all_see_it(
    seats: list[Seat], sit: Sit, product: Product, as_ana: Client, inbox: Inbox
) -> None:
    product(asked, inbox, Conversation.objects.get())
    for seat in seats:
        card = seat.page.locator(".approval")
        expect(card).to_contain_text("Lia (AI) asks whether this may be done: create_ticket")
        expect(card).to_contain_text("Refund of 40 euros")
        expect(card.get_by_role("button", name="Approve")).to_be_visible()
    seats[1].page.get_by_role("button", name="Approve").click()
    seats[0].says("Bruno approved: create_ticket")
    seats[1].says("You approved: create_ticket")
    for seat in seats:
        expect(seat.page.locator(".approval [data-decide]").first).to_be_hidden()
    assert Approval.objects.get().status == ApprovalStatus.APPROVED
    # Read again, it is still decided.
    again = sit(as_ana).inbox("?queue=all").open("Davi")
    again.says("Bruno approved: create_ticket")
    expect(again.page.locator(".approval [data-decide]").first).to_be_hidden()
