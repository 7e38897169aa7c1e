"""Operators in front of browsers."""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from core.threads import in_thread
from tests.live import LiveServer

WIDE, PHONE = (1280, 800), (390, 844)


@dataclass
class Seat:
    """One operator in front of one browser; remembers everything the page complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def hear(self, told: ConsoleMessage) -> None:
        if told.type == "error":
            self.complaints.append(told.text)

    def inbox(self, path: str = "") -> "Seat":
        self.page.goto(f"{self.url}/admin/inbox/{path}")
        expect(self.page.locator(".panes")).to_be_visible()
        return self

    def open(self, name: str) -> "Seat":
        self.page.locator(".row", has_text=name).click()
        expect(self.page.locator("[data-thread-name]")).to_have_text(re.compile(name))
        return self

    def write(self, text: str) -> None:
        self.page.locator("[data-composer-text]").fill(text)

    def says(self, text: str) -> None:
        """Waits until the thread shows the text."""
        expect(self.page.locator("[data-items]")).to_contain_text(text)


Sit = Callable[..., Seat]


@pytest.fixture
def sit(chromium: Browser, quiet_server: LiveServer) -> Iterator[Sit]:
    """Puts somebody in front of a browser; at the end no page may have complained."""
    seats: list[Seat] = []

    def sat(client: Client, size: tuple[int, int] = WIDE) -> Seat:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=size == PHONE, reduced_motion="reduce"
        )
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": quiet_server.url}])
        seat = Seat(context.new_page(), quiet_server.url)
        seat.page.on("console", seat.hear)
        seat.page.on("pageerror", lambda error: seat.complaints.append(str(error)))
        seats.append(seat)
        return seat

    yield sat
    complaints = [text for seat in seats for text in seat.complaints]
    for seat in seats:
        seat.page.context.close()
    assert not complaints


Product = Callable[..., Any]


@pytest.fixture
def product(quiet_server: LiveServer) -> Product:
    """Does something inside the running product, so that its sockets hear of it."""

    def done(call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        loop = quiet_server.server.servers[0].get_loop()
        return asyncio.run_coroutine_threadsafe(in_thread(partial(call, *args, **more)), loop).result(20)

    return done
