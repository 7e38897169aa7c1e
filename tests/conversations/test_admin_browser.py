"""The page of an inbox in Chromium: keys, buttons and the strict policy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Team, User
from conversations.enums import Light
from conversations.models import Inbox, InboxState
from tests.browser import MARKS
from tests.desk.seats import PHONE, WIDE, Seat, Sit
from tests.desk.seats import sit as sit  # noqa: PLC0414 (a fixture)
from tests.fakes.api_channel import SECRET, ApiChannel
from tests.fakes.provider import Simulator, running
from tests.integrations.api.case import config

pytestmark = MARKS
# One pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQ"
    "VR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def program(settings: Any) -> Iterator[Simulator]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    with running(ApiChannel, secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def api(transactional_db: None, team: Team) -> Inbox:
    inbox = Inbox.objects.create(name="API", channel="api", team=team, config=config("http://127.0.0.1:9"))
    InboxState.objects.create(inbox=inbox, light=Light.RED, detail="x" * 400, details={"qr": PICTURE})
    return inbox


def opened(sit: Sit, user: User, inbox: Inbox, size: tuple[int, int] = WIDE) -> Seat:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    seat = sit(client, size)
    seat.page.goto(seat.url + reverse("admin:conversations_inbox_change", args=[inbox.pk]))
    return seat


def test_button_outside_the_form_saves_and_tests(sit: Sit, ana: User, api: Inbox, program: Simulator) -> None:
    page = opened(sit, ana, api).page
    expect(page.locator(".endpoint-code img")).to_have_js_property("naturalWidth", 1)
    page.get_by_label("Callback address").fill(f"{program.url}/callback")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".messagelist")).to_have_text("Working: Your program answered 200.")
    expect(page.locator(".endpoint-health .light")).to_have_class("light light-green")
    expect(page.get_by_label("Callback address")).to_have_value(f"{program.url}/callback")


def test_key_enter_saves_and_asks_nobody(sit: Sit, ana: User, api: Inbox) -> None:
    """Enter presses a form's first button, which would be one of those above the form."""
    page = opened(sit, ana, api).page
    page.get_by_label("Name", exact=False).first.fill("Renamed")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/conversations/inbox/$"))
    api.refresh_from_db()
    assert api.name == "Renamed"
    assert InboxState.objects.get(inbox=api).checked_at is None


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_long_error_does_not_widen_the_page(sit: Sit, ana: User, api: Inbox, size: tuple[int, int]) -> None:
    page = opened(sit, ana, api, size).page
    expect(page.locator(".endpoint-detail")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
