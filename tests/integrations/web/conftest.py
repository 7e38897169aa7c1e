"""Visitors with a browser: the widget in Chromium on the running product."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from accounts.models import User
from conversations.models import Conversation, Inbox
from tests.live import LiveServer

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 760}
STATIC = Path(__file__).parents[3] / "static"
AXE = Path(__file__).parents[2] / "vendor" / "axe.min.js"
# What only the network did is no complaint of the page.
NETWORK = ("ERR_INTERNET_DISCONNECTED", "WebSocket connection to", "Failed to load resource")
# Lets a test reach the page's sockets, close them, and forbid new ones.
SOCKETS = """
const Native = WebSocket;
window.sockets = [];
window.told = [];
window.WebSocket = class extends Native {
  constructor(...all) { super(...all); sockets.push(this); }
  send(frame) { told.push(JSON.parse(frame)); super.send(frame); }
};
"""
NO_SOCKETS = """
window.WebSocket = class {
  constructor() { window.refused = (window.refused || 0) + 1; setTimeout(() => this.onclose()); }
  close() {}
};
"""


@dataclass
class Shopper:
    """One visitor in front of one page; remembers everything the page complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def hear(self, told: ConsoleMessage) -> None:
        if told.type == "error" and not any(word in told.text for word in NETWORK):
            self.complaints.append(told.text)

    def visit(self, path: str = "/?lang=en") -> "Shopper":
        self.page.goto(path if "://" in path else f"{self.url}{path}")
        return self.loaded()

    def loaded(self) -> "Shopper":
        """Waits for the last file of the widget."""
        self.page.wait_for_function("() => document.querySelector('helpdesk-chat')?.panel")
        return self

    def reload(self) -> "Shopper":
        self.page.reload()
        return self.loaded()

    def open(self) -> "Shopper":
        self.page.locator(".launcher").click()
        expect(self.text).to_be_visible()
        return self

    def say(self, text: str) -> None:
        self.text.fill(text)
        self.text.press("Enter")

    @property
    def text(self) -> Locator:
        return self.page.locator("helpdesk-chat textarea")

    @property
    def mine(self) -> Locator:
        return self.page.locator(".message.contact .bubble")

    @property
    def theirs(self) -> Locator:
        """Everything that was answered, without the greeting."""
        return self.page.locator(".message:not(.contact):not(:first-child) .bubble")

    @property
    def note(self) -> Locator:
        return self.page.locator(".line [role=status]")

    def sent(self) -> None:
        """Waits until nothing is on its way."""
        expect(self.page.locator(".contact [title='Sent']").last).to_be_attached()
        expect(self.page.locator(".contact [title='Sending']")).to_have_count(0)

    def tell(self, *frames: dict[str, Any]) -> None:
        """Lets the widget receive frames as if the server had sent them, all in one go."""
        self.page.evaluate(
            """frames => {
                const { transport } = document.querySelector("helpdesk-chat").panel.chat;
                frames.forEach((frame) => transport.onframe(frame));
            }""",
            list(frames),
        )

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it is now, open shadow roots included."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [f"{rule['id']}: {node['target']}" for rule in found["violations"] for node in rule["nodes"]]


Shop = Callable[..., Shopper]


@pytest.fixture
def shopper(chromium: Browser, quiet_server: LiveServer) -> Iterator[Shop]:
    """Puts a visitor in front of a browser of their own; at the end no page may have complained."""
    with shoppers(chromium, quiet_server) as make:
        yield make


class shoppers:  # noqa: N801 (used like a function)
    """Makes visitors and, at the end, looks whether a page complained."""

    def __init__(self, chromium: Browser, server: LiveServer) -> None:
        self.chromium, self.server, self.made = chromium, server, list[Shopper]()

    def __enter__(self) -> Shop:
        return self._make

    def _make(self, size: dict[str, int] = WIDE, script: str = SOCKETS, **context: Any) -> Shopper:
        browser = self.chromium.new_context(viewport=size, reduced_motion="reduce", **context)  # type: ignore[arg-type]
        # The pictures of the shop are there at once: what they would move by coming late is not the widget's.
        browser.route(
            "**/static/web/img/*",
            lambda route: route.fulfill(path=STATIC / urlsplit(route.request.url).path[8:]),
        )
        shopper = Shopper(browser.new_page(), self.server.url)
        shopper.page.add_init_script(script)
        shopper.page.on("console", shopper.hear)
        shopper.page.on("pageerror", lambda error: shopper.complaints.append(str(error)))
        self.made.append(shopper)
        return shopper

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for shopper in self.made:
            shopper.page.context.close()
        assert kind or not [text for shopper in self.made for text in shopper.complaints]


class Operator:
    """Bruno at work, through the HTTP API and with his own session."""

    def __init__(self, server: LiveServer, user: User) -> None:
        browser = Client()
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        token = "t" * 32
        self.http = httpx.Client(
            base_url=f"{server.url}/api/v1",
            cookies={"sessionid": browser.cookies["sessionid"].value, "csrftoken": token},
            headers={"X-CSRFToken": token},
            timeout=20,
        )

    def reply(self, text: str) -> None:
        """Answers the only conversation there is."""
        path = f"/conversations/{Conversation.objects.get().pk}/messages"
        self.http.post(path, json={"text": text}).raise_for_status()


@pytest.fixture
def operator(quiet_server: LiveServer, bruno: User) -> Iterator[Operator]:
    operator = Operator(quiet_server, bruno)
    yield operator
    operator.http.close()


@pytest.fixture
def widget(shopper: Shop, inbox: Inbox) -> Shopper:
    """The demo shop in English with the chat open."""
    return shopper().visit().open()
