"""Webhooks as four providers send them, made and signed here: the harness knows what it has sent.

Each message's text is its key: who, the how manieth, and a checksum over both.
"""

import base64
import hashlib
import hmac
import json
import re
import time
import zlib
from typing import Any

SECRETS = {
    "whatsapp_cloud": "app-secret-of-the-tests",
    "telegram": "a-secret-token-of-the-tests",
    "email": "a-secret-of-nobody-0123456789",
    "api": "whsec_" + base64.b64encode(b"an integrator's secret, 32 bytes").decode(),
}
# Of nobody: what the simulators take.
BOT_TOKEN = "123456789:AAE-simulated-token_of_nobody-00001"  # noqa: S105
ACCESS_TOKEN = "EAAsimulated"  # noqa: S105
PHONE_NUMBER_ID, ACCOUNT_ID = "106540352242922", "102290129340398"
MAILBOX, MAILBOX_PASSWORD = "support@shop.example", "a-password-of-nobody"
# What the fake model says where it is told to break off: nobody may be shown a part of it as the answer.
ANSWER = "One two three four five six seven eight."
# What a reply looks like, wherever it stands in a mail.
REPLY = re.compile(r"reply\.[\w.]+-\d+-[0-9a-f]{8}")
Request = tuple[bytes, dict[str, str]]
# What is delivered again says the same time as before.
BEGAN = int(time.time())


def text_of(who: str, number: int) -> str:
    """Returns the text of a message, which is also its key."""
    plain = f"{who}-{number}"
    return f"{plain}-{zlib.crc32(plain.encode()):08x}"


def is_whole(text: str) -> bool:
    """Says whether a text came through unchanged."""
    plain, _, checksum = text.rpartition("-")
    return checksum == f"{zlib.crc32(plain.encode()):08x}"


def webhook(channel: str, who: int, number: int, text: str) -> Request:
    """Returns body and headers of one message of customer `who`."""
    return MAKERS[channel](who, number, text)


def _whatsapp(who: int, number: int, text: str) -> Request:
    phone = f"55119{who:08}"
    message = {
        "from": phone,
        "id": f"wamid.{who}.{number}",
        "timestamp": str(BEGAN),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID},
        "contacts": [{"profile": {"name": f"Customer {who}"}, "wa_id": phone}],
        "messages": [message],
    }
    body = _bytes(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": ACCOUNT_ID, "changes": [{"field": "messages", "value": value}]}],
        }
    )
    digest = hmac.new(SECRETS["whatsapp_cloud"].encode(), body, hashlib.sha256).hexdigest()
    return body, {"X-Hub-Signature-256": f"sha256={digest}"}


def _telegram(who: int, number: int, text: str) -> Request:
    person = {"id": 1000 + who, "first_name": f"Customer {who}"}
    message = {
        "message_id": number + 1,
        "from": {**person, "is_bot": False, "language_code": "pt-br"},
        "chat": {**person, "type": "private"},
        "date": BEGAN,
        "text": text,
    }
    body = _bytes({"update_id": who * 1_000_000 + number, "message": message})
    return body, {"X-Telegram-Bot-Api-Secret-Token": SECRETS["telegram"]}


def _api(who: int, number: int, text: str) -> Request:
    told = {"id": f"{who}:{number}", "contact": {"id": f"c{who}", "name": f"Customer {who}"}, "text": text}
    body = _bytes({"messages": [told]})
    event, at = f"evt_{who}_{number}", str(int(time.time()))
    key = base64.b64decode(SECRETS["api"].removeprefix("whsec_"))
    digest = hmac.digest(key, b".".join((event.encode(), at.encode(), body)), hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return body, {"webhook-id": event, "webhook-timestamp": at, "webhook-signature": signature}


def _email(who: int, number: int, text: str) -> Request:
    # All mails of a customer are one thread: each answers the first.
    answers = f"In-Reply-To: <{who}.1@mail.example>\r\n" if number > 1 else ""
    body = (
        f"From: Customer {who} <{external_id('email', who)}>\r\nTo: {MAILBOX}\r\nSubject: A matter\r\n"
        f"Message-ID: <{who}.{number}@mail.example>\r\n{answers}\r\n{text}\r\n"
    ).encode()
    digest = hmac.new(SECRETS["email"].encode(), body, hashlib.sha256).hexdigest()
    return body, {"X-Mail-Signature": f"sha256={digest}", "Content-Type": "message/rfc822"}


def external_id(channel: str, who: int) -> str:
    """Returns the id under which an inbox of that channel knows customer `who`."""
    return {
        "whatsapp_cloud": f"55119{who:08}",
        "telegram": str(1000 + who),
        "email": f"customer{who}@mail.example",
        "api": f"c{who}",
    }[channel]


def _bytes(payload: Any) -> bytes:
    return json.dumps(payload).encode()


MAKERS = {"whatsapp_cloud": _whatsapp, "telegram": _telegram, "email": _email, "api": _api}
