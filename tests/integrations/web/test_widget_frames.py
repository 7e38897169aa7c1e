"""The widget in Chromium, frame by frame: what docs/protocol.md says is what is shown.

The page and the connection are real; the frames that need an agent at the right instant are put in by hand.
"""

import time
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from conversations.models import Inbox, Message
from tests.browser import MARKS
from tests.integrations.web.conftest import Shop, Shopper

pytestmark = MARKS

Json = dict[str, Any]
LONG = "\n\n".join(
    f"Paragraph {number} of an answer that does not fit into the panel." for number in range(20)
)


def delta(offset: int, text: str, run: str = "run") -> Json:
    return {"type": "delta", "run": run, "offset": offset, "text": text}


def event(seq: int, name: str, **more: Any) -> Json:
    return {"type": "event", "seq": seq, "event": name, **more}


def message(seq: int, text: str, kind: str = "agent", **more: Any) -> Json:
    """A message of ours as the server sends it."""
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    author = {"kind": kind, "name": {"agent": "Lia", "operator": "Bruno"}.get(kind, ""), "avatar": ""}
    whole = {"id": f"id-{seq}", "seq": seq, "author": author, "text": text, "html": f"<p>{text}</p>"}
    return event(seq, "message.created", message={**whole, "created_at": written, **more})


def draft(widget: Shopper) -> Locator:
    """The answer that is being written."""
    return widget.page.locator(".message[aria-hidden]")


@pytest.fixture
def ready(widget: Shopper) -> Shopper:
    """The chat, connected: nothing of the server's greeting comes in between."""
    widget.page.wait_for_function("() => document.querySelector('helpdesk-chat').panel.chat.state.token")
    return widget


def test_offsets_count_code_points(ready: Shopper) -> None:
    ready.tell(delta(0, "A 📦"), delta(3, " for"), delta(6, "r you"))
    expect(draft(ready)).to_contain_text("A 📦 for you")


def test_a_gap_waits_for_the_final_text_and_zero_starts_over(ready: Shopper) -> None:
    ready.tell(delta(0, "One"), delta(9, "lost"))
    expect(draft(ready).locator(".bubble")).to_have_text("One")
    ready.tell(delta(0, "One two three"))
    expect(draft(ready).locator(".bubble")).to_have_text("One two three")


def test_unfinished_markdown_has_its_final_shape_and_is_never_markup(ready: Shopper) -> None:
    ready.tell(
        delta(0, "Some **bold** and <img src=x>\n\n- one\n- `two`\n\n1. three\n\n[link](https://a.example/)")
    )
    bubble = draft(ready).locator(".bubble")
    expect(bubble.locator("strong")).to_have_text("bold")
    expect(bubble.locator("ul li")).to_have_text(["one", "two"])
    expect(bubble.locator("ol li")).to_have_text(["three"])
    expect(bubble.locator("code")).to_have_text("two")
    expect(bubble.locator("p").first).to_have_text("Some bold and <img src=x>")
    expect(bubble.locator("img, a")).to_have_count(0)


def test_the_final_message_takes_the_place_of_the_stream_without_a_jump(ready: Shopper) -> None:
    ready.say("How long")
    ready.sent()
    ready.tell(delta(0, "Delivery takes **two days**."))
    before = draft(ready).locator(".bubble").bounding_box()
    html = "<p>Delivery takes <strong>two days</strong>.</p>"
    sources = [{"title": "Delivery", "url": "/help/1-delivery/"}]
    ready.tell(message(9, "Delivery takes **two days**.", html=html, run="run", citations=sources))
    ready.tell(delta(0, "late"), delta(4, "r"))
    expect(draft(ready)).to_have_count(0)
    expect(ready.theirs).to_have_text(["Delivery takes two days."])
    assert ready.theirs.bounding_box() == before
    expect(ready.page.locator(".sources a")).to_have_attribute("href", f"{ready.url}/help/1-delivery/")
    expect(ready.page.locator(".stop")).to_be_hidden()
    expect(ready.page.locator("[role=log]")).to_have_text("Lia. Delivery takes **two days**.")


def test_a_message_written_meanwhile_stands_above_the_answer(ready: Shopper) -> None:
    ready.tell(delta(0, "The answer"))
    ready.say("One more thing")
    ready.sent()
    expect(ready.page.locator(".message").last).to_contain_text("The answer")
    ready.tell(message(9, "The answer", run="run"))
    expect(ready.page.locator(".message .bubble")).to_have_text(["Hello", "One more thing", "The answer"])


