"""A campaign from its audience to its chart, in Chromium, through the product and a simulated WhatsApp."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from accounts.enums import Role
from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording
from campaigns.models import Campaign, Recipient
from conversations.enums import DeliveryStatus
from conversations.models import Inbox, MessageTemplate
from tests.browser import MARKS
from tests.campaigns.conftest import people
from tests.campaigns.pages import page_of, run_to_its_end
from tests.conftest import make_user
from tests.desk.seats import PHONE, WIDE, Seat
from tests.fakes.provider import Simulator, running
from tests.fakes.whatsapp_cloud import WhatsAppCloud
from tests.integrations.whatsapp_cloud.case import settings_at
from tests.live import LiveServer

pytestmark = MARKS
CAMPAIGNS = "/admin/campaigns/campaign/"
SLOW = 60_000


@pytest.fixture
def meta(settings: Any) -> Iterator[Simulator]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with running(WhatsAppCloud) as simulator:
        yield simulator


@pytest.fixture
def number(transactional_db: None, team: Team, meta: Simulator) -> Inbox:
    """The team's number, at the simulated WhatsApp."""
    return Inbox.objects.create(
        name="Aurora", channel="whatsapp_cloud", team=team, title="Aurora", config=settings_at(meta.url)
    )


@pytest.fixture
def product(number: Inbox, meta: Simulator, server: LiveServer) -> LiveServer:
    """The whole product with its worker, to which the simulator tells what becomes of messages."""
    meta.hook(hook=f"{server.url}/hooks/{number.key}")
    return server


@pytest.fixture
def sign_in(chromium: Browser, product: LiveServer) -> Iterator[Any]:
    """Signs somebody in by the form; at the end no page may have complained."""
    seats: list[Seat] = []

    def signed_in(user: User, size: tuple[int, int] = WIDE) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", locale="en-US"
        )
        seat = Seat(context.new_page(), product.url)
        seat.page.on("console", seat.hear)
        seat.page.on("pageerror", lambda error: seat.complaints.append(str(error)))
        seats.append(seat)
        seat.page.goto(f"{product.url}/admin/login/")
        seat.page.get_by_label("Username").fill(user.username)
        seat.page.get_by_label("Password").fill(user.username)
        seat.page.get_by_role("button", name="Log in").click()
        seat.page.wait_for_url("**/admin/inbox/")
        return seat.page

    yield signed_in
    complaints = [text for seat in seats for text in seat.complaints]
    for seat in seats:
        seat.page.context.close()
    assert not complaints


def begin(page: Page, name: str) -> None:
    """From the sidebar to the draft."""
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Inbox").select_option("Aurora")
    page.get_by_role("button", name="Make a draft").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("[data-audience-count]")).to_contain_text(re.compile("people|person|Nobody"))


def variant(page: Page, place: int = 0) -> Any:
    """One of the wordings in use."""
    return page.locator("[data-variant]:not([disabled])").nth(place)


def say(page: Page, first: str, second: str) -> None:
    """Chooses the template and fills in its places."""
    variant(page).get_by_label("Template").select_option("offer · pt_BR")
    page.get_by_label("Place {{1}}").fill(first)
    page.get_by_label("Place {{2}}").fill(second)


def add_rule(page: Page, field: str, comparison: str, value: str) -> None:
    page.get_by_role("button", name="Add a rule").click()
    rule = page.locator(".rule").last
    rule.get_by_label("Field").select_option(field)
    rule.get_by_label("Comparison").select_option(comparison)
    rule.get_by_label("Value").fill(value)


def start(page: Page) -> None:
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".messagelist")).to_contain_text("Approved. Nobody has been written to yet")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("The campaign runs.")


def figure(page: Page, name: str) -> Any:
    return page.locator(f'[data-figure="{name}"]')


