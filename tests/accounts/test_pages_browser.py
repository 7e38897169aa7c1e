"""The pages before the login, as a browser shows them."""

from typing import TYPE_CHECKING

import pytest

from accounts.actions import invite
from accounts.models import User
from core.actor import Actor
from tests.accounts.mailbox import delivered, token_in
from tests.browser import browser
from tests.live import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "correct horse 7 battery"


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_somebody_who_forgot_the_password_comes_back_in(
    quiet_server: LiveServer, chromium: "Browser", bruno: User, settings: object, width: int
) -> None:
    settings.PUBLIC_URL = quiet_server.url  # type: ignore[attr-defined]
    problems: list[str] = []
    page = chromium.new_context(viewport={"width": width, "height": 800}).new_page()
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{quiet_server.url}/admin/")
    page.get_by_role("link", name="Forgotten your").click()
    page.get_by_label("E-mail address").fill("bruno@example.com")
    page.get_by_role("button", name="Send the link").click()
    page.get_by_role("status").wait_for()
    page.goto(f"{quiet_server.url}/accounts/password-reset/{token_in(delivered()[0])}/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save the password").click()
    page.get_by_role("link", name="To the login").click()
    page.get_by_label("Username").fill("bruno")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/inbox/**")
    assert problems == []


@browser
def test_page_fits_a_phone_and_its_fields_are_labelled(
    quiet_server: LiveServer, chromium: "Browser", settings: object
) -> None:
    settings.PUBLIC_URL = quiet_server.url  # type: ignore[attr-defined]
    invite(email="eva@example.com", by=Actor.system())
    page = chromium.new_context(viewport={"width": 390, "height": 800}).new_page()
    page.goto(f"{quiet_server.url}/accounts/invitation/{token_in(delivered()[0])}/")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    assert page.locator("input:not([type=hidden]):not([type=submit])").count() == 2
    page.get_by_label("Name").fill("Eva Prado")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Join").click()
    page.get_by_text("too short").wait_for()
    assert page.get_by_label("Name").input_value() == "Eva Prado"
