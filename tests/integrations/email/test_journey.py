"""A mail from the customer to the desk and back, through the whole spine and a real SMTP server."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from django.test import Client

from accounts.models import User
from conversations.actions import reply
from conversations.actions.intake import take_in
from conversations.enums import AuthorKind, DeliveryStatus, Verdict
from conversations.models import ContactIdentity, Conversation, Delivery, InboundEvent, Inbox, Message
from conversations.queries.delivered import delivery_states
from tests.conversations.lines import hand_out, pass_time, say, sent
from tests.fakes.mail import Mail
from tests.fakes.provider import Simulator, running
from tests.integrations.email.case import MAILS, config, mail

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with running(Mail) as simulator:
        yield simulator


@pytest.fixture
def inbox(db: None, server: Simulator) -> Inbox:
    server.set_faults()
    port = server.http.get("/_ports").json()["smtp"]
    return Inbox.objects.create(name="Mail", channel="email", config={**config(""), "smtp_port": port})


def arrives(inbox: Inbox, raw: bytes) -> Verdict:
    number = InboundEvent.objects.count()
    return take_in(
        InboundEvent.objects.create(
            inbox=inbox,
            provider_event_id=f"e{number}",
            headers={"content-type": "message/rfc822"},
            body=raw,
        )
    )


def outbox(server: Simulator, delivery: Delivery) -> EmailMessage:
    rows = [row for row in server.ledger() if row["key"] == f"<{delivery.provider_id}>"]
    return message_from_bytes(rows[-1]["raw"]["mail"].encode("latin-1"), policy=default)


def said(conversation: Conversation) -> list[str]:
    return list(
        Message.objects.filter(conversation=conversation).order_by("seq").values_list("text", flat=True)
    )


def by_machine(conversation: Conversation) -> Delivery:
    """An answer of the AI agent, sent."""
    delivery = say(conversation, "We have your mail")
    Message.objects.filter(pk=delivery.message_id).update(author_kind=AuthorKind.AGENT)
    hand_out(conversation)
    delivery.refresh_from_db()
    return delivery


def test_question_and_answers_stay_in_one_conversation(inbox: Inbox, server: Simulator) -> None:
    arrives(inbox, mail("Where is it?", Subject="My order"))
    conversation = Conversation.objects.get()
    out = outbox(server, sent(conversation, "On its way"))
    assert (out["Subject"], out["In-Reply-To"]) == ("Re: My order", "<one@mail.example>")
    by_id = mail("Thanks", In_Reply_To=out["Message-ID"], message_id="two@mail.example")
    by_address = mail("And?", To=out["Reply-To"].addresses[0].addr_spec, message_id="three@mail.example")
    by_own = mail("Hello?", References="<one@mail.example>", message_id="four@mail.example")
    for raw in (by_id, by_address, by_own, by_id):
        assert arrives(inbox, raw) == Verdict.DONE
    assert said(conversation) == ["Where is it?", "On its way", "Thanks", "And?", "Hello?"]


def test_copy_that_the_server_refuses_is_told_under_the_message(inbox: Inbox, bruno: User) -> None:
    """It was said nowhere, and whoever wrote believed that both had it."""
    arrives(inbox, mail())
    row = Conversation.objects.get()
    message = reply(conversation=row, text="Here", by=bruno.as_actor(), cc=["nobody@example.com"])
    hand_out(row)
    state = delivery_states(row.pk)[str(message.pk)]
    assert (state["status"], state["error"], state["can_retry"]) == ("sent", "", False)
    assert state["note"].startswith("No copy went to nobody@example.com (5")


PASSED, FAILED = (
    f"Authentication-Results: mx.shop.example; dmarc={found} header.from=mail.example\r\n"
    for found in ("pass", "fail")
)


def is_shown_verified(client: Client, row: Conversation) -> object:
    return client.get(f"/admin/inbox/{row.pk}/context/").json()["context"]["contact"]["verified"]


@pytest.mark.parametrize(("heads", "shown"), [((PASSED, FAILED), False), ((FAILED, PASSED), True)])
def test_proof_of_an_older_mail_vouches_for_no_newer_one(
    inbox: Inbox, client: Client, ana: User, heads: tuple[str, str], *, shown: bool
) -> None:
    """A forged From was shown as verified once a true mail of the customer had come."""
    arrives(inbox, mail("One", head=heads[0]))
    arrives(inbox, mail("Two", head=heads[1], message_id="two@mail.example", References="<one@mail.example>"))
    client.force_login(ana)
    assert is_shown_verified(client, Conversation.objects.get()) is shown
    assert ContactIdentity.objects.get().is_verified is shown


def test_proof_of_a_mail_elsewhere_vouches_for_no_forged_thread(
    inbox: Inbox, client: Client, ana: User
) -> None:
    arrives(inbox, mail("Send it to me", head=FAILED))
    arrives(inbox, mail("Another matter", head=PASSED, message_id="two@mail.example"))
    client.force_login(ana)
    rows = Conversation.objects.order_by("created_at")
    assert [is_shown_verified(client, row) for row in rows] == [False, True]


def test_another_matter_is_another_conversation(inbox: Inbox) -> None:
    arrives(inbox, mail("One", Subject="One"))
    arrives(inbox, mail("Two", Subject="Two", message_id="two@mail.example"))
    assert sorted(Conversation.objects.values_list("subject", flat=True)) == ["One", "Two"]


def test_every_fixture_arrives_once_however_often_it_comes(inbox: Inbox) -> None:
    for _ in range(3):
        for raw in MAILS.values():
            # Reports on mails that are not here wait for them a while.
            assert arrives(inbox, raw) != Verdict.QUARANTINED
    messages = Message.objects.filter(author_kind=AuthorKind.CONTACT)
    reports = sum(name.startswith(("bounce", "delayed", "delivered", "read_receipt")) for name in MAILS)
    assert messages.count() == len(MAILS) - reports


def test_from_of_an_operator_is_stored_as_a_customer_and_never_sent(
    inbox: Inbox, bruno: User, server: Simulator
) -> None:
    """FreeScout CVE-2026-47123: whoever wrote in an operator's name spoke to the customer as him."""
    arrives(inbox, mail("Where is it?"))
    conversation = Conversation.objects.get()
    delivery = sent(conversation)
    before = len(server.ledger())
    spoofed = mail(
        "Pay here",
        From=bruno.email or "bruno@shop.example",
        In_Reply_To=f"<{delivery.provider_id}>",
        message_id="x@evil.example",
    )
    arrives(inbox, spoofed)
    hand_out(conversation)
    message = Message.objects.get(text="Pay here")
    assert message.author_kind == AuthorKind.CONTACT
    assert not Delivery.objects.filter(message=message).exists()
    assert len(server.ledger()) == before