def test_from_the_audience_to_the_chart(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate, meta: Simulator
) -> None:
    people(number, 3)
    people(number, 6, start=10, tags=["vip"])
    page = sign_in(elsa)
    begin(page, "Natal")
    choose_who(page)
    write_what(page)
    decide_when(page)
    assert not meta.ledger()
    start(page)
    watch(page)
    sent = meta.ledger()
    assert len(sent) == len({row["to"] for row in sent}) == 6
    look_behind_a_number(page)


def choose_who(page: Page) -> None:
    expect(page.locator("[data-audience-count]")).to_have_text("9 people")
    add_rule(page, "Tag", "is", "vip")
    expect(page.locator("[data-audience-count]")).to_have_text("6 people")
    expect(page.locator("[data-audience-sample] li")).to_have_count(5)


def write_what(page: Page) -> None:
    say(page, "", "10%")
    page.get_by_label("Place {{1}}").click()
    variant(page).get_by_role("button", name="{{name}}", exact=True).click()
    expect(page.get_by_label("Place {{1}}")).to_have_value("{{name}}")
    expect(page.locator("[data-preview-text]")).to_have_text(re.compile(r"Oi Maria 1\d, 10% de desconto\."))
    first = page.locator("[data-preview-text]").inner_text()
    page.get_by_role("button", name="Next person").click()
    expect(page.locator("[data-preview-text]")).not_to_have_text(first)
    expect(page.locator("[data-preview-person]")).to_contain_text("2 of 6")


def decide_when(page: Page) -> None:
    page.get_by_label("Messages a minute").fill("600")
    page.get_by_label("Price of a message").fill("0.05")
    page.get_by_label("Currency").fill("BRL")
    expect(page.locator("[data-estimate-cost]")).to_have_text("0.30 BRL")
    expect(page.locator("[data-estimate-duration]")).to_have_text("about 1 minute")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved.")
    expect(page.locator(".rule")).to_have_count(1)
    expect(page.get_by_label("Place {{1}}")).to_have_value("{{name}}")


def watch(page: Page) -> None:
    """The numbers and the chart follow without a touch."""
    expect(figure(page, "read")).to_have_text("6", timeout=SLOW)
    for name in ("recipients", "sent", "delivered"):
        expect(figure(page, name)).to_have_text("6")
    expect(figure(page, "cost")).to_have_text("0.30")
    expect(page.locator(".campaign-head .pill")).to_have_text("Done", timeout=SLOW)
    drawn = page.evaluate(
        """() => {
            const chart = window.Chart.getChart(document.querySelector("[data-course]"));
            return chart.data.datasets.map((line) => [line.kind, line.data.at(0).y, line.data.at(-1).y]);
        }"""
    )
    assert drawn == [["written", 0, 6]]
    assert has_ink(page)


def look_behind_a_number(page: Page) -> None:
    """From a number to its recipients, from one of them to the conversation."""
    page.get_by_role("link", name=re.compile("^Read")).first.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(6)
    row = page.locator("#result_list tbody tr", has_text="Maria 12")
    expect(row.locator(".pill")).to_have_text("Read")
    row.get_by_role("link", name="Open").click()
    expect(page.locator("[data-thread-name]")).to_contain_text("Maria 12")
    expect(page.locator("[data-items]")).to_contain_text("Oi Maria 12, 10% de desconto.")


def has_ink(page: Page) -> bool:
    """Says whether something has been drawn in the middle of the chart."""
    return bool(
        page.evaluate(
            """() => {
                const canvas = document.querySelector("[data-course]");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return data.some((value, place) => place % 4 === 3 && value > 0);
            }"""
        )
    )


def test_replies_and_words_are_counted_while_one_looks(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate, meta: Simulator
) -> None:
    people(number, 2)
    page = sign_in(elsa)
    begin(page, "Natal")
    say(page, "{{name}}", "10%")
    page.get_by_label("Messages a minute").fill("600")
    start(page)
    expect(figure(page, "read")).to_have_text("2", timeout=SLOW)
    meta.say(text="Quero!", **{"from": "5511900000000"})
    meta.say(text="SAIR", **{"from": "5511900000001"})
    expect(figure(page, "replied")).to_have_text("1", timeout=SLOW)
    expect(figure(page, "opted_out")).to_have_text("1", timeout=SLOW)


