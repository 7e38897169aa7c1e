"""Mail of machines: bounces and receipts are told of, automatic mail is marked."""

import pytest

from conversations.enums import DeliveryStatus
from conversations.exchange import Ignored, Receipt
from integrations.email.marks import message_id
from tests.integrations.email.case import MAILS, fixture, mail, mailbox, message, parsed


def test_bounce_of_our_mail_fails_its_delivery_by_id_and_key() -> None:
    own = message_id(mailbox(), "k1")
    (item,) = parsed(MAILS["bounce"].replace(b"@@ID@@", own.encode()))
    assert item == Receipt(
        DeliveryStatus.FAILED, provider_id=own, key="k1", error="550 5.1.1 User unknown", error_code="5.1.1"
    )


@pytest.mark.parametrize(
    ("name", "provider_id", "said"),
    [
        ("bounce_headers_only", "foreign@id.example", "Mailbox full"),
        ("bounce_qmail", "q77@shop.example", "No such user"),
        ("bounce_exim", "e77@shop.example", "Refused"),
    ],
)
def test_bounces_in_other_words_are_understood(name: str, provider_id: str, said: str) -> None:
    (item,) = parsed(MAILS[name])
    assert isinstance(item, Receipt)
    assert (item.status, item.provider_id, item.key) == (DeliveryStatus.FAILED, provider_id, "")
    assert said in item.error


@pytest.mark.parametrize("name", ["bounce_unknown", "delayed"])
def test_reports_without_consequence_are_ignored_with_a_reason(name: str) -> None:
    (item,) = parsed(MAILS[name])
    assert isinstance(item, Ignored)
    assert item.reason


def test_confirmed_delivery_and_reading_are_told() -> None:
    (delivered,) = parsed(MAILS["delivered"])
    (read,) = parsed(MAILS["read_receipt"])
    assert isinstance(delivered, Receipt)
    assert isinstance(read, Receipt)
    assert (delivered.status, delivered.provider_id) == (DeliveryStatus.DELIVERED, "foreign@id.example")
    assert (read.status, read.provider_id) == (DeliveryStatus.READ, "r77@shop.example")


@pytest.mark.parametrize("name", ["vacation", "vacation_outlook_pt", "newsletter", "mailing_list"])
def test_automatic_mail_is_stored_and_marked(name: str) -> None:
    assert fixture(name).is_automatic


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-generated"},
        {"Auto_Submitted": "Auto-Replied; owner"},
        {"Precedence": "Bulk"},
        {"Precedence": "auto_reply"},
        {"List_Id": "x <x.example>"},
        {"X_Auto_Response_Suppress": "OOF, AutoReply"},
        {"X_Autoreply": "yes"},
        {"X_Loop": "x"},
        {"Return_Path": "<>"},
        {"Return_Path": "< >"},
        {"Subject": "Out of office: back on Monday"},
        {"Subject": "Re: Vacation"},
        {"Subject": "Vacation message: back on Monday"},
        {"From": "MAILER-DAEMON@x.example"},
        {"From": "support@shop.example"},
    ],
)
def test_every_sign_of_a_machine_is_heeded(fields: dict[str, str]) -> None:
    assert message(mail(**fields)).is_automatic


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "no"},
        {"Precedence": "normal"},
        {"Subject": "Automatic doors"},
        {"Subject": "Vacation rental: the keys do not fit"},
        {"Subject": "Ausência de resposta ao meu pedido"},
        {"Return_Path": "<a@b.example>"},
    ],
)
def test_mail_of_people_is_not_taken_for_automatic(fields: dict[str, str]) -> None:
    assert not message(mail(**fields)).is_automatic


def test_customer_who_writes_about_a_bounce_is_heard() -> None:
    assert message(mail("It says: Undelivered Mail Returned to Sender", Subject="Undelivered mail?")).text


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/disposition-notification"])
def test_customer_who_sends_a_report_along_is_heard(kind: str) -> None:
    """Whole mails of people were taken for bounces, and nobody ever saw them."""
    content = (
        "--b\r\nContent-Type: text/plain\r\n\r\nWhy did this come back?\r\n"
        f"--b\r\nContent-Type: {kind}\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        "Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--"
    )
    raw = mail(content, head='MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n')
    assert message(raw).text == "Why did this come back?"


def test_mail_of_a_postmaster_who_writes_himself_is_heard() -> None:
    assert (
        message(mail("Please call us", From="postmaster@x.example", Subject="Your server")).text
        == "Please call us"
    )
