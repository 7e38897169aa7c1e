"""E-mail in the contract of all adapters, and what its own tests share."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from conversations.exchange import Incoming, Outgoing, Parsed, Webhook
from integrations.email.adapter import EmailAdapter
from integrations.email.config import EmailConfig
from tests.fakes.mail import PASSWORD, USER
from tests.integrations.contract import Case

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "email"
MAILS = {path.stem: path.read_bytes() for path in sorted(FIXTURES.glob("*.eml"))}
SECRET = "a-secret-of-nobody-0123456789"
HEADER = "x-mail-signature"
CONVERSATION = UUID("7d9f0c52-6a52-4a3e-9f2e-0d6c8b7a5e41")
ADAPTER = EmailAdapter()


def config(_url: str) -> dict[str, Any]:
    return {
        "address": USER,
        "display_name": "Shop",
        "incoming": "webhook",
        "webhook_secret": SECRET,
        "smtp_host": "127.0.0.1",
        "smtp_port": 9,
        "smtp_security": "none",
        "smtp_password": PASSWORD,
        "imap_host": "127.0.0.1",
        "imap_security": "none",
        "imap_password": PASSWORD,
        "trusted_authserv_id": "mx.shop.example",
    }


def mailbox(**more: Any) -> EmailConfig:
    return EmailConfig.model_validate({**config(""), **more})


def webhook(body: bytes) -> Webhook:
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {HEADER: f"sha256={digest}", "content-type": "message/rfc822"}
    return Webhook("POST", "https://desk.example/hooks/x", {}, headers, body)


def parsed(raw: bytes, **more: Any) -> Sequence[Parsed]:
    return list(ADAPTER.parse(webhook(raw), mailbox(**more)))


def message(raw: bytes, **more: Any) -> Incoming:
    """The one message in a mail."""
    (item,) = parsed(raw, **more)
    assert isinstance(item, Incoming)
    return item


def fixture(name: str, **more: Any) -> Incoming:
    return message(MAILS[name], **more)


def mail(
    text: str = "Hello", *, head: str = "", message_id: str = "one@mail.example", **fields: str
) -> bytes:
    """A small mail; `fields` are more of its head."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    start = "" if "From" in fields else "From: Davi <davi@example.com>\r\n"
    return f"{start}{more}{head}Message-ID: <{message_id}>\r\n\r\n{text}\r\n".encode()


def answer(**more: Any) -> Outgoing:
    given: dict[str, Any] = {
        "key": "0123456789abcdef",
        "part": 0,
        "attempt": 1,
        "to": "davi@example.com",
        "text": "Hello **there**",
        "html": "<p>Hello <strong>there</strong></p>",
        "files": (),
        "choices": (),
        "details": {},
        "reply_to": "",
        "thread": (),
        "subject": "A matter",
        "author": "Bruno",
        "author_kind": "operator",
        "conversation_id": CONVERSATION,
        "message_id": UUID(int=1),
        "created_at": datetime(2026, 3, 2, 13, 0, tzinfo=UTC),
        "contact_name": "Davi",
        "contact_email": "davi@example.com",
    }
    return Outgoing(**given | more)


CASE = Case(
    config=config,
    genuine=tuple(webhook(raw) for raw in MAILS.values()),
    credentials=(HEADER,),
    to="davi@example.com",
    simulator=None,
)