def test_pasted_list_names_its_bad_lines(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate, meta: Simulator
) -> None:
    page = sign_in(elsa)
    begin(page, "List")
    say(page, "{{first_name}}", "{{coupon}}")
    page.get_by_role("radio", name="A list").check()
    good = "\n".join(f"+55 11 98765-{n:04};Ana {n};C{n}" for n in range(4))
    page.get_by_label("Paste a list").fill(f"phone;name;coupon\n{good}\nnobody;Bia;X\n+55 11;Caio;Y")
    page.get_by_role("button", name="Add to the list").click()
    expect(page.locator("[data-upload-result]")).to_have_text(
        "4 added, 0 there already, 2 could not be read", timeout=SLOW
    )
    bad = page.locator(".bad-rows tbody tr")
    expect(bad).to_have_count(2)
    expect(bad.first).to_contain_text("nobody is no telephone number.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all of them").click()
    assert '"nobody","Bia","X",' in download.value.path().read_text(encoding="utf-8-sig")
    expect(page.locator("[data-audience-count]")).to_have_text("4 people")
    expect(page.locator("[data-preview-text]")).to_have_text(re.compile(r"Oi Ana, C\d de desconto\."))
    page.get_by_label("Messages a minute").fill("600")
    start(page)
    expect(figure(page, "sent")).to_have_text("4", timeout=SLOW)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all recipients").click()
    assert len(download.value.path().read_text(encoding="utf-8-sig").splitlines()) == 5
    assert {row["to"] for row in meta.ledger()} == {f"551198765{n:04}" for n in range(4)}


def test_cancel_asks_first(sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate) -> None:
    people(number, 30)
    page = sign_in(elsa)
    begin(page, "Natal")
    say(page, "a", "b")
    page.get_by_label("Messages a minute").fill("1")
    start(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".messagelist")).to_contain_text("Paused.")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Cancel the campaign").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It cannot be resumed")
    dialog.get_by_role("button", name="Keep it going").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Cancel the campaign").first.click()
    dialog.get_by_role("button", name="Cancel the campaign").click()
    expect(page.locator(".campaign-head .pill")).to_have_text("Cancelled")
    assert Campaign.objects.get().status == "cancelled"
    assert Recipient.objects.filter(reason="cancelled").count() >= 28


def test_variants_are_added_previewed_and_removed(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate
) -> None:
    people(number, 1)
    page = sign_in(elsa)
    begin(page, "Natal")
    variant(page).get_by_label("Text", exact=True).fill("One {{name}}")
    page.get_by_role("button", name="Add a variant").click()
    variant(page, 1).get_by_label("Text", exact=True).fill("Two {{plan}}")
    expect(page.get_by_role("heading", name="Variant B")).to_be_visible()
    page.locator("[data-preview-variant]").select_option("Variant B")
    expect(page.locator("[data-preview-text]")).to_have_text("Two")
    expect(page.locator("[data-preview-problem]")).to_contain_text("{{plan}}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved.")
    assert list(Campaign.objects.get().variants.values_list("text", flat=True)) == [
        "One {{name}}",
        "Two {{plan}}",
    ]
    variant(page).get_by_role("button", name="Remove").first.click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved.")
    assert list(Campaign.objects.get().variants.values_list("label", "text")) == [("A", "Two {{plan}}")]


