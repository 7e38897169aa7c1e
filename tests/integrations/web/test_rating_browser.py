"""Thumbs under an agent's answer, in Chromium: pressed, changed, explained, and kept over a reload."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from conversations.actions import hand_back, reply
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor, ActorKind
from tests.browser import MARKS
from tests.desk.seats import Product
from tests.desk.seats import product as product  # noqa: PLC0414 (a fixture)
from tests.integrations.web.conftest import Shop, Shopper

pytestmark = MARKS
LIA = Actor(ActorKind.AGENT, "1", "Lia")
SAID = {
    "en": ("Helpful", "Not helpful", "What was missing? (optional)", "Send", "Thank you."),
    "pt-BR": ("Ajudou", "Não ajudou", "O que faltou? (opcional)", "Enviar", "Obrigado."),
    "es": ("Me ayudó", "No me ayudó", "¿Qué faltó? (opcional)", "Enviar", "Gracias."),
}


def answered(widget: Shopper, product: Product) -> Message:
    """What the agent says to who has just written."""
    widget.say("How long?")
    widget.page.wait_for_function("() => !document.querySelector('helpdesk-chat').panel.chat.outbox.length")
    conversation = product(hand_back, conversation=Conversation.objects.get(), by=Actor.system())
    message: Message = product(
        reply, conversation=conversation, text="It takes two days.", by=LIA, run=uuid4()
    )
    return message


@pytest.mark.parametrize("lang", SAID)
def test_thumbs_by_keyboard_in_each_language(
    shopper: Shop, inbox: Inbox, product: Product, lang: str
) -> None:
    yes, no, why, send, thanks = SAID[lang]
    widget = shopper().visit(f"/?lang={lang}").open()
    answer = answered(widget, product)
    thumbs = widget.page.locator(".rating")
    up, down = (thumbs.get_by_role("button", name=name, exact=True) for name in (yes, no))
    expect(up).to_have_attribute("aria-pressed", "false")
    down.press("Enter")
    expect(down).to_have_attribute("aria-pressed", "true")
    reason = thumbs.get_by_label(why)
    expect(reason).to_be_focused()
    reason.fill("Which days?")
    thumbs.get_by_role("button", name=send).press("Enter")
    expect(thumbs.get_by_role("status")).to_have_text(thanks)
    expect(reason).to_be_hidden()
    answer.refresh_from_db()
    assert (answer.helpful, answer.unhelpful_reason) == (False, "Which days?")
    assert not widget.violations()
    # Kept over a reload, and changed.
    widget.reload().open()
    expect(down).to_have_attribute("aria-pressed", "true")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(down).to_have_attribute("aria-pressed", "false")
    answer.refresh_from_db()
    assert (answer.helpful, answer.unhelpful_reason) == (True, "")


def test_only_answers_have_thumbs_and_a_line_that_is_down_says_so(widget: Shopper, product: Product) -> None:
    answer = answered(widget, product)
    thumbs = widget.page.locator(".rating")
    expect(thumbs).to_have_count(1)
    product(reply, conversation=answer.conversation, text="Lia, without a run.", by=LIA)
    expect(widget.theirs.last).to_have_text("Lia, without a run.")
    expect(thumbs).to_have_count(1)
    widget.page.context.set_offline(True)
    thumbs.get_by_role("button", name="Helpful", exact=True).click()
    expect(widget.note).to_have_text("That did not work. Try again in a moment.")
    expect(thumbs.get_by_role("button", name="Helpful", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )


def test_what_is_being_written_outlives_a_message_that_changes(widget: Shopper, product: Product) -> None:
    answer = answered(widget, product)
    thumbs = widget.page.locator(".rating")
    thumbs.get_by_role("button", name="Not helpful").click()
    reason = thumbs.get_by_role("textbox")
    reason.fill("Which")
    widget.page.evaluate(
        """id => {
            const { chat } = document.querySelector("helpdesk-chat").panel;
            chat.onevent({ seq: chat.seq + 1, event: "message.updated", message: chat.messages.get(id) });
        }""",
        str(answer.pk),
    )
    expect(reason).to_have_value("Which")
    expect(reason).to_be_focused()
