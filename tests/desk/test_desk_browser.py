"""The desk in Chromium, two browsers side by side, on the running product."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from conversations.models import Attachment, Conversation, Inbox
from core.actor import Actor
from tests.browser import MARKS
from tests.desk.conftest import said
from tests.desk.seats import PHONE, Sit
from tests.desk.test_site import every_page
from tests.live import LiveServer
from tickets.actions import create_ticket

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:The default scheme will be changed")]


# Lets a test reach the page's sockets.
SOCKETS = (
    "const Native = WebSocket; window.sockets = [];"
    "window.WebSocket = class extends Native {"
    " constructor(...all) { super(...all); sockets.push(this); } };"
)


class Customer:
    """A customer who writes through the product's own door."""

    def __init__(self, server: LiveServer, inbox: Inbox) -> None:
        import httpx

        self.server = server
        self.http = httpx.Client(base_url=f"{server.url}/api/v1/widget/{inbox.key}", timeout=20)
        token = self.http.post("/hello", json={"type": "hello", "v": 1}).raise_for_status().json()["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def tell(self, **frame: object) -> None:
        self.http.post("/messages", json=frame).raise_for_status()

    def say(self, text: str) -> None:
        from uuid import uuid4

        self.tell(type="send", client_id=str(uuid4()), text=text)


@pytest.fixture
def customer(quiet_server: LiveServer, inbox: Inbox) -> Iterator[Customer]:
    customer = Customer(quiet_server, inbox)
    yield customer
    customer.http.close()


def test_two_desks_see_the_same(sit: Sit, as_ana: Client, as_bruno: Client, customer: Customer) -> None:
    customer.say("Where is my parcel")
    ana, bruno = sit(as_ana).inbox(), sit(as_bruno).inbox()
    for seat in (ana, bruno):
        seat.open("Visitor")
        seat.says("Where is my parcel")
    bruno.page.keyboard.press("r")
    bruno.page.keyboard.type("It is on its way")
    bruno.page.keyboard.press("Control+Enter")
    for seat in (ana, bruno):
        seat.says("It is on its way")
        expect(seat.page.locator(".message.from-operator")).to_have_count(1)
    expect(bruno.page.locator("[data-pending]")).to_have_count(0)
    customer.say("Thank you")
    for seat in (ana, bruno):
        seat.says("Thank you")
    bruno.page.get_by_role("button", name="Resolve", exact=True).click()
    expect(ana.page.locator("[data-thread-status]")).to_have_text("Resolved")
    ana.says("Bruno resolved the conversation")


def test_taking_over_from_the_agent(
    sit: Sit, as_ana: Client, as_bruno: Client, conversation: Conversation
) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(status="bot")
    ana, bruno = (
        sit(as_ana).inbox("?queue=agent").open("Davi"),
        sit(as_bruno).inbox("?queue=agent").open("Davi"),
    )
    expect(ana.page.locator(".row .ai-mark")).to_have_text("AI")
    expect(bruno.page.locator("[data-composer-hint]")).to_contain_text("takes over")
    bruno.page.keyboard.press("t")
    expect(bruno.page.locator("[data-thread-charge]")).to_contain_text("Bruno")
    bruno.says("You took over")
    ana.says("Bruno took over")
    expect(ana.page.locator("[data-act='take-over']")).to_be_hidden()


def test_a_note_stays_among_us(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    customer.say("Hello")
    seat = sit(as_bruno).inbox().open("Visitor")
    seat.page.keyboard.press("n")
    expect(seat.page.locator("[data-send]")).to_have_text("Add note")
    seat.page.keyboard.type("Be careful")
    seat.page.keyboard.press("Control+Enter")
    expect(seat.page.locator(".message.note")).to_contain_text("Be careful")
    # A remark must not reach the customer by habit.
    expect(seat.page.locator("[data-composer]")).to_have_attribute("data-mode", "note")
    with customer.http.stream("GET", "/events", params={"since": 0}) as answer:
        lines = answer.iter_lines()
        told = "".join(next(lines) for _ in range(4))
    assert "Be careful" not in told


def test_rows_change_where_they_stand(sit: Sit, as_bruno: Client, inbox: Inbox, customer: Customer) -> None:
    for number in range(30):
        said(inbox, f"waiting {number:02}")
    customer.say("First")
    seat = sit(as_bruno).inbox()
    rows = seat.page.locator(".row")
    expect(rows).to_have_count(31)
    focused = rows.nth(12)
    focused.focus()
    scroller = seat.page.locator("[data-list-scroll]")
    scroller.evaluate("element => { element.scrollTop = 400 }")
    customer.say("Second")
    expect(rows.last).to_contain_text("Second")
    assert scroller.evaluate("element => element.scrollTop") == 400
    expect(focused).to_be_focused()
    seat.page.keyboard.press("j")
    expect(rows.nth(13)).to_be_focused()
    seat.page.keyboard.press("k")
    seat.page.keyboard.press("k")
    expect(rows.nth(11)).to_be_focused()
    seat.page.keyboard.press("Enter")
    expect(seat.page.locator("[data-thread-name]")).to_have_text("Waiting 11")


def test_a_slow_look_does_not_undo_what_was_told_meanwhile(
    sit: Sit, as_bruno: Client, inbox: Inbox, customer: Customer
) -> None:
    customer.say("First")
    seat = sit(as_bruno)
    # The look that follows a connection is answered from before, and late.
    seat.page.add_init_script(
        "const quick = fetch; window.held = 0; window.fetch = async (...all) => {"
        " const answer = await quick(...all);"
        " if (String(all[0]).includes('/rows/')) {"
        "  held++; await new Promise((go) => { window.letGo = go; }); held--; }"
        " return answer; };"
    )
    seat.inbox()
    seat.page.wait_for_function("() => held === 1")
    customer.say("Second")
    somebody = Customer(customer.server, inbox)
    somebody.say("Newly come")
    rows = seat.page.locator(".row")
    for _ in range(2):
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("Second")
        expect(rows.last).to_contain_text("Newly come")
        seat.page.evaluate("letGo()")
        seat.page.wait_for_function("() => held === 0")
    somebody.http.close()


def test_long_lists_come_in_pages(sit: Sit, as_bruno: Client, inbox: Inbox) -> None:
    for number in range(70):
        said(inbox, f"customer {number}")
    seat = sit(as_bruno).inbox()
    expect(seat.page.locator(".row")).to_have_count(50)
    seat.page.locator("[data-list-more]").scroll_into_view_if_needed()
    expect(seat.page.locator(".row")).to_have_count(70)
    names = seat.page.locator(".row-name").all_text_contents()
    assert len(set(names)) == 70


def test_the_next_page_comes_although_the_line_does_too(sit: Sit, as_bruno: Client, inbox: Inbox) -> None:
    for number in range(60):
        said(inbox, f"customer {number}")
    seat = sit(as_bruno)
    seat.page.add_init_script(SOCKETS)
    # The next page is slow, and a reconnected desk looks again at what it shows meanwhile.
    seat.page.add_init_script(
        "const quick = fetch; window.slow = 0; window.fetch = async (address, ...rest) => {"
        " if (String(address).includes('after=')) {"
        "  slow++; await new Promise((go) => setTimeout(go, 1500)); }"
        " return quick(address, ...rest); };"
    )
    seat.inbox()
    expect(seat.page.locator(".row")).to_have_count(50)
    seat.page.locator("[data-list-more]").scroll_into_view_if_needed()
    seat.page.wait_for_function("() => slow > 0")
    seat.page.evaluate("sockets.at(-1).close()")
    expect(seat.page.locator(".row")).to_have_count(60)
    assert seat.page.evaluate("slow") == 1


def test_an_outage_keeps_what_was_written(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    customer.say("Hello")
    seat = sit(as_bruno).inbox().open("Visitor")
    seat.page.context.set_offline(True)
    seat.page.keyboard.press("r")
    seat.write("Written offline")
    seat.page.keyboard.press("Control+Enter")
    expect(seat.page.locator("[data-pending]")).to_contain_text("Waiting")
    seat.page.context.set_offline(False)
    expect(seat.page.locator(".message.from-operator:not(.pending)")).to_contain_text("Written offline")
    expect(seat.page.locator("[data-pending]")).to_have_count(0)
    expect(seat.page.locator(".message.from-operator")).to_have_count(1)
    seat.complaints[:] = [text for text in seat.complaints if "INTERNET_DISCONNECTED" not in text]


def test_a_lost_connection_is_resumed_without_gap(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    customer.say("One")
    seat = sit(as_bruno)
    seat.page.add_init_script(SOCKETS)
    seat.inbox().open("Visitor")
    seat.page.evaluate("sockets.at(-1).close()")
    customer.say("Two")
    customer.say("Three")
    seat.says("Three")
    texts = seat.page.locator(".message .prose").all_inner_texts()
    assert [text.strip() for text in texts] == ["One", "Two", "Three"]


# What a browser hands to a page when a picture is pasted: a file and no text.
PASTE = """field => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2;
  const content = Uint8Array.from(atob(canvas.toDataURL("image/png").split(",")[1]), (c) => c.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([content], "image.png", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_a_picture_is_pasted_into_a_reply(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    """django-helpdesk #1444: a screenshot had to be saved and attached by hand."""
    customer.say("Hello")
    seat = sit(as_bruno).inbox().open("Visitor")
    seat.page.keyboard.press("r")
    seat.write("Look here")
    seat.page.locator("[data-composer-text]").evaluate(PASTE)
    expect(seat.page.locator("[data-files]")).to_contain_text("image.png")
    seat.page.get_by_role("button", name="Send", exact=True).click()
    reply = seat.page.locator(".message.from-operator:not(.pending)")
    expect(reply).to_contain_text("Look here")
    expect(reply.locator("img")).to_be_visible()
    file = Attachment.objects.get()
    assert (file.name, file.content_type) == ("image.png", "image/png")
    assert file.message is not None
    assert file.message.text == "Look here"


def test_drafts_stay_with_their_conversation(sit: Sit, as_bruno: Client, inbox: Inbox) -> None:
    said(inbox, "xavier")
    said(inbox, "yolanda")
    seat = sit(as_bruno).inbox().open("Xavier")
    seat.write("Half a sentence")
    seat.open("Yolanda")
    expect(seat.page.locator("[data-composer-text]")).to_have_value("")
    seat.page.reload()
    seat.open("Xavier")
    expect(seat.page.locator("[data-composer-text]")).to_have_value("Half a sentence")


def test_a_ticket_from_a_conversation_and_its_page(
    sit: Sit, as_ana: Client, as_bruno: Client, customer: Customer
) -> None:
    customer.say("My parcel is lost")
    watcher = sit(as_ana)
    watcher.page.goto(f"{watcher.url}/admin/tickets/")
    expect(watcher.page.locator(".empty-title")).to_be_visible()
    seat = sit(as_bruno).inbox().open("Visitor")
    seat.page.keyboard.press("c")
    dialog = seat.page.get_by_role("dialog")
    dialog.get_by_label("Subject").fill("Lost parcel")
    dialog.get_by_role("button", name="Create ticket").click()
    expect(dialog).to_be_hidden()
    seat.says("You created ticket")
    row = watcher.page.locator(".ticket-row")
    expect(row).to_contain_text("Lost parcel")
    row.get_by_role("link").click()
    watcher.page.get_by_label("Status").select_option("solved")
    expect(watcher.page.locator("[data-ticket-history]")).to_contain_text(
        "Ana changed status from New to Solved"
    )
    seat.says("Ana set ticket")


def test_streamed_text_shows_as_it_comes(sit: Sit, as_bruno: Client, conversation: Conversation) -> None:
    seat = sit(as_bruno).inbox().open("Davi")
    expect(seat.page.locator(".streaming")).to_have_count(0)
    seat.page.evaluate(
        """async (conversation) => {
            const { tell } = await import(
                document.querySelector("script[src*='desk/js/inbox']").src.replace("inbox.js", "state.js"));
            const say = (offset, text) => tell("socket:delta", { conversation, run: "r", offset, text });
            say(0, "Your parcel "); say(12, "is late"); say(12, "is here");
        }""",
        str(conversation.pk),
    )
    stream = seat.page.locator(".streaming")
    expect(stream).to_contain_text("Your parcel is here")
    expect(stream.locator(".ai-mark")).to_have_text("AI")


def test_the_phone_shows_one_pane_with_a_way_back(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    customer.say("Hello")
    seat = sit(as_bruno, PHONE).inbox()
    expect(seat.page.locator(".thread-pane")).to_be_hidden()
    seat.open("Visitor")
    expect(seat.page.locator(".list")).to_be_hidden()
    expect(seat.page.locator("[data-composer-text]")).to_be_in_viewport()
    assert seat.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    seat.page.locator("[data-back]").click()
    expect(seat.page.locator(".list")).to_be_visible()
    seat.page.go_back()
    expect(seat.page.locator("[data-thread-name]")).to_be_visible()


def test_what_strangers_write_is_only_shown(sit: Sit, as_bruno: Client, customer: Customer) -> None:
    customer.say(
        "<img src=x onerror=\"document.title='owned'\"> <script>document.title='owned'</script> **x**"
    )
    seat = sit(as_bruno).inbox().open("Visitor")
    seat.says("<script>")
    expect(seat.page.locator(".prose img, .prose script, .prose strong")).to_have_count(0)
    assert "owned" not in seat.page.title()


def test_nothing_stands_in_the_way_of_keyboards_and_screen_readers(
    sit: Sit, as_ana: Client, conversation: Conversation
) -> None:
    create_ticket(conversation=conversation, subject="Parcel lost", by=Actor.system())
    seat = sit(as_ana).inbox().open("Davi")
    seat.page.keyboard.press("d")
    seat.page.keyboard.press("n")
    assert barriers(seat.page) == []
    seat.page.emulate_media(color_scheme="dark")
    assert barriers(seat.page, "{runOnly: ['color-contrast']}") == []
    seat.page.goto(f"{seat.url}/admin/tickets/")
    expect(seat.page.locator(".ticket-row")).to_have_count(1)
    assert barriers(seat.page) == []
    seat.page.locator(".ticket-row a").click()
    expect(seat.page.locator("[data-ticket-history] li")).to_have_count(1)
    assert barriers(seat.page) == []
    seat.page.goto(f"{seat.url}/admin/settings/")
    assert barriers(seat.page) == []


AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"


def barriers(page: Page, options: str = "{}") -> list[str]:
    """What axe finds wrong with the page as it stands."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(f"axe.run({options})")["violations"]
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']][:3]}" for rule in found]


def test_every_page_of_the_admin_keeps_the_content_policy(
    sit: Sit, as_ana: Client, ana: User, conversation: Conversation
) -> None:
    seat = sit(as_ana)
    rows = [
        reverse("admin:accounts_user_change", args=[ana.pk]),
        reverse("admin:conversations_inbox_change", args=[conversation.inbox_id]),
    ]
    for path in [*every_page(), *rows]:
        seat.page.goto(seat.url + path)
        expect(seat.page.locator("#content-start")).to_be_visible()
        assert seat.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    # Django's own script fills this calendar.
    seat.page.goto(seat.url + rows[0])
    seat.page.locator(".datetimeshortcuts a").nth(1).click()
    expect(seat.page.locator(".calendarbox").first).to_be_visible()
    with seat.page.expect_popup() as popup:
        seat.page.locator("#add_id_teams").click()
    popup.value.locator("#id_name").fill("Logistics")
    popup.value.locator("#id_slug").fill("logistics")
    popup.value.locator("[name=_save]").click()
    expect(seat.page.locator("#id_teams_to")).to_contain_text("Logistics")


def test_the_list_of_shortcuts_and_the_details(
    sit: Sit, as_bruno: Client, conversation: Conversation
) -> None:
    seat = sit(as_bruno).inbox()
    seat.page.keyboard.press("?")
    expect(seat.page.get_by_role("dialog")).to_contain_text("Take over")
    seat.page.keyboard.press("Escape")
    seat.open("Davi")
    seat.page.keyboard.press("d")
    expect(seat.page.locator(".context")).to_contain_text("davi@example.com")
    seat.page.keyboard.press("e")
    expect(seat.page.locator("[data-thread-status]")).to_have_text("Resolved")
