"""What mails of common programs, and of broken ones, say."""

from datetime import UTC, datetime

import pytest

from conversations.exchange import Ignored, Incoming, Webhook
from tests.integrations.email.case import ADAPTER, MAILS, fixture, mail, mailbox, message, parsed

TEXTS = {
    "plain": "Hello,\n\nwhere is my order 1234?\n\nDavi",
    "html_only": "Hello & welcome,\n\n- one\n- two\n\nSee the page (https://shop.example/x).",
    "inline_image": "Look: [image: shot.png]",
    "attached_mail": "The mail is attached.",
    "invitation": "You are invited.",
    "missing_boundary": "Still readable.",
    "wrong_boundary": "Just text, no parts at all.",
    "truncated": "Before the cut.",
    "broken_base64": "Olá, tudo certo?",
    "no_blank_line": "This is the body already.\nSecond line.",
    "mbox_line": "After the line of a mbox.",
    "nested": "Deep down.",
    "rfc2231": "See the file.",
    "uuencoded": "Old style.",
    "winmail": "From Outlook.",
    "latin1_undeclared": (
        "Não recebi a confirmação do meu endereço de entrega até agora, você poderia verificar?"
    ),
    "wrong_charset": "A entrega não chegou ainda. Você poderia verificar a situação?",
    "unknown_charset": "Olá, tudo bem?",
    "iso2022jp": "注文はどこですか。",
    "gb2312": "我的订单在哪里？镕",  # noqa: RUF001 (as Chinese is written)
    "koi8r": "Где мой заказ?",
    "utf7": "Olá, tudo bem?",
    "utf16": "Olá",
    "empty_mail": "[Empty mail]",
    "no_from": "Nobody wrote this.",
}
FILES = {
    "attachments_without_body": [
        ("attachment-1.png", "image/png", 67),
        ("attachment-2.png", "image/png", 67),
    ],
    "single_pdf": [("contract.pdf", "application/pdf", 10)],
    "rfc2231": [
        ("relatório € final.pdf", "application/pdf", 10),
        ("fotografia número 1.png", "image/png", 67),
    ],
    "inline_image": [("shot.png", "image/png", 67)],
    "attached_mail": [("Invoice 77 2026.eml", "message/rfc822", 94)],
    "winmail": [("winmail.dat", "application/ms-tnef", 6)],
    "uuencoded": [("note.txt", "text/x-notes", 11)],
    "plain": [],
}
SUBJECTS = {
    "iso2022jp": "注文について",
    "gb2312": "订单",
    "split_word": "ção dupla and more",
    "raw_utf8_header": "Pedido não chegou",
    "outlook_pt": "Seu pedido",
    "forwarded": "Invoice 77",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_what_the_customer_wrote(name: str) -> None:
    assert fixture(name).text == TEXTS[name]


@pytest.mark.parametrize("name", FILES)
def test_files_come_with_names_types_and_sizes(name: str) -> None:
    files = fixture(name).files
    assert [(file.name, file.content_type, file.size) for file in files] == FILES[name]
    assert all(file.content is not None and len(file.content) == file.size for file in files)


@pytest.mark.parametrize("name", SUBJECTS)
def test_subject_is_decoded_and_bare(name: str) -> None:
    thread = fixture(name).thread
    assert thread
    assert thread.subject == SUBJECTS[name]


def test_content_of_a_file_is_decoded() -> None:
    assert fixture("uuencoded").files[0].content == b"hello world"
    assert fixture("single_pdf").files[0].content == b"%PDF-1.4 y"


def test_inline_image_keeps_the_id_by_which_html_names_it() -> None:
    item = fixture("inline_image")
    assert item.files[0].content_id == "shot1@mail"
    assert "cid:shot1@mail" in item.html


def test_invitation_is_told_in_the_details() -> None:
    item = fixture("invitation")
    assert item.details["kind"] == "calendar"
    assert item.details["event"]["summary"] == "Visit, first"
    assert item.details["event"]["dtstart"] == "20260310T100000"
    assert item.files[0].name == "invitation.ics"


def test_sender_date_and_people_are_told() -> None:
    item = fixture("plain")
    assert (item.sender.external_id, item.sender.name) == ("davi@example.com", "Davi Souza")
    assert item.sent_at == datetime(2026, 3, 2, 13, 15, tzinfo=UTC)
    assert item.details["to"] == [{"name": "Support", "address": "support@shop.example"}]
    assert item.external_id == "a1@mail.example"


def test_address_in_capitals_is_the_same_customer() -> None:
    assert message(mail(From="DAVI@Example.COM")).sender.external_id == "davi@example.com"


@pytest.mark.parametrize(
    "field",
    ["davi@example.com", "<davi@example.com>", '"Souza, Davi" <davi@example.com>',
     "Davi (x) <davi@example.com>", "Davi <davi@example.com", "Davi: davi@example.com;",
     "=?utf-8?q?Davi_<davi@example.com>?="],
)  # fmt: skip
def test_sender_is_found_in_broken_fields(field: str) -> None:
    assert message(mail(From=field)).sender.external_id == "davi@example.com"


def test_copies_and_reply_address_are_kept() -> None:
    item = message(mail(Cc="Ana <ana@example.com>, b@example.com", Reply_To="other@example.com"))
    assert [each["address"] for each in item.details["cc"]] == ["ana@example.com", "b@example.com"]
    assert item.details["reply_to"][0]["address"] == "other@example.com"
    assert item.sender.external_id == "davi@example.com"


def test_contact_form_is_from_the_customer_it_names() -> None:
    assert fixture("contact_form").sender.external_id == "davi@example.com"


def test_mail_from_nobody_belongs_to_no_known_contact() -> None:
    item = fixture("no_from")
    assert item.sender.external_id.startswith("unknown:")
    assert item.sender.email == ""


def test_alternatives_are_shown_once() -> None:
    item = fixture("gmail_html")
    assert item.text == "Yes, *please*."
    assert item.html == '<div dir="ltr">Yes, <b>please</b>.</div><br>'


def test_alternative_without_plain_text_is_read_from_html() -> None:
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\n  \r\n"
        "--b\r\nContent-Type: text/html\r\n\r\n<p>Only here</p>\r\n--b--",
        Content_Type="multipart/alternative; boundary=b",
    )
    assert message(raw).text == "Only here"


