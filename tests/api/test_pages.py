"""The two pages of documentation, in a real browser under the real policy."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from accounts.enums import Scope
from tests.api.conftest import KeyMaker
from tests.browser import browser
from tests.live import LiveServer
from tickets.models import Ticket


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/health/live", "/api/v1/tickets", "/api/nothing", "/api/schema"]
)
def test_policy_allows_no_script_but_ours(client: Any, db: None, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert "unsafe" not in policy
    styles = directives["style-src"].split()
    assert styles[0] == "'self'"
    # Redoc's two style elements by their hash, and nothing of the kind anywhere else.
    assert len(styles) == (3 if path == "/redoc" else 1)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_page_holds_no_inline_code_and_asks_nobody_else(client: Any, path: str) -> None:
    page = client.get(path).content.decode()
    assert "<style" not in page
    assert "style=" not in page
    assert "//" not in page.replace("<!doctype html>", "")
    assert all("src=" in tag for tag in page.split("<script")[1:])


Visit = Callable[[str], Page]


@pytest.fixture
def visit(chromium: Browser, quiet_server: LiveServer) -> Iterator[Visit]:
    """Opens a page; at the end it must have complained about nothing and asked nobody but us."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 900})

    def asked(request: Request) -> None:
        if not request.url.startswith((quiet_server.url, "data:")):
            complaints.append(request.url)

    def opened(path: str) -> Page:
        page = context.new_page()
        page.on("console", lambda told: complaints.append(f"{told.type}: {told.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", asked)
        page.goto(f"{quiet_server.url}{path}")
        return page

    yield opened
    context.close()
    assert complaints == []


@browser
def test_reader_signs_in_with_a_key_and_reads_tickets(
    visit: Visit, ticket: Ticket, with_key: KeyMaker
) -> None:
    page = visit("/docs")
    expect(page.get_by_role("heading", name="Helpdesk API")).to_be_visible()
    page.get_by_role("button", name="Authorize").click()
    header = page.locator(".modal-ux .auth-container").filter(has_text="XApiKey")
    header.locator("#api_key_value").fill(with_key(Scope.READ).key)
    header.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").last.click()
    page.locator("#operations-tag-tickets").click()
    operation = page.locator("#operations-tickets-tickets_list")
    operation.locator("button.opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text(f'"number": {ticket.number}')


@browser
def test_reader_finds_an_operation_with_its_fields(visit: Visit) -> None:
    page = visit("/redoc")
    page.get_by_role("menuitem", name="tickets", exact=True).click()
    page.get_by_role("menuitem", name="Open a ticket").click()
    expect(page.get_by_role("heading", name="Open a ticket")).to_be_in_viewport()
    section = page.locator("[data-section-id$='tickets_create']")
    expect(section.get_by_text("Idempotency-Key").first).to_be_visible()
    section.get_by_role("button", name="422").first.click()
    expect(section.get_by_text("Phrase of the status.").first).to_be_visible()
    # A style that the policy refused would leave the menu without its ground.
    ground = page.locator(".menu-content").evaluate("element => getComputedStyle(element).backgroundColor")
    assert ground == "rgb(250, 250, 250)"
