"""Messenger under the contract of all channels."""

from typing import Any

from tests.fakes.messenger import PAGE, Messenger
from tests.fakes.meta import SECRET, TOKEN, VERIFY_TOKEN
from tests.integrations.contract import Case
from tests.integrations.meta.webhooks import body_of, names, signed

# One of its events cannot be read, which a test of its own is about.
GENUINE = [name for name in names("messenger") if not name.startswith("broken")]


def config(url: str) -> dict[str, Any]:
    """Settings against a simulator."""
    return {
        "page_id": PAGE,
        "access_token": TOKEN,
        "app_secret": SECRET,
        "verify_token": VERIFY_TOKEN,
        "api_url": url,
    }


CASE = Case(
    config=config,
    genuine=tuple(signed(body_of("messenger", name)) for name in GENUINE),
    credentials=("x-hub-signature-256",),
    to="24001",
    simulator=Messenger,
    options={"secret": SECRET},
)