@pytest.mark.parametrize("name", ["run.cancelled", "run.superseded"])
def test_the_text_of_a_run_that_ended_disappears(ready: Shopper, name: str) -> None:
    ready.tell(delta(0, "Never mind"), event(3, name, run="run"), delta(10, " this"))
    expect(draft(ready)).to_have_count(0)
    expect(ready.page.locator(".stop")).to_be_hidden()
    ready.tell(delta(0, "Another", run="second"))
    expect(draft(ready)).to_contain_text("Another")


def test_the_agent_can_be_stopped_while_it_writes(ready: Shopper) -> None:
    ready.tell({"type": "typing", "who": "agent", "name": "Lia", "on": True})
    expect(draft(ready).locator("i")).to_have_count(3)
    expect(ready.page.locator(".line")).to_contain_text("Lia is writing")
    ready.page.get_by_role("button", name="Stop").click()
    assert ready.page.evaluate("told.at(-1)") == {"type": "stop"}
    ready.tell({"type": "typing", "who": "agent", "name": "Lia", "on": False})
    expect(draft(ready)).to_have_count(0)


def test_an_answer_that_was_not_streamed_takes_the_dots_away(ready: Shopper) -> None:
    ready.tell({"type": "typing", "who": "agent", "name": "Lia", "on": True}, message(4, "Here it is"))
    expect(draft(ready)).to_have_count(0)
    expect(ready.page.locator(".stop")).to_be_hidden()
    expect(ready.theirs).to_have_text(["Here it is"])


def test_an_operator_who_types_is_shown_for_a_while(shopper: Shop, inbox: Inbox) -> None:
    visitor = shopper()
    visitor.page.clock.install()
    visitor.visit().open()
    visitor.tell({"type": "typing", "who": "operator", "name": "Bruno", "on": True})
    expect(visitor.page.locator(".line")).to_contain_text("Bruno is writing")
    # The frame that ends it is lost.
    visitor.page.clock.run_for(61_000)
    expect(visitor.page.locator(".line")).not_to_contain_text("Bruno")


def test_an_unknown_event_counts_and_an_old_one_does_not(ready: Shopper) -> None:
    ready.tell(event(7, "moon.risen"), message(6, "Too late"), {"type": "who knows"})
    assert ready.page.evaluate("document.querySelector('helpdesk-chat').panel.chat.seq") == 7
    expect(ready.theirs).to_have_count(0)


def test_a_changed_message_changes_where_it_stands(ready: Shopper) -> None:
    changed = message(3, "First, corrected", id="id-1") | {"event": "message.updated"}
    ready.tell(message(1, "First"), message(2, "Second", "operator"), changed)
    expect(ready.theirs).to_have_text(["First, corrected", "Second"])


def test_a_snapshot_replaces_all_but_what_is_not_sent(ready: Shopper) -> None:
    ready.say("x" * 10_001)
    expect(ready.page.locator(".failed")).to_be_visible()
    ready.tell(message(1, "Gone"))
    kept = message(5, "From the snapshot")["message"]
    ready.tell({"type": "snapshot", "seq": 5, "messages": [kept]})
    expect(ready.theirs).to_have_text(["From the snapshot"])
    expect(ready.page.locator(".failed")).to_be_visible()


def test_a_choice_is_sent_once_and_closes_its_row(ready: Shopper) -> None:
    choices = [{"label": "Open a ticket", "value": "Please open a ticket"}, {"label": "No", "value": "No"}]
    ready.tell(message(1, "What now?", choices=choices))
    ready.page.get_by_role("button", name="Open a ticket").click()
    ready.sent()
    expect(ready.mine).to_have_text(["Please open a ticket"])
    for choice in ready.page.locator(".choice").all():
        expect(choice).to_be_disabled()
    assert Message.objects.get().text == "Please open a ticket"


def test_customers_can_always_tell_who_speaks(ready: Shopper) -> None:
    who, person = ready.page.locator(".who"), ready.page.locator(".person")
    expect(who).to_have_text("LiaAI")
    ready.tell(event(2, "conversation.updated", status="open", assignee={"name": "Bruno", "avatar": ""}))
    expect(who).to_have_text("Bruno")
    expect(person).to_be_hidden()
    ready.tell(event(3, "conversation.updated", status="bot", assignee=None))
    expect(who).to_have_text("LiaAI")
    expect(person).to_be_visible()
    ready.tell(
        message(4, "I am a machine"), message(5, "I am not", "operator"), message(6, "Bruno left", "system")
    )
    expect(ready.page.locator(".message:not(:first-child) .by").nth(0)).to_have_text("LiaAI")
    expect(ready.page.locator(".message:not(:first-child) .by").nth(1)).to_have_text("Bruno")
    expect(ready.page.locator(".system .by")).to_be_hidden()


