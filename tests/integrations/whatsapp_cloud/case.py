"""The Cloud API under the contract of all adapters."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from conversations.exchange import Webhook
from tests.fakes.whatsapp_cloud import ACCOUNT_ID, PHONE_NUMBER_ID, SECRET, WhatsAppCloud
from tests.integrations.contract import Case

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "whatsapp_cloud"
CUSTOMER = "16505551234"


def settings_at(url: str) -> dict[str, Any]:
    """Settings that work against the simulator."""
    return {
        "phone_number_id": PHONE_NUMBER_ID,
        "business_account_id": ACCOUNT_ID,
        "access_token": "EAAJB-token-of-the-tests",
        "app_secret": SECRET,
        "verify_token": "word-of-the-tests",
        "api_url": f"{url}/v25.0",
    }


def signed(body: bytes, secret: str = SECRET) -> Webhook:
    """A webhook as Meta signs it."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
    return Webhook("POST", "https://desk.example/hooks/abc", {}, headers, body)


def fixture(name: str) -> dict[str, Any]:
    """One captured payload."""
    payload: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return payload


CASE = Case(
    config=settings_at,
    genuine=tuple(signed(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))),
    credentials=("x-hub-signature-256",),
    to=CUSTOMER,
    simulator=WhatsAppCloud,
)
