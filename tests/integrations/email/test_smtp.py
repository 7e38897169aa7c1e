"""Answers leave as mails that a real server takes, and each failure is told by its kind."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from pytest_django import Settings

from conversations.actions import resuming
from conversations.channels import InboxBroken, Repeat, SendFailed, SendLater, SendRefused, SendUnclear
from conversations.exchange import OutFile, Sent
from core.reasons import in_english
from integrations.email import smtp
from integrations.email.config import EmailConfig
from integrations.email.marks import reply_address
from integrations.email.outgoing import compose
from tests.fakes.mail import Mail
from tests.fakes.provider import Simulator, running
from tests.integrations.email.case import ADAPTER, CONVERSATION, answer, mailbox, message

ANSWERS = {
    "EHLO": b"250-mx.example\r\n250 AUTH PLAIN\r\n",
    "AUTH": b"235 OK\r\n",
    "DATA": b"354 go on\r\n",
    "QUIT": b"221 bye\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with running(Mail) as simulator:
        yield simulator


@pytest.fixture
def box(server: Simulator) -> Iterator[EmailConfig]:
    yield mailbox(smtp_port=server.http.get("/_ports").json()["smtp"])
    server.set_faults()


@contextmanager
def dripping(slow: str, drops: int = 60) -> Iterator[int]:
    """A server that says "wait" again and again at one step before it says yes; without drops it leaves."""

    def say(connection: socket.socket, step: str, line: bytes) -> None:
        if step != slow:
            connection.sendall(line)
            return
        for _ in range(drops):
            connection.sendall(b"250-wait\r\n" if step == "EHLO" else line[:4].replace(b" ", b"-") + b"\r\n")
            time.sleep(0.05)
        if not drops:
            raise ConnectionError
        connection.sendall(line)

    def speak() -> None:
        connection, _ = door.accept()
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            say(connection, "greeting", b"220 mx.example\r\n")
            for line in lines:
                step = line[:4].decode().strip().upper()
                say(connection, step, ANSWERS.get(step, b"250 OK\r\n"))
                if step == "DATA":
                    while lines.readline() not in {b".\r\n", b""}:
                        pass
                    say(connection, "mail", b"250 OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=speak)
        thread.start()
        yield door.getsockname()[1]
        thread.join()


def received(server: Simulator, sent: Sent) -> EmailMessage:
    (row,) = [row for row in server.ledger() if row["key"] == f"<{sent.provider_id}>"]
    return message_from_bytes(row["raw"]["mail"].encode("latin-1"), policy=default)


def test_answer_arrives_as_text_and_html(server: Simulator, box: EmailConfig) -> None:
    mail = received(server, ADAPTER.send(answer(key="a1"), box))
    assert mail["Subject"] == "A matter"
    assert (mail["From"], mail["To"]) == ("Shop <support@shop.example>", "Davi <davi@example.com>")
    assert mail["Reply-To"].addresses[0].addr_spec == reply_address(box, CONVERSATION)
    assert mail["Auto-Submitted"] is None
    assert mail.get_body(("plain",)).get_content().strip() == "Hello **there**"  # type: ignore[union-attr]
    assert "<p>Hello <strong>there</strong></p>" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_same_answer_has_the_same_message_id_at_each_attempt(server: Simulator, box: EmailConfig) -> None:
    """Case I: accepted, and the reply lost."""
    assert ADAPTER.capabilities.repeat == Repeat.SAFE
    first = ADAPTER.send(answer(key="a2"), box)
    assert ADAPTER.send(answer(key="a2", attempt=2), box) == first
    assert ADAPTER.send(answer(key="a3"), box) != first


def test_answer_names_what_it_answers(server: Simulator, box: EmailConfig) -> None:
    long_id = f"{'x' * 120}@mail.example"
    thread = ("first@mail.example", *(f"m{number}@mail.example" for number in range(40)), long_id)
    mail = received(server, ADAPTER.send(answer(key="b1", thread=thread, reply_to=long_id), box))
    assert mail["Subject"] == "Re: A matter"
    assert str(mail["In-Reply-To"]) == f"<{long_id}>"
    raw = server.ledger()[-1]["raw"]["mail"]
    assert f"\r\nIn-Reply-To: <{long_id}>\r\n" in raw
    assert f"\r\nMessage-ID: {mail['Message-ID']}\r\n" in raw
    named = str(mail["References"]).split()
    assert named[0] == "<first@mail.example>"
    assert named[-2:] == ["<m39@mail.example>", f"<{long_id}>"]
    assert len(named) < 25


def test_answer_is_read_back_as_it_was_written(server: Simulator, box: EmailConfig) -> None:
    text = "Olá João – 注文 €\n\n> quoted\n.\n..dots\n" + "long " * 500
    mail = received(server, ADAPTER.send(answer(key="b2", text=text, subject="Não chegou – " * 20), box))
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert plain.replace("\r\n", "\n").rstrip() == text.rstrip()
    other = mailbox(address="help@other.example")
    assert message(mail.as_bytes(), address=other.address).text.startswith("Olá João – 注文 €")
    assert all(len(line) < 998 for line in mail.as_bytes().splitlines())
    assert str(mail["Subject"]).startswith("Não chegou –")


def test_mail_to_many_offers_the_way_out_in_its_head(server: Simulator, box: EmailConfig) -> None:
    """RFC 8058: the mail program's own button posts to the link."""
    link = f"https://help.shop.example/unsubscribe/{'x' * 150}/"
    mail = received(server, ADAPTER.send(answer(key="u1", details={"unsubscribe": link}), box))
    assert f"\r\nList-Unsubscribe: <{link}>\r\n" in server.ledger()[-1]["raw"]["mail"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain = {"unsubscribe": link.replace("https", "http")}
    mail = received(server, ADAPTER.send(answer(key="u2", details=plain), box))
    assert mail["List-Unsubscribe"] is not None
    assert mail["List-Unsubscribe-Post"] is None
    assert received(server, ADAPTER.send(answer(key="u3"), box))["List-Unsubscribe"] is None


@pytest.mark.parametrize("kind", ["agent", "system"])
def test_answer_of_a_machine_says_so(server: Simulator, box: EmailConfig, kind: str) -> None:
    mail = received(
        server, ADAPTER.send(answer(key=f"c-{kind}", author_kind=kind, thread=("a@b.example",)), box)
    )
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"


def test_signature_template_and_choices_are_filled_in(server: Simulator, box: EmailConfig) -> None:
    dressed = box.model_copy(
        update={"signature": "{author}\nShop <3", "html_template": "<h1>Shop</h1>{content}<hr>{signature}"}
    )
    choices = ({"title": "Yes", "value": "y"}, {"title": "No", "value": "n"})
    html = "<p>{signature} stays</p>"
    mail = received(server, ADAPTER.send(answer(key="d1", choices=choices, html=html), dressed))
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert plain.split() == ["Hello", "**there**", "-", "Yes", "-", "No", "--", "Bruno", "Shop", "<3"]
    assert "<h1>Shop</h1><p>{signature} stays</p><ul><li>Yes</li><li>No</li></ul><hr>" in page
    assert "Bruno<br>Shop &lt;3" in page


def test_files_go_along(server: Simulator, box: EmailConfig) -> None:
    files = (
        OutFile("relatório €.pdf", "application/pdf", 4, "", lambda: b"%PDF"),
        OutFile("note\r\nBcc: x.txt", "text/plain", 2, "", lambda: b"hi"),
        OutFile("", "message/rfc822", 2, "", lambda: b"x\n"),
    )
    mail = received(server, ADAPTER.send(answer(key="e1", files=files), box))
    found = [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()]
    assert found == [("relatório €.pdf", b"%PDF"), ("note Bcc: x.txt", b"hi"), ("file", b"x\n")]


def test_copies_are_sent_along(server: Simulator, box: EmailConfig) -> None:
    outgoing = answer(key="f1", details={"cc": ["Ana@example.com", "nobody@example.com", "davi@example.com"]})
    sent = ADAPTER.send(outgoing, box)
    assert received(server, sent)["Cc"] == "ana@example.com, nobody@example.com"
    # Who does not take his copy does not keep the answer from the others.
    assert server.ledger()[-1]["to"] == "davi@example.com, ana@example.com"
    assert in_english(sent.note).startswith("No copy went to nobody@example.com (5")


def test_mark_in_the_subject_is_sent_where_it_is_wanted(server: Simulator, box: EmailConfig) -> None:
    marked = box.model_copy(update={"subject_token": True})
    assert str(received(server, ADAPTER.send(answer(key="g1"), marked))["Subject"]).startswith("A matter [#")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"too_many": 1}, SendLater),
        ({"error": 1}, SendLater),
        ({"refuse": 1}, SendRefused),
        ({"cut": 1}, SendUnclear),
        ({"drop": 1}, SendUnclear),
    ],
)
def test_every_failure_is_told_by_its_kind(
    server: Simulator, box: EmailConfig, fault: dict[str, float], error: type[SendFailed]
) -> None:
    """Case T: SMTP 4xx and 5xx; case I: a connection that ends before the answer."""
    server.set_faults(**fault)
    with pytest.raises(error) as caught:
        ADAPTER.send(answer(), box)
    assert type(caught.value) is error
    assert caught.value.detail


