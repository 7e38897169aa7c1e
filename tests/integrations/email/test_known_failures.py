"""What went wrong with mail in other helpdesks, and does not here."""

from email import message_from_bytes
from email.policy import default

import pytest

from conversations.exchange import Incoming
from integrations.email.marks import message_id, reply_address
from integrations.email.outgoing import compose
from tests.integrations.email.case import CONVERSATION, MAILS, answer, fixture, mail, mailbox, message, parsed

BOX = mailbox()


def test_mails_with_an_empty_message_id_are_not_merged_into_one() -> None:
    """LibreDesk #122."""
    ids = {
        fixture(name).external_id for name in ("empty_message_id", "other_empty_message_id", "no_message_id")
    }
    assert len(ids) == 3
    assert all(each.startswith("sha256:") for each in ids)


@pytest.mark.parametrize("given", ["", "@", "<>", "@localhost", "0@", "a@b", " "])
def test_empty_message_id_does_not_stop_the_fetch(given: str) -> None:
    """FreeScout #4740: such a mail ended the whole run."""
    one, two = (message(mail(text, message_id=given)) for text in ("one", "two"))
    assert one.external_id != two.external_id
    assert one.external_id == message(mail("one", message_id=given)).external_id


def test_mail_without_id_is_known_again_on_whatever_way_it_comes() -> None:
    """LibreDesk #142, #355: mails were imported again."""
    direct = MAILS["no_message_id"]
    relayed = b"Received: from x by y; Mon, 02 Mar 2026\r\nDelivered-To: b@c.example\r\n" + direct
    assert (
        message(direct).external_id
        == message(relayed).external_id
        == message(direct.replace(b"\r\n", b"\n")).external_id
    )


def test_two_mails_under_one_id_can_be_told_apart() -> None:
    """Some programs give every mail the same id."""
    one, two = message(mail("one")), message(mail("two"))
    assert one.external_id == two.external_id
    assert one.details["digest"] != two.details["digest"]


def test_reply_of_a_customer_is_told_where_it_belongs() -> None:
    """Chatwoot #3868, #10791: it opened a new conversation."""
    sent = compose(answer(), BOX)
    by_id = message(mail(In_Reply_To=f"<{sent.message_id}>")).thread
    by_address = message(mail(To=reply_address(BOX, CONVERSATION))).thread
    assert by_id
    assert by_id.answers == (sent.message_id,)
    assert by_address
    assert by_address.conversation_id == CONVERSATION


def test_apple_mail_that_answers_only_by_references_is_threaded() -> None:
    """LibreDesk #176."""
    found = message(mail(References=f"<other@x.example> <{message_id(BOX, 'k')}>")).thread
    assert found
    assert found.answers[0] == message_id(BOX, "k")


def test_history_is_neither_missing_nor_repeated() -> None:
    """Chatwoot #9718, #12045, #15746, LibreDesk #517."""
    item = fixture("gmail_html")
    assert "Shall we send it?" not in item.text + item.html
    assert "Shall we send it?" in item.details["full_text"]


@pytest.mark.parametrize(
    "name", ["wrong_charset", "unknown_charset", "broken_base64", "missing_boundary", "raw_utf8_header"]
)
def test_unprocessable_mail_is_processed(name: str) -> None:
    """Zammad #795, #811, #2176, #3303, #4132: charsets, broken MIME, wrong addresses."""
    assert fixture(name).text


@pytest.mark.parametrize(
    "field", ["not an address", "a@b@c", "<<a@b.example>", "undisclosed-recipients:;", "=?x?y?z?="]
)
def test_wrong_address_in_a_field_loses_no_mail(field: str) -> None:
    """Zammad #2176."""
    assert message(mail(To=field, Cc=field, Reply_To=field)).text == "Hello"
    assert message(mail(From=field)).text == "Hello"


def test_mail_with_files_and_no_plain_body_loses_nothing() -> None:
    """django-helpdesk #343."""
    item = fixture("attachments_without_body")
    assert len(item.files) == 2
    assert item.text == ""


def test_body_is_neither_empty_nor_there_twice() -> None:
    """FreeScout #3186, #1350."""
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nOnce\r\n"
        "--b\r\nContent-Type: text/html\r\n\r\n<p>Once</p>\r\n--b--",
        Content_Type="multipart/alternative; boundary=b",
    )
    assert message(raw).text == "Once"
    assert message(mail("<p>Once</p>", Content_Type="text/html")).text == "Once"


