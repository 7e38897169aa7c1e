"""Signatures of Standard Webhooks, both ways.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: HMAC-SHA256 over
`id.timestamp.body`, in base64 behind `v1,`; several signatures, parted by spaces, while a secret is changed.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from core.errors import Unauthenticated

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64  # bytes, as the specification has it
TOLERANCE = 5 * 60  # seconds that the clocks may differ


def key_of(secret: str) -> bytes:
    """Returns the bytes of a secret, with or without its prefix; raises ValueError for a weak one."""
    text = secret.removeprefix(PREFIX).rstrip("=")
    key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        message = f"A key has {SHORTEST_KEY} to {LONGEST_KEY} bytes."
        raise ValueError(message)
    return key


def signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """Returns one signature with its version."""
    signed = b".".join((event_id.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def headers(keys: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Returns the three headers of a request, with a signature for each key."""
    at = str(timestamp)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(signature(key, event_id, at, body) for key in keys),
    }


def check(keys: Iterable[bytes], given: Mapping[str, str], body: bytes, *, now: float) -> None:
    """Raises Unauthenticated unless one of the signatures was made with one of the keys, just now.

    Signatures of versions that we do not know are passed over, as the specification asks.
    """
    event_id, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not event_id or not _is_near(at, now):
        raise Unauthenticated
    offered = [each.encode() for each in given.get("webhook-signature", "").split(" ")]
    wanted = [signature(key, event_id, at, body).encode() for key in keys]
    # Every pair is compared, whatever the first ones say: time tells nothing.
    found = [hmac.compare_digest(one, other) for one in offered for other in wanted]
    if not any(found):
        raise Unauthenticated


def _is_near(timestamp: str, now: float) -> bool:
    """An old request is a recorded one; digits only, since int() reads much more."""
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len("9999999999")
    return is_number and abs(int(timestamp) - now) <= TOLERANCE
