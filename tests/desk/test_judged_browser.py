"""What is thought of an agent's answer, where it stands: by the customer, and by who has checked it."""

from uuid import uuid4

import pytest
from django.test import Client
from playwright.sync_api import expect

from conversations.actions import hand_back, rate_answer, reply
from conversations.enums import Validation
from conversations.models import Conversation, Message
from core.actor import Actor, ActorKind
from tests.browser import MARKS
from tests.desk.seats import Product, Sit

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]


@pytest.fixture
def answered(conversation: Conversation) -> Message:
    """What the agent said to Davi."""
    hand_back(conversation=conversation, by=Actor.system())
    lia = Actor(ActorKind.AGENT, "1", "Lia")
    return reply(conversation=conversation, text="It takes two days.", by=lia, run=uuid4())


def test_an_answer_is_said_to_be_right_and_rated_while_one_looks(
    sit: Sit, answered: Message, as_bruno: Client, product: Product
) -> None:
    seat = sit(as_bruno).inbox("?queue=all").open("Davi")
    theirs = seat.page.locator(".message.from-contact").first
    expect(theirs.locator("[data-confirm]")).to_be_hidden()
    message = seat.page.locator(f'.message[data-id="{answered.pk}"]')
    expect(message.locator(".judged")).to_have_text("unchecked")
    message.hover()
    message.get_by_role("button", name="This answer is right").click()
    expect(message.locator(".judged")).to_have_text("checked")
    expect(message.locator("[data-confirm]")).to_be_hidden()
    answered.refresh_from_db()
    assert answered.validated_by == Validation.HUMAN
    davi = answered.conversation.contact.as_actor()
    product(rate_answer, message_id=answered.pk, by=davi, helpful=False, reason="Which days?")
    expect(message.locator(".rated")).to_have_text("Not helpful: Which days?")
    product(rate_answer, message_id=answered.pk, by=davi, helpful=True)
    expect(message.locator(".rated")).to_have_text("Helpful")