def test_messages_of_one_author_are_one_group(ready: Shopper) -> None:
    ready.tell(message(1, "One"), message(2, "Two"), message(3, "Three", "operator"))
    shown = "nodes => nodes.map((node) => node.checkVisibility() && node.offsetHeight > 1)"
    assert ready.page.locator(".message:not(:first-child) .by").evaluate_all(shown) == [True, False, True]
    assert ready.page.locator(".message:not(:first-child) time").evaluate_all(shown) == [False, True, True]


def test_a_source_that_is_no_web_address_is_no_link(ready: Shopper) -> None:
    sources = [
        {"title": "Bad", "url": "javascript:alert(1)"},
        {"title": "Good", "url": "https://a.example/x"},
    ]
    ready.tell(message(1, "See", citations=sources))
    links = ready.page.locator(".sources a")
    expect(links).to_have_text(["1Bad", "2Good"])
    assert [link.get_attribute("href") for link in links.all()] == [None, "https://a.example/x"]


def test_the_beginning_of_a_long_answer_stays_in_sight(ready: Shopper) -> None:
    ready.say("Tell me everything")
    ready.sent()
    top = "node => node.getBoundingClientRect().top"
    ready.tell(delta(0, LONG[:900]))
    first = draft(ready).evaluate(top)
    ready.tell(delta(900, LONG[900:]))
    assert draft(ready).evaluate(top) == first
    expect(draft(ready).locator("p").first).to_be_in_viewport()
    ready.page.get_by_role("button", name="Latest messages").click()
    expect(draft(ready).locator("p").last).to_be_in_viewport()
    expect(ready.page.locator(".down")).to_be_hidden()


def test_who_reads_further_up_is_left_there(ready: Shopper) -> None:
    for seq in range(1, 12):
        ready.tell(
            message(seq, "A message of some length, so that it needs two lines in the panel.", "operator")
        )
    log = ready.page.locator(".log")
    log.evaluate("node => { node.scrollTop = 0; }")
    expect(ready.page.locator(".down")).to_be_visible()
    ready.tell(message(20, "News"))
    assert log.evaluate("node => node.scrollTop") == 0


def test_long_words_and_names_break_instead_of_widening(ready: Shopper) -> None:
    name = {"kind": "operator", "name": "Bartholomew-" * 12, "avatar": ""}
    ready.tell(message(1, "https://example.com/" + "a" * 300, author=name), message(2, "W" * 200))
    wide = ready.page.locator(".log, .head").evaluate_all(
        "nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth).length"
    )
    assert wide == 0


def test_too_many_messages_are_sent_later_by_themselves(
    shopper: Shop, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 1
    visitor = shopper()
    visitor.page.clock.install()
    visitor.visit().open()
    visitor.say("One")
    visitor.sent()
    visitor.say("Two")
    expect(visitor.note).to_have_text("Many messages at once. The next one goes in 42 s.")
    expect(visitor.page.locator(".contact [title='Sending']")).to_have_count(1)
    settings.CHAT_MESSAGES_PER_MINUTE = 10
    visitor.page.clock.run_for(43_000)
    visitor.sent()
    expect(visitor.note).to_have_text("")
    assert list(Message.objects.order_by("seq").values_list("text", flat=True)) == ["One", "Two"]


def test_what_is_told_to_wait_is_not_overtaken(
    shopper: Shop, inbox: Inbox, settings: Any, still_minute: None
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 1
    visitor = shopper()
    visitor.page.clock.install()
    visitor.visit().open()
    visitor.say("One")
    visitor.sent()
    visitor.say("Two")
    expect(visitor.note).to_contain_text("Many messages at once.")
    settings.CHAT_MESSAGES_PER_MINUTE = 10
    visitor.say("Three")
    visitor.say("Four")
    visitor.page.clock.run_for(43_000)
    visitor.sent()
    stored = Message.objects.order_by("seq").values_list("text", flat=True)
    assert list(stored) == ["One", "Two", "Three", "Four"]


def test_a_token_that_is_no_longer_good_makes_a_new_visitor(ready: Shopper) -> None:
    ready.say("One")
    ready.sent()
    ready.page.evaluate(
        "() => document.querySelector('helpdesk-chat').panel.chat.save({ token: 'expired-long-ago' })"
    )
    ready.page.evaluate("sockets.at(-1).close()")
    expect(ready.mine).to_have_count(0)
    ready.say("Two")
    ready.sent()
    expect(ready.mine).to_have_text(["Two"])


def test_a_chat_that_was_switched_off_says_so_and_rests(ready: Shopper) -> None:
    Inbox.objects.update(is_active=False)
    ready.page.evaluate("sockets.at(-1).close()")
    expect(ready.note).to_have_text("This chat is not available here.")
    count = ready.page.evaluate("sockets.length")
    ready.page.evaluate("window.dispatchEvent(new Event('online'))")
    assert ready.page.evaluate("sockets.length") == count
