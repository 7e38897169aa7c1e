"""Correcting an answer where it stands: what was asked is there already, and the customer is told nothing."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from conversations.actions import hand_back, reply
from conversations.models import Conversation, Message
from core.actor import Actor, ActorKind
from knowledge.enums import ProposalStatus
from knowledge.models import Article, ProposedAnswer
from tests.browser import MARKS
from tests.desk.seats import Sit

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]
WRONG, RIGHT = "It takes two years. [1]", "It takes two days."


@pytest.fixture
def answered(conversation: Conversation) -> Message:
    """What the agent said to Davi."""
    hand_back(conversation=conversation, by=Actor.system())
    return reply(conversation=conversation, text=WRONG, by=Actor(ActorKind.AGENT, "1", "Lia"))


@pytest.mark.parametrize(
    ("who", "status"), [("as_bruno", ProposalStatus.PROPOSED), ("as_ana", ProposalStatus.APPROVED)]
)
def test_answer_is_corrected_where_it_stands(
    sit: Sit, answered: Message, request: pytest.FixtureRequest, who: str, status: str
) -> None:
    client: Client = request.getfixturevalue(who)
    seat = sit(client).inbox("?queue=all").open("Davi")
    theirs = seat.page.locator(".message.from-contact").first
    expect(theirs.locator("[data-correct]")).to_be_hidden()
    message = seat.page.locator(f'.message[data-id="{answered.pk}"]')
    message.hover()
    message.get_by_role("button", name="Correct this answer").click()
    dialog = seat.page.get_by_role("dialog", name="Correct this answer")
    expect(dialog.get_by_label("Question")).to_have_value("Onde está meu pedido?")
    expect(dialog.get_by_label("Right answer")).to_have_value("It takes two years.")
    dialog.get_by_label("Right answer").fill(RIGHT)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    told = "in a moment" if status == ProposalStatus.APPROVED else "once a lead has approved it"
    expect(seat.page.locator(".toast")).to_contain_text(told)
    proposal = ProposedAnswer.objects.get()
    assert (proposal.answer, proposal.former, proposal.status) == (RIGHT, "It takes two years.", status)
    assert Article.objects.count() == (1 if status == ProposalStatus.APPROVED else 0)
    assert not Message.objects.filter(text=RIGHT).exists()
