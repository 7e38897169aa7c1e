"""Webhooks of Meta as tests need them: from a fixture, signed, read."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from conversations.channels import adapter
from conversations.exchange import Parsed, Webhook
from tests.fakes.meta import SECRET

FIXTURES = Path(__file__).parents[2] / "fixtures"


def body_of(kind: str, name: str) -> bytes:
    """A captured body."""
    return (FIXTURES / kind / f"{name}.json").read_bytes()


def signed(body: bytes, secret: str = SECRET) -> Webhook:
    """A webhook as Meta sends it."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"}
    return Webhook("POST", "https://desk.example/hooks/k", {}, headers, body)


def names(kind: str) -> list[str]:
    """Every fixture of a channel."""
    return sorted(path.stem for path in (FIXTURES / kind).glob("*.json"))


def parsed(kind: str, config: Any, body: bytes | str) -> list[Parsed]:
    """What the adapter reads in a fixture, or in bytes."""
    given = body_of(kind, body) if isinstance(body, str) else body
    return list(adapter(kind).parse(signed(given), config))


def asked(**query: str) -> Webhook:
    """Meta asks whether the address is ours."""
    told = {f"hub.{name}": value for name, value in query.items()}
    return Webhook("GET", "https://desk.example/hooks/k", told, {}, b"")


def notice(kind: str, account: str, *events: Any, **entry: Any) -> bytes:
    """A notification made for a test."""
    return json.dumps(
        {"object": kind, "entry": [{"id": account, "time": 1, "messaging": list(events), **entry}]}
    ).encode()
