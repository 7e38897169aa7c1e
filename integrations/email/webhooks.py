"""Mail that a provider hands over by HTTP instead of a mailbox; each is asked for the raw mail.

Mailgun: a route that forwards to an address ending in "mime"
(https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/). Postmark: "Include raw
email content" (https://postmarkapp.com/developer/webhooks/inbound-webhook). SendGrid: "POST the raw, full
MIME message" (https://www.twilio.com/docs/sendgrid/for-developers/parsing-email). Any other server posts the
mail itself, with `X-Mail-Signature: sha256=` and the hexadecimal HMAC of the body.
"""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from conversations.exchange import Webhook
from core.errors import Unauthenticated
from integrations.email.config import EmailConfig
from integrations.email.headers import parameters
from integrations.email.imap import WHOLE_SIZE
from integrations.email.mime import read

SIGNATURE = "x-mail-signature"
RAW_FIELDS = {"mailgun": "body-mime", "sendgrid": "email"}
# Mailgun signs a time, and repeats a delivery for eight hours.
OLDEST_SECONDS = 24 * 3600
MAX_FIELDS = 1000
# What a mail grows by in a form or in JSON; Postmark sends its files once more beside it.
GROWTH = {"imap": 0.0, "webhook": 1.0, "mailgun": 1.3, "sendgrid": 1.3, "postmark": 2.3}
# What only the notices of Mailgun and Postmark have.
NOTICES = {"event-data", "RecordType"}


@dataclass(frozen=True, slots=True)
class Handed:
    """A raw mail, whom the envelope names, and its size where only its beginning is here."""

    raw: bytes
    to: str = ""
    whole_size: int = 0


def verify(webhook: Webhook, config: EmailConfig) -> None:
    """Raises Unauthenticated unless the request comes from the provider of this mailbox."""
    secret = config.webhook_secret.get_secret_value()
    if not secret:
        raise Unauthenticated
    if config.incoming == "mailgun":
        genuine = _is_mailgun(webhook, secret)
    elif config.incoming == "webhook":
        expected = f"sha256={hmac.new(secret.encode(), webhook.body, hashlib.sha256).hexdigest()}"
        genuine = _alike(webhook.headers.get(SIGNATURE, ""), expected)
    elif config.incoming in {"postmark", "sendgrid"}:
        expected = f"Basic {b64encode(secret.encode()).decode()}"
        genuine = _alike(webhook.headers.get("authorization", ""), expected)
    else:
        genuine = False
    if not genuine:
        raise Unauthenticated


def max_body(config: EmailConfig) -> int:
    """Returns how many bytes a request with the largest mail may have; 0 where none are handed over."""
    return int(config.max_mail_bytes * GROWTH[config.incoming])


def handed(webhook: Webhook, config: EmailConfig) -> Handed:
    """Returns the mail in a request or in what was pulled. Raises ValueError where there is no raw mail."""
    kind = webhook.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"message/rfc822", "text/plain", "application/octet-stream", ""}:
        size = webhook.headers.get(WHOLE_SIZE, "")
        return Handed(webhook.body, whole_size=int(size) if size.isascii() and size.isdigit() else 0)
    if kind == "application/json":
        return _from_json(webhook)
    found = fields(webhook)
    raw = found.get(RAW_FIELDS.get(config.incoming, ""))
    if raw is None:
        raise ValueError("The provider sends no raw mail; see the page on e-mail for the setting.")
    return Handed(raw, to=found.get("recipient", b"").decode("utf-8", "replace"))


def is_notice(webhook: Webhook) -> bool:
    """Whether a request tells of a mail that was sent, rather than bringing one."""
    if not webhook.headers.get("content-type", "").startswith("application/json"):
        return False
    told = json.loads(webhook.body)
    return isinstance(told, list) or (isinstance(told, dict) and bool(NOTICES & set(told)))


def fields(webhook: Webhook) -> Mapping[str, bytes]:
    """Returns the fields of a form, files left out."""
    content_type = webhook.headers.get("content-type", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        pairs = parse_qsl(webhook.body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        return {name.decode("utf-8", "replace"): value for name, value in pairs}
    form = read(b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + webhook.body)
    found: dict[str, bytes] = {}
    for part in form.children:
        _, named = parameters(part.headers.get("content-disposition"))
        if "filename" not in named:
            found.setdefault(named.get("name", ""), part.content())
    return found


def _from_json(webhook: Webhook) -> Handed:
    told = json.loads(webhook.body)
    raw = told.get("RawEmail") if isinstance(told, dict) else None
    if not isinstance(raw, str) or not raw:
        raise ValueError("The provider sends no raw mail; see the page on e-mail for the setting.")
    return Handed(raw.encode("utf-8", "surrogatepass"), to=str(told.get("OriginalRecipient") or ""))


def _is_mailgun(webhook: Webhook, secret: str) -> bool:
    """Whether Mailgun's key has signed the time and the token (both are its own, and fresh)."""
    found = _signed_by_mailgun(webhook)
    stamp, token = found.get("timestamp", b""), found.get("token", b"")
    expected = hmac.new(secret.encode(), stamp + token, hashlib.sha256).hexdigest()
    is_genuine = _alike(found.get("signature", b"").decode("utf-8", "replace"), expected)
    return is_genuine and stamp.isdigit() and abs(time.time() - int(stamp)) < OLDEST_SECONDS


def _signed_by_mailgun(webhook: Webhook) -> Mapping[str, bytes]:
    """Mails have their signature among the fields of a form, notices in an object of their own."""
    if not webhook.headers.get("content-type", "").startswith("application/json"):
        return fields(webhook)
    try:
        found = json.loads(webhook.body)["signature"]
        return {name: str(value).encode() for name, value in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _alike(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
