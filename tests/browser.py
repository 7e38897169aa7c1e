"""Chromium for the tests that look at pages: one fixture, one set of marks."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Two cores may be shared by three tests; what comes late has come.
PATIENCE = 20_000
# What a test needs that looks at pages of the running product.
MARKS = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def browser(test: Any) -> Any:
    """Marks a test that needs Chromium and the running product."""
    for mark in MARKS:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """The browser of a file's tests; each test opens a context of its own in it."""
    # Slow to import, and most tests need none.
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's synchronous face runs a loop in this thread; nothing of ours runs in it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
