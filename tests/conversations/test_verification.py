"""Proving who one is by a code from one's mail: to the known address, few tries, for a short time."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tasks import AGAIN
from conversations.actions import Sender, receive, request_verification
from conversations.actions.verification import code_of, write_code
from conversations.enums import AuthorKind, EventType
from conversations.models import Contact, Conversation, Event, Inbox, Message, Verification
from conversations.queries.proof import is_verified
from conversations.tasks import send_code
from core.actor import Actor
from core.errors import Conflict, NotFound, TooMany

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "eva@example.com"


def say(inbox: Inbox, text: str, who: str = "eva", email: str = ADDRESS) -> Conversation:
    sender = Sender(who, name=who, email=email, locale="en")
    return receive(inbox=inbox, sender=sender, text=text).conversation


@pytest.fixture
def talk(inbox: Inbox) -> Conversation:
    return say(inbox, "Hello")


@pytest.fixture
def asked(talk: Conversation) -> Verification:
    return request_verification(conversation=talk, by=Actor.system())


def wrong(row: Verification, number: int = 1) -> str:
    return f"{(int(code_of(row)) + number) % 10**6:06}"


def told() -> list[str]:
    rows = Message.objects.filter(author_kind=AuthorKind.SYSTEM).order_by("seq")
    return list(rows.values_list("text", flat=True))


def test_the_code_goes_by_mail_and_typing_it_verifies(
    talk: Conversation, asked: Verification, inbox: Inbox
) -> None:
    job = ProcrastinateJob.objects.get(task_name="conversations.send_code")
    assert job.args == {"verification": asked.pk}
    asyncio.run(send_code(asked.pk))
    (letter,) = mail.outbox
    assert letter.to == [ADDRESS]
    (code,) = re.findall(r"\b\d{6}\b", str(letter.body))
    assert not is_verified(talk)
    say(inbox, f"It is {code}.")
    assert is_verified(talk)
    assert told() == ["Thank you, the code is right."]
    assert Event.objects.get(type=EventType.IDENTITY_VERIFIED).is_internal


def test_the_code_stands_nowhere_in_the_database(asked: Verification) -> None:
    values = [str(value) for row in Verification.objects.values() for value in row.values()]
    values += [str(job.args) for job in ProcrastinateJob.objects.all()]
    assert not any(code_of(asked) in value for value in values)


def test_a_mail_tried_again_has_the_same_code(asked: Verification) -> None:
    first, second = write_code(asked.pk), write_code(asked.pk)
    assert first == second
    assert first is not None


def test_a_mail_server_that_is_away_has_the_job_tried_again(
    asked: Verification, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_letter: object) -> None:
        raise OSError("mail server away")

    monkeypatch.setattr("conversations.tasks.send", away)
    with pytest.raises(OSError, match="away"):
        asyncio.run(send_code(asked.pk))
    assert send_code.retry_strategy is AGAIN


def test_five_wrong_tries_void_the_code(talk: Conversation, asked: Verification, inbox: Inbox) -> None:
    for number in range(1, 6):
        say(inbox, wrong(asked, number))
    say(inbox, code_of(asked))
    assert not is_verified(talk)
    assert len(told()) == 5
    assert Verification.objects.get().tries == 5


def test_many_numbers_in_a_message_are_one_guess(
    talk: Conversation, asked: Verification, inbox: Inbox
) -> None:
    say(inbox, f"{wrong(asked)} {code_of(asked)}")
    assert not is_verified(talk)
    assert Verification.objects.get().tries == 1


def test_ten_minutes_later_the_code_is_void(talk: Conversation, asked: Verification, inbox: Inbox) -> None:
    Verification.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    say(inbox, code_of(asked))
    assert not is_verified(talk)
    assert write_code(asked.pk) is None


def test_another_code_voids_the_one_before(talk: Conversation, asked: Verification, inbox: Inbox) -> None:
    second = request_verification(conversation=talk, by=Actor.system())
    say(inbox, code_of(asked))
    assert not is_verified(talk)
    say(inbox, code_of(second))
    assert is_verified(talk)


def test_a_code_is_good_once_and_for_a_time(talk: Conversation, asked: Verification, inbox: Inbox) -> None:
    say(inbox, code_of(asked))
    Verification.objects.update(verified_at=timezone.now() - timedelta(minutes=61))
    assert not is_verified(talk)
    say(inbox, code_of(asked))
    assert not is_verified(talk)


def test_the_code_of_one_conversation_verifies_no_other(asked: Verification, inbox: Inbox) -> None:
    other = say(inbox, code_of(asked), "mallory", "mallory@example.com")
    assert not is_verified(other)
    assert not is_verified(asked.conversation)


@pytest.mark.parametrize("when", ["before the code is typed", "after it"])
def test_another_address_is_another_proof(
    talk: Conversation, asked: Verification, inbox: Inbox, when: str
) -> None:
    if when == "after it":
        say(inbox, code_of(asked))
    Contact.objects.update(email="other@example.com")
    if when != "after it":
        assert write_code(asked.pk) is None
        say(inbox, code_of(asked), email="")
    assert not is_verified(Conversation.objects.get())


def test_without_an_address_there_is_nothing_to_prove(inbox: Inbox) -> None:
    with pytest.raises(Conflict):
        request_verification(conversation=say(inbox, "Hi", email=""), by=Actor.system())


def test_a_message_that_the_channel_does_not_vouch_for_proves_nothing(
    talk: Conversation, asked: Verification, inbox: Inbox
) -> None:
    Message.objects.filter(conversation=talk).update(details={"proven": False})
    with pytest.raises(Conflict):
        request_verification(conversation=talk, by=Actor.system())
    Verification.objects.update(verified_at=timezone.now())
    assert not is_verified(talk)


@pytest.mark.parametrize(
    ("most", "sender"),
    [(3, lambda _: ("eva", ADDRESS)), (5, lambda number: (f"visitor{number}", ADDRESS.upper()))],
)
def test_a_customer_and_an_address_get_few_codes_in_an_hour(
    inbox: Inbox, most: int, sender: Callable[[int], tuple[str, str]]
) -> None:
    for number in range(most):
        request_verification(conversation=say(inbox, "Hi", *sender(number)), by=Actor.system())
    with pytest.raises(TooMany):
        request_verification(conversation=say(inbox, "Hi", *sender(most)), by=Actor.system())
    Verification.objects.update(asked_at=timezone.now() - timedelta(hours=1, seconds=1))
    request_verification(conversation=say(inbox, "Hi", *sender(most)), by=Actor.system())


def test_another_customer_asks_for_no_code(talk: Conversation, inbox: Inbox) -> None:
    stranger = say(inbox, "Oi", "mallory", "").contact.as_actor()
    with pytest.raises(NotFound):
        request_verification(conversation=talk, by=stranger)