def test_bounce_marks_the_answer_as_not_delivered(inbox: Inbox) -> None:
    arrives(inbox, mail("Where is it?"))
    delivery = sent(Conversation.objects.get())
    assert delivery.provider_id
    arrives(inbox, MAILS["bounce"].replace(b"@@ID@@", delivery.provider_id.encode()))
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.FAILED
    assert "User unknown" in delivery.error


def test_answer_whose_fate_is_unknown_is_sent_again_under_the_same_id(
    inbox: Inbox, server: Simulator
) -> None:
    """Case I: accepted, and the connection lost; the customer's program shows it once."""
    arrives(inbox, mail("Where is it?"))
    conversation = Conversation.objects.get()
    server.set_faults(cut=1)
    delivery = say(conversation, "On its way")
    hand_out(conversation)
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.UNKNOWN
    server.set_faults()
    pass_time(3600)
    hand_out(conversation)
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.SENT
    assert [row["key"] for row in server.ledger()].count(f"<{delivery.provider_id}>") == 2


def test_refusal_is_final_and_greylisting_is_not(inbox: Inbox, server: Simulator) -> None:
    """Case T: SMTP 4xx and 5xx."""
    arrives(inbox, mail("Where is it?"))
    conversation = Conversation.objects.get()
    server.set_faults(too_many=1)
    grey = say(conversation, "Later")
    hand_out(conversation)
    grey.refresh_from_db()
    assert grey.status == DeliveryStatus.QUEUED
    server.set_faults()
    pass_time(3600)
    hand_out(conversation)
    grey.refresh_from_db()
    assert grey.status == DeliveryStatus.SENT
    server.set_faults(refuse=1)
    refused = say(conversation, "Never")
    pass_time(3600)
    hand_out(conversation)
    refused.refresh_from_db()
    assert refused.status == DeliveryStatus.FAILED


def test_loop_of_two_helpdesks_ends_after_three_mails(inbox: Inbox, server: Simulator) -> None:
    """Case T: each answers what it hears unless a machine said it."""
    other = Inbox.objects.create(
        name="Other",
        channel="email",
        config={**inbox.config, "address": "help@other.example", "smtp_user": "support@shop.example"},
    )
    heard = mail("Hello", From="help@other.example")
    mails, ears = 1, [inbox, other]
    while mails < 10:
        arrives(ears[0], heard)
        message = Message.objects.filter(inbox=ears[0]).latest("seq", "created_at")
        if message.is_automatic:
            break
        heard = outbox(server, by_machine(message.conversation)).as_bytes()
        mails += 1
        ears.reverse()
    assert mails <= 3


def test_what_is_no_mail_is_quarantined_with_its_bytes(inbox: Inbox) -> None:
    assert arrives(inbox, b"\x00\x01 nothing") == Verdict.QUARANTINED
    assert bytes(InboundEvent.objects.get().body) == b"\x00\x01 nothing"