def test_what_was_taken_before_the_connection_ended_is_there(server: Simulator, box: EmailConfig) -> None:
    server.set_faults(cut=1)
    with pytest.raises(SendUnclear):
        ADAPTER.send(answer(key="h1"), box)
    server.set_faults()
    ADAPTER.send(answer(key="h1", attempt=2), box)
    assert len({row["key"] for row in server.ledger() if "h1." in row["key"]}) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"smtp_password": "wrong"}, InboxBroken),
        ({"smtp_user": "other@shop.example"}, InboxBroken),
        ({"smtp_security": "starttls"}, InboxBroken),
        ({"smtp_security": "tls"}, SendLater),
        ({"address": "sales@shop.example", "smtp_user": "support@shop.example"}, InboxBroken),
        ({"smtp_port": 9}, SendLater),
        ({"smtp_host": "no-such-host.invalid"}, SendLater),
        ({"smtp_password": "", "imap_password": ""}, InboxBroken),
    ],
)
def test_settings_that_do_not_work_are_told(
    box: EmailConfig, change: dict[str, Any], error: type[SendFailed]
) -> None:
    with pytest.raises(error) as caught:
        ADAPTER.send(answer(), mailbox(**{"smtp_port": box.smtp_port, **change}))
    assert type(caught.value) is error


