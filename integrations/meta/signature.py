"""Proof that a webhook is Meta's, and the answer by which we prove that the address is ours.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac

from conversations.exchange import Webhook
from core.errors import Unauthenticated

HEADER = "x-hub-signature-256"
LONGEST_CHALLENGE = 200


def signature(body: bytes, secret: str) -> str:
    """Returns what Meta puts into the header for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(webhook: Webhook, *secrets: str) -> None:
    """Raises Unauthenticated unless one of the secrets signed the raw bytes; an empty one signs nothing."""
    told = webhook.headers.get(HEADER, "").encode()
    # Every secret is tried, so that the time says nothing of which one fits.
    fits = [
        hmac.compare_digest(told, signature(webhook.body, secret).encode()) for secret in secrets if secret
    ]
    if not any(fits):
        raise Unauthenticated


def challenge(webhook: Webhook, token: str) -> str | None:
    """Returns what Meta wants to read back when it asks for our token, or None."""
    told = webhook.query.get("hub.verify_token", "")
    is_ours = hmac.compare_digest(told.encode(), token.encode())
    if not token or not is_ours or webhook.query.get("hub.mode") != "subscribe":
        return None
    return webhook.query.get("hub.challenge", "")[:LONGEST_CHALLENGE] or None