def test_letters_are_those_of_the_page(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate
) -> None:
    page = sign_in(elsa)
    begin(page, "Natal")
    variant(page).get_by_label("Text", exact=True).fill("One")
    page.get_by_role("button", name="Add a variant").click()
    variant(page, 1).get_by_label("Text", exact=True).fill("Two")
    variant(page).get_by_role("button", name="Remove").first.click()
    page.get_by_role("button", name="Add a variant").click()
    variant(page, 1).get_by_label("Text", exact=True).fill("Three")
    expect(page.get_by_role("heading", name="Variant B")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved.")
    rows = Campaign.objects.get().variants.values_list("label", "text")
    assert list(rows) == [("A", "Two"), ("B", "Three")]


def test_what_a_program_has_made_is_started_as_it_is(sign_in: Any, elsa: User, mailbox: Inbox) -> None:
    text = "Oi {{name|you}},\n\nnews: {{unsubscribe}}"
    campaign = actions.create_campaign(
        by=elsa.as_actor(), inbox=mailbox, name="News", brief="Until Friday.\nAll shops.",
        starts_at=datetime(2030, 1, 2, 9, 30, 45, 5, UTC), quiet_from=time(22, 0, 30),
        quiet_until=time(7, 59, 59), wordings=[Wording(text=text, subject="News", values={"x": "y"})],
    )  # fmt: skip
    actions.approve(campaign=campaign, by=elsa.as_actor())
    page = sign_in(elsa)
    page.goto(page.url.partition("/admin/")[0] + page_of(campaign))
    expect(page.locator("[data-audience-count]")).to_have_text("Nobody fits.")
    page.get_by_role("button", name="Plan the start").click()
    expect(page.locator(".messagelist")).to_contain_text("Planned: it begins at its time.")
    after = Campaign.objects.get()
    assert (after.status, after.starts_at, after.brief) == ("scheduled", campaign.starts_at, campaign.brief)
    assert after.variants.get().text == text


def test_test_goes_to_who_is_found_by_name(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate, meta: Simulator
) -> None:
    people(number, 12)
    page = sign_in(elsa)
    begin(page, "Natal")
    say(page, "{{name}}", "10%")
    page.get_by_label("Name or number of somebody known in this inbox").fill("maria 7")
    page.get_by_role("button", name=re.compile("Maria 7")).click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".messagelist")).to_contain_text("A test was sent to Maria 7.")
    for _look in range(100):
        if meta.ledger():
            break
        page.wait_for_timeout(200)
    assert [row["to"] for row in meta.ledger()] == ["5511900000007"]


def test_who_leads_another_team_or_none_finds_no_campaign(
    sign_in: Any, elsa: User, bruno: User, other_team: Team
) -> None:
    page = sign_in(elsa)
    begin(page, "Natal")
    address = page.url
    operator = sign_in(bruno)
    expect(operator.get_by_role("link", name="Contacts", exact=True)).to_be_visible()
    expect(operator.get_by_role("link", name="Campaigns", exact=True)).to_have_count(0)
    other = sign_in(make_user("fabio", Role.LEAD, other_team))
    other.get_by_role("link", name="Campaigns", exact=True).click()
    expect(other.get_by_role("heading", name="No campaign yet")).to_be_visible()
    assert other.request.get(address).status == 404
    assert operator.request.get(address).status == 403


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_long_words_do_not_widen_the_pages(
    sign_in: Any, elsa: User, number: Inbox, offer: MessageTemplate, size: tuple[int, int]
) -> None:
    long = "Natal" * 20
    found = people(number, 3, name="M" * 100)
    page = sign_in(elsa, size)
    begin(page, long)
    add_rule(page, "Name", "contains", "M" * 90)
    expect(page.locator("[data-audience-count]")).to_have_text("3 people")
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    campaign = Campaign.objects.get()
    outcomes = [DeliveryStatus.FAILED, DeliveryStatus.READ, "unreachable"]
    run_to_its_end(campaign, found, outcomes, error="x" * 300)
    server = page.url.partition("/admin/")[0]
    customer = reverse("admin:conversations_contact_change", args=[found[0].pk])
    recipients = f"/admin/campaigns/recipient/?campaign={campaign.pk}"
    for address in (page_of(campaign), recipients, CAMPAIGNS, customer):
        page.goto(server + address)
        expect(page.locator("h1")).to_be_visible()
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    assert max(widths) <= size[0]
