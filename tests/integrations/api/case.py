"""The API channel under the contract of all channels."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook as Judge

from conversations.exchange import Webhook
from tests.fakes.api_channel import SECRET, ApiChannel
from tests.integrations.contract import Case

EVERYTHING = (Path(__file__).parents[2] / "fixtures/api_channel/everything.json").read_bytes()


def signed(
    body: bytes, *, event_id: str = "evt_1", at: datetime | None = None, secret: str = SECRET
) -> Webhook:
    """A request as an integrator who uses the reference package signs it."""
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Judge(secret).sign(event_id, at, body.decode()),
    }
    return Webhook("POST", "https://desk.example/hooks/k", {}, headers, body)


class SignedWhenAsked(tuple[Webhook, ...]):
    """Signs anew each time: a signature is believed for five minutes, and a run of tests may take longer."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Webhook]:
        for number, webhook in enumerate(super().__iter__()):
            yield replace(webhook, headers=signed(webhook.body, event_id=f"evt_{number}").headers)


def config(url: str) -> dict[str, Any]:
    """Settings against a simulator."""
    return {"callback_url": f"{url}/callback", "signing_secret": SECRET}


CASE = Case(
    config=config,
    genuine=SignedWhenAsked(
        [
            signed(EVERYTHING),
            signed(b'{"messages":[{"id":"m1","contact":{"id":"c1"},"text":"hi"}]}'),
        ]
    ),
    credentials=("webhook-id", "webhook-timestamp", "webhook-signature"),
    to="cust-17",
    simulator=ApiChannel,
    options={"secret": SECRET},
)