def test_recipient_without_an_address_is_refused(box: EmailConfig) -> None:
    for to in ("unknown:1234", "", "a@b@c", "a b@c.example", "x@y.example\nz@y.example"):
        with pytest.raises(SendRefused):
            ADAPTER.send(answer(to=to), box)


def test_mail_larger_than_the_server_takes_is_refused(box: EmailConfig) -> None:
    files = (OutFile("big.bin", "application/zip", 2_000_000, "", lambda: b"x" * 2_000_000),)
    with pytest.raises(SendRefused, match="bytes at most"):
        ADAPTER.send(answer(files=files), box)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"smtp_password": "wrong"}, "The SMTP server refuses the user or the password. ("),
        ({"smtp_port": 9}, "The SMTP server 127.0.0.1:9 could not be reached: "),
    ],
)
def test_trouble_says_which_server_and_what_to_mend(
    box: EmailConfig, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(SendFailed) as caught:
        ADAPTER.send(answer(), EmailConfig.model_validate({**box.model_dump(), **change}))
    assert in_english(caught.value.detail).startswith(said)


def test_server_inside_the_network_is_not_spoken_to(box: EmailConfig, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(InboxBroken) as caught:
        ADAPTER.send(answer(), box)
    told = in_english(caught.value.detail)
    assert "127.0.0.1 is not a public address. To allow it, add its network to OUTBOUND_ALLOW" in told


def test_server_that_says_nothing_is_tried_later(box: EmailConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.email.smtp.SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SendLater):
        ADAPTER.send(answer(), mailbox(smtp_port=silent.getsockname()[1]))


@pytest.mark.parametrize(
    "line", [b"", b"nonsense\r\n", b"554 no\r\n", b"421 later\r\n", b"220 x\r\n" + b"999 ?\r\n" * 9]
)
def test_server_that_answers_anything_ends_in_one_of_our_errors(line: bytes) -> None:
    def speak() -> None:
        connection, _ = door.accept()
        with connection:
            connection.sendall(line)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(SendFailed):
            ADAPTER.send(answer(), mailbox(smtp_port=door.getsockname()[1]))
        thread.join()


@pytest.mark.parametrize(
    ("slow", "error"),
    [
        ("greeting", SendLater),
        ("EHLO", SendLater),
        ("AUTH", SendLater),
        ("MAIL", SendLater),
        ("RCPT", SendLater),
        ("DATA", SendLater),
        ("mail", SendUnclear),
    ],
)
def test_server_that_drips_holds_no_call_beyond_its_time(
    slow: str, error: type[SendFailed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every few seconds met no limit, and the call outlived the claim it was made under."""
    monkeypatch.setattr("integrations.email.smtp.TOTAL_SECONDS", 0.5)
    with dripping(slow) as port, pytest.raises(error) as caught:
        ADAPTER.send(answer(), mailbox(smtp_port=port))
    assert type(caught.value) is error
    assert "too long" in caught.value.detail


def test_whole_call_ends_before_its_claim_is_nobodys() -> None:
    assert smtp.SECONDS < smtp.TOTAL_SECONDS < resuming.LEASE.total_seconds() - 5


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_connection_that_ends_before_the_mail_is_tried_again(step: str) -> None:
    """Nothing of the mail was on the wire when the server answered DATA with nothing."""
    with dripping(step, drops=0) as port, pytest.raises(SendLater) as caught:
        ADAPTER.send(answer(), mailbox(smtp_port=port))
    assert type(caught.value) is SendLater


def test_mail_is_the_same_bytes_but_for_its_boundaries() -> None:
    one, two = (compose(answer(), mailbox()).message for _ in range(2))
    assert [(name, value) for name, value in one.items() if name != "Content-Type"] == [
        (name, value) for name, value in two.items() if name != "Content-Type"
    ]