def test_from_of_an_operator_with_a_guessed_id_is_a_customer() -> None:
    """FreeScout CVE-2026-47123, GHSA-6r38, GHSA-8vm3: it went out as the operator's own answer."""
    raw = mail(From="Bruno <bruno@shop.example>", In_Reply_To=f"<k1.{'a' * 26}@shop.example>")
    item = message(raw)
    assert isinstance(item, Incoming)
    assert item.sender.external_id == "bruno@shop.example"
    assert not item.sender.is_verified
    assert item.thread
    assert item.thread.conversation_id is None


def test_another_sender_in_a_thread_keeps_his_own_identity() -> None:
    """FreeScout GHSA-j49f: he became the customer."""
    item = message(
        mail(From="eve@evil.example", To=reply_address(BOX, CONVERSATION), Reply_To="davi@example.com")
    )
    assert item.sender.external_id == "eve@evil.example"


def test_authentication_that_the_sender_wrote_himself_counts_for_nothing() -> None:
    """FreeScout CVE-2026-47123: proof is what the receiving server found, topmost."""
    proven, forged = fixture("authenticated"), fixture("forged_authentication")
    assert proven.sender.is_verified
    assert proven.details["authentication"] == {"dkim": "pass", "spf": "pass", "dmarc": "pass"}
    assert not forged.sender.is_verified
    assert "authentication" not in forged.details
    assert (proven.details["proven"], forged.details["proven"]) == (True, False)
    unasked = fixture("authenticated", trusted_authserv_id="")
    assert not unasked.sender.is_verified
    assert "proven" not in unasked.details


def test_proof_of_one_address_vouches_for_no_other() -> None:
    """FreeScout CVE-2026-47123: DMARC passes for a stranger's own domain, and Reply-To names the victim."""
    head = "Authentication-Results: mx.shop.example; dmarc=pass header.from=evil.example\r\n"
    names = {"From": "noreply@evil.example", "Reply_To": "victim@example.com"}
    found = message(mail("Send it to my new address", head=head, **names)).sender
    assert (found.external_id, found.is_verified) == ("victim@example.com", False)


def test_automatic_answer_carries_its_mark_and_is_answered_by_no_machine() -> None:
    """The ticket trick and Zendesk's relay spam: case T, a loop of two helpdesks ends after one answer."""
    ours, theirs = BOX, mailbox(address="help@other.example")
    first = compose(answer(to=theirs.address, author_kind="agent"), ours)
    heard = message(first.content(), address=theirs.address)
    assert heard.is_automatic
    # Had theirs answered all the same, ours would not.
    second = compose(answer(to=ours.address, author_kind="agent", thread=(heard.external_id,)), theirs)
    assert message(second.content()).is_automatic


def test_answer_that_is_sent_back_to_us_is_not_answered() -> None:
    """Case T: a bounce loop."""
    letter = compose(answer(), BOX)
    forwarded = b"Received: from x by y; Mon, 02 Mar 2026 10:00:00 +0000\r\n" + letter.content()
    assert not [item for item in parsed(forwarded) if isinstance(item, Incoming)]


@pytest.mark.parametrize(
    "more",
    [
        {"subject": "A\r\nBcc: victim@example.com"},
        {"contact_name": "Davi\nBcc: victim@example.com"},
        {"author": "Bruno\r\n\r\nBody"},
        {"reply_to": "x@y.example>\r\nBcc: victim@example.com"},
        {"thread": ("x@y.example\nBcc:victim@example.com",)},
        {"subject": "A\x00\x0b\x0c\x85\u2028Bcc: victim@example.com"},
        {"details": {"cc": ["victim@example.com\nBcc: x@y.example", 7]}},
    ],
)
def test_no_line_is_smuggled_into_a_head(more: dict[str, object]) -> None:
    """RT's header injection by a newline in an address."""
    sent = message_from_bytes(compose(answer(**more), mailbox(display_name="")).content(), policy=default)
    assert sent["Bcc"] is None
    assert sent["Cc"] is None
    assert len(sent.get_all("To", [])) == 1
    assert "Hello" in sent.get_body(("plain",)).get_content()  # type: ignore[union-attr]
