"""Mail that providers take and hand over by HTTP."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_django import Settings

from conversations.channels import InboxBroken, Repeat, SendFailed, SendLater, SendRefused, SendUnclear
from conversations.enums import DeliveryStatus
from conversations.exchange import Ignored, Incoming, OutFile, Receipt, Webhook
from core.errors import Unauthenticated
from integrations.email.config import EmailConfig
from integrations.email.marks import message_id, reply_address
from tests.fakes.mail import PASSWORD, Mail
from tests.fakes.provider import Simulator, running
from tests.integrations.email.case import ADAPTER, CONVERSATION, MAILS, answer, mailbox, webhook

SECRET = "user:a-secret-of-nobody"
BASIC = f"Basic {b64encode(SECRET.encode()).decode()}"


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with running(Mail) as simulator:
        yield simulator


def provider(server: Simulator, kind: str, **more: Any) -> EmailConfig:
    server.set_faults()
    url = f"{server.url}/v3" if kind == "mailgun" else server.url
    return mailbox(**{"outgoing": kind, "api_key": PASSWORD, "provider_url": url, **more})


@pytest.mark.parametrize("kind", ["mailgun", "postmark"])
def test_answer_goes_by_the_provider_with_our_own_id(server: Simulator, kind: str) -> None:
    config = provider(server, kind)
    files = (OutFile("a.pdf", "application/pdf", 4, "", lambda: b"%PDF"),)
    sent = ADAPTER.send(answer(key=kind, files=files, thread=("a@b.example",), author_kind="agent"), config)
    row = server.ledger()[-1]
    assert sent.provider_id == message_id(config, kind)
    assert row["key"] == f"<{sent.provider_id}>"
    assert row["text"].startswith("Hello **there**")
    assert reply_address(config, CONVERSATION) in json.dumps(row["raw"])
    assert "auto-replied" in json.dumps(row["raw"])
    assert "<a@b.example>" in json.dumps(row["raw"])


@pytest.mark.parametrize(
    ("kind", "repeat"),
    [
        *((kind, Repeat.SAFE) for kind in ("smtp", "mailgun", "postmark")),
        *((kind, Repeat.DOUBTFUL) for kind in ("brevo", "resend", "mailjet", "sparkpost")),
    ],
)
def test_only_a_mail_that_keeps_our_id_is_repeated_without_counting_it(kind: str, repeat: Repeat) -> None:
    """Those who replace the Message-ID make two mails of one, and nobody can tell."""
    assert ADAPTER.repeat(mailbox(outgoing=kind, api_key=PASSWORD)) == repeat
    amazon = mailbox(outgoing=kind, api_key=PASSWORD, smtp_host="email-smtp.eu-west-1.amazonaws.com")
    assert ADAPTER.repeat(amazon) == (Repeat.DOUBTFUL if kind == "smtp" else repeat)


@pytest.mark.parametrize("kind", ["mailgun", "postmark"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"too_many": 1, "retry_after": 7}, SendLater),
        ({"error": 1}, SendLater),
        ({"refuse": 1}, SendRefused),
        ({"cut": 1}, SendUnclear),
    ],
)
def test_every_failure_is_told_by_its_kind(
    server: Simulator, kind: str, fault: dict[str, float], error: type[SendFailed]
) -> None:
    config = provider(server, kind)
    server.set_faults(**fault)
    with pytest.raises(error) as caught:
        ADAPTER.send(answer(), config)
    assert type(caught.value) is error
    assert caught.value.retry_after == fault.get("retry_after", 0)


def test_wrong_key_is_told(server: Simulator) -> None:
    with pytest.raises(InboxBroken):
        ADAPTER.send(answer(), provider(server, "postmark", api_key="wrong"))


def test_provider_inside_the_network_is_not_spoken_to(server: Simulator, settings: Settings) -> None:
    config = provider(server, "postmark")
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(InboxBroken):
        ADAPTER.send(answer(), config)


@pytest.mark.parametrize("kind", ["brevo", "resend", "mailjet", "sparkpost"])
def test_every_provider_can_be_spoken_to(kind: str) -> None:
    with pytest.raises(SendLater):
        ADAPTER.send(
            answer(), mailbox(outgoing=kind, api_key="k", api_secret="s", provider_url="http://127.0.0.1:9/")
        )


def mailgun(secret: str = SECRET, *, stamp: int | None = None, body: bytes = MAILS["plain"]) -> Webhook:
    when = str(int(time.time()) if stamp is None else stamp)
    signature = hmac.new(secret.encode(), f"{when}token".encode(), hashlib.sha256).hexdigest()
    form = {"timestamp": when, "token": "token", "signature": signature, "recipient": "support@shop.example"}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Webhook("POST", "", {}, headers, urlencode({**form, "body-mime": body}).encode())


def sendgrid() -> Webhook:
    body = (
        b'--xx\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + MAILS["plain"] + b"\r\n--xx--\r\n"
    )
    return Webhook(
        "POST", "", {}, {"content-type": "multipart/form-data; boundary=xx", "authorization": BASIC}, body
    )


def postmark(**told: Any) -> Webhook:
    body = {"RawEmail": MAILS["plain"].decode(), "OriginalRecipient": "support@shop.example", **told}
    headers = {"content-type": "application/json; charset=utf-8", "authorization": BASIC}
    return Webhook("POST", "", {}, headers, json.dumps(body).encode())


INCOMING = {"mailgun": mailgun(), "sendgrid": sendgrid(), "postmark": postmark()}


@pytest.mark.parametrize("kind", INCOMING)
def test_mail_handed_over_is_believed_and_read(kind: str) -> None:
    config = mailbox(incoming=kind, webhook_secret=SECRET)
    ADAPTER.verify(INCOMING[kind], config)
    (item,) = ADAPTER.parse(INCOMING[kind], config)
    assert isinstance(item, Incoming)
    assert item.external_id == "a1@mail.example"
    assert item.text.startswith("Hello,\n\nwhere is my order")


@pytest.mark.parametrize("kind", [*INCOMING, "webhook", "imap"])
def test_mail_without_the_secret_is_refused(kind: str) -> None:
    given = INCOMING.get(kind, webhook(MAILS["plain"]))
    for secret in ("", "user:another", "x"):
        with pytest.raises(Unauthenticated):
            ADAPTER.verify(given, mailbox(incoming=kind, webhook_secret=secret))


def test_old_signature_of_mailgun_is_refused() -> None:
    config = mailbox(incoming="mailgun", webhook_secret=SECRET)
    for stamp in (int(time.time()) - 2 * 86400, int(time.time()) + 2 * 86400):
        with pytest.raises(Unauthenticated):
            ADAPTER.verify(mailgun(stamp=stamp), config)


def test_recipient_of_the_envelope_names_the_conversation() -> None:
    config = mailbox(incoming="postmark", webhook_secret=SECRET)
    (item,) = ADAPTER.parse(postmark(OriginalRecipient=reply_address(config, CONVERSATION)), config)
    assert isinstance(item, Incoming)
    assert item.thread
    assert item.thread.conversation_id == CONVERSATION


def test_request_without_the_raw_mail_is_for_quarantine() -> None:
    for told in (postmark(RawEmail=""), Webhook("POST", "", {}, {"content-type": "application/json"}, b"{}")):
        with pytest.raises(ValueError, match="no raw mail"):
            list(ADAPTER.parse(told, mailbox(incoming="postmark")))


def test_notices_of_postmark_become_receipts() -> None:
    config = mailbox(incoming="postmark", webhook_secret=SECRET)
    common = {
        "MessageID": "m-1",
        "Recipient": "davi@example.com",
        "Metadata": {"key": "k1"},
        "RawEmail": None,
    }
    bounce = postmark(
        **common, RecordType="Bounce", Type="HardBounce", Email="davi@example.com", ID=1,
        BouncedAt="2026-03-02T13:15:00Z", Description="Undeliverable", Details="550 No such user",
    )  # fmt: skip
    ADAPTER.verify(bounce, config)
    (failed,) = ADAPTER.parse(bounce, config)
    assert isinstance(failed, Receipt)
    assert (failed.status, failed.key, failed.provider_id) == (DeliveryStatus.FAILED, "k1", "m-1")
    assert failed.error
    (delivered,) = ADAPTER.parse(
        postmark(**common, RecordType="Delivery", DeliveredAt="2026-03-02T13:15:00Z", Details="250 ok"),
        config,
    )
    assert isinstance(delivered, Receipt)
    assert (delivered.status, delivered.error) == (DeliveryStatus.DELIVERED, "")
    (ignored,) = ADAPTER.parse(
        postmark(**common, RecordType="Click", ReceivedAt="2026-03-02T13:15:00Z", OriginalLink="x"), config
    )
    assert isinstance(ignored, Ignored)


def test_notices_of_mailgun_are_believed_by_their_signature() -> None:
    config = mailbox(incoming="mailgun", webhook_secret=SECRET)
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), f"{stamp}t".encode(), hashlib.sha256).hexdigest()
    told = {
        "signature": {"timestamp": stamp, "token": "t", "signature": signature},
        "event-data": {
            "event": "failed", "severity": "permanent", "reason": "bounce", "id": "e1",
            "timestamp": 1772457300.0,
            "recipient": "davi@example.com", "message": {"headers": {"message-id": "k1.x@shop.example"}},
            "user-variables": {"key": "k1"}, "delivery-status": {"code": 550, "message": "No such user"},
        },
    }  # fmt: skip
    given = Webhook("POST", "", {}, {"content-type": "application/json"}, json.dumps(told).encode())
    ADAPTER.verify(given, config)
    (item,) = ADAPTER.parse(given, config)
    assert isinstance(item, Receipt)
    assert (item.status, item.key, item.provider_id) == (DeliveryStatus.FAILED, "k1", "k1.x@shop.example")
    for body in (
        b"{}",
        b"[]",
        b"nonsense",
        b'{"signature": 7}',
        json.dumps({**told, "signature": {}}).encode(),
    ):
        with pytest.raises(Unauthenticated):
            ADAPTER.verify(Webhook("POST", "", {}, given.headers, body), config)
