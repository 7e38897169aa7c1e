"""Where a mail belongs: only a signature of ours proves it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exchange import Ignored, Thread
from integrations.email.marks import (
    conversation_of,
    loop_mark,
    message_id,
    own_key,
    reply_address,
    short_id,
    token,
)
from tests.integrations.email.case import CONVERSATION, mail, mailbox, message, parsed

BOX = mailbox()


def thread(raw: bytes) -> Thread:
    found = message(raw).thread
    assert found
    return found


@pytest.mark.parametrize("field", ["To", "Cc", "Delivered_To", "X_Original_To", "Envelope_To"])
def test_reply_address_names_the_conversation(field: str) -> None:
    address = reply_address(BOX, CONVERSATION)
    assert thread(mail(**{field: f"Shop <{address.upper()}>"})).conversation_id == CONVERSATION


def test_mark_in_the_subject_names_the_conversation_and_is_not_shown() -> None:
    found = thread(mail(Subject=f"Re: A matter [#{token(BOX, CONVERSATION)}]"))
    assert (found.conversation_id, found.subject) == (CONVERSATION, "A matter")


def test_reply_address_of_another_mailbox_proves_nothing() -> None:
    other = mailbox(address="sales@shop.example")
    address = reply_address(other, CONVERSATION).replace("sales+", "support+")
    assert thread(mail(To=address)).conversation_id is None


@given(st.integers(0, 51), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_mark_with_another_letter_proves_nothing(at: int, letter: str) -> None:
    genuine = token(BOX, CONVERSATION)
    forged = genuine[:at] + letter + genuine[at + 1 :]
    found = conversation_of(BOX, [f"support+{forged}@shop.example"], "")
    # The last letter carries bits that mean nothing.
    assert found is None or (found == CONVERSATION and (forged == genuine or at == 51))


@given(st.uuids())
def test_every_conversation_has_an_address_within_the_limits(conversation_id: UUID) -> None:
    address = reply_address(BOX, conversation_id)
    assert len(address.partition("@")[0]) <= 64
    assert conversation_of(BOX, [address], "") == conversation_id


def test_name_too_long_for_a_mark_leaves_the_plain_address() -> None:
    box = mailbox(address="customer.service.team@shop.example")
    assert reply_address(box, CONVERSATION) == box.address
    assert reply_address(mailbox(plus_addressing=False), CONVERSATION) == "support@shop.example"


def test_marks_of_a_replaced_key_still_count(settings: Any) -> None:
    address, own = reply_address(BOX, CONVERSATION), message_id(BOX, "k1")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-nobody-which-is-long-enough-0123456789"
    assert conversation_of(BOX, [address], "") == CONVERSATION
    assert own_key(BOX, own) == "k1"
    settings.SECRET_KEY_FALLBACKS = []
    assert conversation_of(BOX, [address], "") is None


def test_answers_are_told_nearest_first() -> None:
    raw = mail(In_Reply_To="<c@x.example>", References="<a@x.example> <b@x.example>\r\n <c@x.example>")
    assert thread(raw).answers == ("c@x.example", "b@x.example", "a@x.example")


def test_ids_too_long_for_the_database_are_told_alike_wherever_they_stand() -> None:
    long_id = f"{'x' * 400}@mail.example"
    own = message(mail(message_id=long_id)).external_id
    assert own == short_id(long_id)
    assert thread(mail(In_Reply_To=f"<{long_id}>")).answers == (own,)


def test_message_id_is_the_same_at_each_attempt_and_known_again() -> None:
    key = uuid4().hex
    assert message_id(BOX, key) == message_id(BOX, key)
    assert own_key(BOX, message_id(BOX, key)) == key
    assert own_key(BOX, f"{key}.{'a' * 26}@shop.example") == ""
    assert own_key(mailbox(address="sales@shop.example"), message_id(BOX, key)) == ""
    assert len(message_id(BOX, "a key: with\nanything" * 20)) < 255


def test_mail_of_our_own_that_comes_back_is_ignored() -> None:
    for raw in (mail(X_Helpdesk_Loop=loop_mark(BOX)), mail(message_id=message_id(BOX, "k1"))):
        (item,) = parsed(raw)
        assert isinstance(item, Ignored)
    assert message(mail(X_Helpdesk_Loop="a" * 26)).text == "Hello"
    assert message(mail(message_id=f"k1.{'a' * 26}@shop.example")).text == "Hello"


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: Fwd: RES: ENC: RV: A matter", "A matter"),
        ("RE[2]: A matter", "A matter"),
        ("Re : A matter", "A matter"),
        ("AW: WG: Angebot", "Angebot"),
        ("Regarding: nothing", "Regarding: nothing"),
        ("Re:", ""),
        ("  spaces   inside ", "spaces inside"),
    ],
)
def test_subject_loses_what_programs_put_before_it(subject: str, bare: str) -> None:
    assert thread(mail(Subject=subject)).subject == bare
