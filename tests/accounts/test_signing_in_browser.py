"""Signing in with Chromium: codes, passkeys of a virtual authenticator, single sign-on, strict policy."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Browser, CDPSession, ConsoleMessage, Page, expect

from accounts.models import User
from tests.accounts.entrance import give_app, give_codes, shown
from tests.browser import MARKS
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.live import LiveServer

pytestmark = MARKS
WIDE, PHONE = (1280, 800), (390, 844)
PICTURES = os.environ.get("PICTURES", "")
Sit = Callable[..., Page]


@pytest.fixture
def address(quiet_server: LiveServer) -> str:
    """By name: passkeys are tied to one, and only localhost needs no https."""
    return f"http://localhost:{quiet_server.port}"


@pytest.fixture
def sit(chromium: Browser, address: str) -> Iterator[Sit]:
    """A browser in front of the login; at the end no page may have complained."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def hear(told: ConsoleMessage) -> None:
        if told.type == "error":
            complaints.append(told.text)

    def sat(size: tuple[int, int] = WIDE, **options: Any) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            reduced_motion="reduce",
            **{"locale": "en-US", **options},
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/admin/")
        return page

    yield sat
    for context in contexts:
        context.close()
    assert not complaints


def give_device(page: Page) -> tuple[CDPSession, str]:
    """A device with a finger reader, by Chrome's own protocol: what to talk to, and what it is called."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(name)
    page.get_by_role("button", name="Log in").click()


def again(page: Page, name: str) -> None:
    page.get_by_label("Your password").fill(name)
    page.get_by_role("button", name="Go on").click()


def open_account(page: Page) -> None:
    page.locator("details.me summary").click()
    page.get_by_role("link", name="Password and security").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()


def leave(page: Page) -> None:
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Log out").click()


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_an_app_is_set_up_and_asked_for(sit: Sit, bruno: User, address: str) -> None:
    page = sit()
    log_in(page, "bruno")
    page.wait_for_url("**/admin/inbox/")
    open_account(page)
    picture(page, "account-empty")
    page.get_by_role("link", name="Set up an app").click()
    again(page, "bruno")
    picture(page, "app")
    width = page.locator("img.qr").evaluate("image => image.complete && image.naturalWidth")
    assert width > 0, "the picture is shown under the policy"
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Code", exact=True).fill(shown(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    picture(page, "codes")
    codes = page.locator(".recovery-codes code").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#content")).to_contain_text("10 codes are left")
    leave(page)
    page.goto(f"{address}/admin/tickets/")
    log_in(page, "bruno")
    picture(page, "second-step")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/tickets/")


def test_a_passkey_is_added_named_and_opens_the_desk_alone(sit: Sit, bruno: User, address: str) -> None:
    page = sit()
    give_device(page)
    log_in(page, "bruno")
    open_account(page)
    page.get_by_role("link", name="Add a passkey").click()
    again(page, "bruno")
    picture(page, "passkey")
    page.get_by_label("Name of the passkey").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator(".passkeys")).to_contain_text("My laptop")
    picture(page, "account-passkey")
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name").fill("Old laptop")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".passkeys")).to_contain_text("Old laptop")
    leave(page)
    page.goto(f"{address}/admin/tickets/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/tickets/")
    assert Authenticator.objects.get(type="webauthn").last_used_at is not None
    open_account(page)
    page.get_by_role("link", name="Remove", exact=True).click()
    again(page, "bruno")
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.locator(".passkeys")).to_have_count(0)
    assert not Authenticator.objects.filter(user=bruno).exists()


def test_a_passkey_is_as_good_as_a_code_after_the_password(sit: Sit, bruno: User) -> None:
    page = sit()
    give_device(page)
    log_in(page, "bruno")
    open_account(page)
    page.get_by_role("link", name="Add a passkey").click()
    again(page, "bruno")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    leave(page)
    page.goto(page.url.replace("/admin/logout/", "/admin/"))
    log_in(page, "bruno")
    picture(page, "second-step-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/inbox/")
    open_account(page)
    page.get_by_role("link", name="Make new codes").click()
    page.get_by_role("link", name="Use a passkey").click()
    picture(page, "again-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="New recovery codes")).to_be_visible()


def test_a_device_that_refuses_opens_nothing_and_is_said(sit: Sit, bruno: User) -> None:
    page = sit()
    session, device = give_device(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("[data-passkey-error]")).to_be_visible()
    fits(page, "passkey-refused")


def test_a_role_that_needs_a_second_factor_gets_no_further(
    sit: Sit, bruno: User, settings: Any, address: str
) -> None:
    settings.MFA_REQUIRED_ROLES = ["operator"]
    page = sit()
    log_in(page, "bruno")
    expect(page.locator(".messagelist")).to_contain_text("Set one up to go on")
    picture(page, "required")
    page.goto(f"{address}/admin/tickets/")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    again(page, "bruno")
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Code", exact=True).fill(shown(secret))
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("link", name="I have kept them").click()
    page.goto(f"{address}/admin/inbox/")
    expect(page.locator(".panes")).to_be_visible()


def test_the_single_sign_on_leads_there_and_back(sit: Sit, bruno: User, address: str, settings: Any) -> None:
    provider = OidcProvider()
    settings.OIDC_ISSUER, settings.OIDC_NAME, settings.PUBLIC_URL = provider.url, "Acme", address
    app = {"provider_id": "oidc", "name": "Acme", "client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    app["settings"] = {"server_url": provider.url}  # type: ignore[assignment]
    kind = {"provider_class": "accounts.signing_in.oidc.SignOn", "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": kind}
    page = sit()
    picture(page, "login-sign-on")
    page.get_by_role("link", name="Acme").click()
    page.wait_for_url("**/admin/inbox/")
    open_account(page)
    expect(page.locator(".sign-on")).to_contain_text("bruno@example.com")
    picture(page, "account-sign-on")
    settings.OIDC_ONLY = True
    other = sit()
    expect(other.get_by_label("Password")).to_have_count(0)
    picture(other, "login-only-sign-on")
    other.get_by_role("link", name="Sign in with a password").click()
    expect(other.get_by_label("Password")).to_be_visible()
    provider.shutdown()
    provider.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_fit_their_screens(sit: Sit, bruno: User, size: tuple[int, int], scheme: str) -> None:
    give_app(bruno)
    codes = give_codes(bruno)
    for number in range(3):
        name = f"A passkey with quite a long name {number} " + "x" * 30
        Authenticator.objects.create(user=bruno, type="webauthn", data={"name": name, "credential": {}})
    page = sit(size, color_scheme=scheme)
    mark = f"{size[0]}-{scheme}"
    fits(page, f"login-{mark}")
    page.get_by_label("Username").fill("bruno")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    fits(page, f"login-wrong-{mark}")
    Authenticator.objects.filter(type="webauthn").delete()
    log_in(page, "bruno")
    fits(page, f"second-step-{mark}")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/inbox/")
    page.goto(page.url.replace("/admin/inbox/", "/accounts/me/"))
    fits(page, f"account-{mark}")
    page.get_by_role("link", name="Change your password").click()
    fits(page, f"password-{mark}")
    page.go_back()
    page.get_by_role("link", name="Sign out everywhere").click()
    fits(page, f"again-{mark}")


# What somebody can use and that sticks out of the box that it belongs to.
OUTSIDE = """() => {
  const box = document.querySelector("#container").getBoundingClientRect();
  const all = [...document.querySelectorAll("#content :is(input:not([type=hidden]), button, a)")];
  return all.map((each) => each.getBoundingClientRect())
    .filter((each) => each.width && (each.right > box.right || each.left < box.left)).length;
}"""


def fits(page: Page, name: str) -> None:
    # A click returns before the page behind the link is there.
    expect(page.locator("#content")).to_be_visible()
    page.wait_for_load_state()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    picture(page, name)
    assert wide <= 0, name
    assert not page.evaluate(OUTSIDE), name