def test_parts_of_text_follow_one_another() -> None:
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nFirst\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSecond\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    item = message(raw)
    assert item.text == "First\n\nSecond"
    assert len(item.files) == 1


def test_text_file_is_a_file() -> None:
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b\r\nContent-Type: text/plain; name=log.txt\r\n"
        "Content-Disposition: attachment\r\n\r\nline\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    item = message(raw)
    assert (item.text, item.files[0].name) == ("Hi", "log.txt")


def test_characters_that_the_database_refuses_are_left_out() -> None:
    text = fixture("nul_bytes").text
    assert "\x00" not in text
    assert "\x07" not in text
    text.encode()


def test_beginning_of_a_mail_too_large_says_so_and_keeps_the_text() -> None:
    headers = {"content-type": "message/rfc822", "x-helpdesk-whole-size": str(60 * 1024 * 1024)}
    (item,) = ADAPTER.parse(Webhook("PULL", "", {}, headers, MAILS["truncated"]), mailbox())
    assert isinstance(item, Incoming)
    assert item.text.startswith("Before the cut.")
    assert "60.0 MB" in item.text
    assert item.files == ()


def test_what_is_no_mail_is_for_quarantine() -> None:
    for raw in (b"", b"\x00\x01\x02", b'{"entry": []}', b"just words"):
        with pytest.raises(ValueError, match="no mail"):
            parsed(raw)


@pytest.mark.parametrize("name", MAILS)
def test_every_fixture_says_something(name: str) -> None:
    for item in parsed(MAILS[name]):
        assert not isinstance(item, Ignored) or item.reason
