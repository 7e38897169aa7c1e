"""When nobody knows whether a provider has a message, and what people may do about one that failed."""

import os
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import TestCase
from django.utils import timezone

from conversations import tasks
from conversations.actions import outcomes, retry_delivery, retry_message, sending
from conversations.actions.intake import take_in
from conversations.actions.receipts import record_receipt
from conversations.actions.settling import settle
from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from conversations.enums import DeliveryStatus, Verdict
from conversations.exchange import Receipt, Sent
from conversations.models import Conversation, Delivery, InboxState
from core.actor import Actor
from core.errors import Conflict, Forbidden
from tests.conversations.lines import (
    event,
    eventually,
    hand_out,
    only_delivery,
    pass_time,
    planned,
    say,
)
from tests.conversations.test_receive import in_parallel
from tests.conversations.test_sending import DAY, Scripted, claimed, now_wait, on, told_provider

pytestmark = pytest.mark.django_db


# --- When nobody knows -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("channel", "pause", "doubles"), [("safe", 2, 0), ("scripted", 2, 1), ("callback", 30, 1)]
)
def test_worker_that_dies_after_the_provider_took_it_leaves_a_doubt(
    chat: Conversation, scripted: Scripted, channel: str, pause: float, doubles: int
) -> None:
    """Case I: accepted, and nobody wrote it down. What may be done is the channel's to say."""
    on(chat, channel)
    say(chat, "a")
    say(chat, "b")
    dead = claimed(chat)
    assert 20 < now_wait(chat) <= 25
    pass_time(26)
    assert pause * 0.7 < now_wait(chat) < pause * 1.3
    first = Delivery.objects.order_by("seq")[0]
    assert (first.status, first.doubtful) == (DeliveryStatus.UNKNOWN, 0)
    pass_time(pause * 1.3)
    assert hand_out(chat) is None
    first.refresh_from_db()
    assert (first.status, first.doubtful, first.attempts) == (DeliveryStatus.SENT, doubles, 2)
    assert told_provider(scripted) == ["a", "b"]
    assert scripted.calls[0].key == dead.outgoing.key


@pytest.mark.parametrize("channel", ["safe", "scripted", "callback"])
def test_worker_that_dies_after_the_call_ended_leaves_no_doubt(
    chat: Conversation, scripted: Scripted, channel: str
) -> None:
    """What came of the call lies on the machine's disk: whoever goes on need neither wait nor ask."""
    on(chat, channel)
    say(chat, "a")
    say(chat, "b")
    dead = claimed(chat)
    sending._call_and_note(dead)
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert hand_out(chat) is None
    first = Delivery.objects.order_by("seq")[0]
    assert (first.status, first.doubtful, first.attempts) == (DeliveryStatus.SENT, 0, 1)
    assert first.provider_id == f"p-{dead.key}"
    assert told_provider(scripted) == ["a", "b"]
    assert outcomes.recall(dead.key, 1) is None


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (SendRefused("not a number", provider_code="131026"), DeliveryStatus.FAILED),
        (SendLater("busy", retry_after=90), DeliveryStatus.QUEUED),
        (SendUnclear("no answer"), DeliveryStatus.UNKNOWN),
        (InboxBroken("no token"), DeliveryStatus.QUEUED),
    ],
)
def test_note_of_a_failure_says_what_the_worker_would_have_said(
    chat: Conversation, scripted: Scripted, outcome: SendFailed, status: DeliveryStatus
) -> None:
    say(chat, "a")
    scripted.outcomes.append(outcome)
    sending._call_and_note(claimed(chat))
    hand_out(chat)
    row = only_delivery()
    assert (row.status, row.error, row.error_code) == (status, outcome.detail, outcome.provider_code)
    assert told_provider(scripted) == ["a"]


def test_note_that_was_cut_off_says_nothing(chat: Conversation) -> None:
    say(chat)
    dead = claimed(chat)
    sending._call_and_note(dead)
    place = outcomes._place(dead.key, dead.attempt)
    place.write_text(place.read_text()[:9])
    assert now_wait(chat) > 20
    pass_time(26)
    now_wait(chat)
    assert only_delivery().status == DeliveryStatus.UNKNOWN


def test_note_that_cannot_be_written_hinders_nothing(
    chat: Conversation, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk, or one that is read only."""
    monkeypatch.setattr(outcomes, "_place", lambda key, attempt: tmp_path / "missing" / f"{key}.{attempt}")
    say(chat, "a")
    found = claimed(chat)
    settle(found.key, found.attempt, sending._call_and_note(found))
    assert only_delivery().status == DeliveryStatus.SENT


def test_note_of_an_attempt_that_was_given_up_settles_no_other(
    chat: Conversation, scripted: Scripted
) -> None:
    say(chat, "a")
    scripted.outcomes.append(SendRefused("no"))
    dead = claimed(chat)
    pass_time(26)
    now_wait(chat)
    pass_time(10)
    again = claimed(chat)
    sending._call_and_note(dead)
    assert now_wait(chat) > 20
    assert (only_delivery().status, only_delivery().attempts) == (DeliveryStatus.SENDING, again.attempt)


def test_doubt_is_settled_by_the_note_of_a_worker_that_was_frozen(
    chat: Conversation, scripted: Scripted
) -> None:
    """Its claim ran out while it stood still; then the call ended, and it died."""
    say(chat, "a")
    frozen = claimed(chat)
    pass_time(26)
    now_wait(chat)
    assert only_delivery().status == DeliveryStatus.UNKNOWN
    sending._call_and_note(frozen)
    pass_time(10)
    assert hand_out(chat) is None
    assert (only_delivery().status, only_delivery().attempts) == (DeliveryStatus.SENT, 1)
    assert told_provider(scripted) == ["a"]


@pytest.mark.parametrize(
    "text", ['{"status": "sent"}', '{"provider_id": "a", "status": "flown", "note": ""}', "7"]
)
def test_note_of_another_version_says_nothing(chat: Conversation, text: str) -> None:
    say(chat)
    dead = claimed(chat)
    sending._call_and_note(dead)
    outcomes._place(dead.key, dead.attempt).write_text(text)
    assert now_wait(chat) > 20


def test_notes_that_nobody_came_for_are_removed(tmp_path: Path, settings: Any) -> None:
    old, young = tmp_path / "outcomes" / "a.1", tmp_path / "outcomes" / "b.1"
    old.parent.mkdir()
    for path in (old, young):
        path.write_text("{}")
    os.utime(old, (time.time() - outcomes.OLD_SECONDS - 1,) * 2)
    settings.HELPDESK_HOME = tmp_path
    outcomes.remove_old()
    assert list(old.parent.iterdir()) == [young]


def test_settings_say_whether_a_message_can_be_repeated_safely(
    chat: Conversation, scripted: Scripted
) -> None:
    """Some mail providers replace our Message-ID: what is sent again through them is another mail."""
    on(chat, "safe")
    chat.inbox.config = {"repeats": "doubtful"}
    chat.inbox.save()
    say(chat)
    claimed(chat)
    pass_time(26)
    hand_out(chat)
    pass_time(10)
    assert hand_out(chat) is None
    assert (only_delivery().status, only_delivery().doubtful) == (DeliveryStatus.SENT, 1)


def test_settings_that_cannot_be_read_leave_the_rule_of_the_channel(chat: Conversation) -> None:
    on(chat, "callback")
    chat.inbox.config = {"repeats": "sometimes"}
    chat.inbox.save()
    say(chat)
    claimed(chat)
    pass_time(26)
    assert 25 < now_wait(chat) < 35


def test_receipt_with_our_key_settles_a_doubt_without_a_second_call(
    chat: Conversation, scripted: Scripted
) -> None:
    """WhatsApp's biz_opaque_callback_data: no double, whoever died."""
    on(chat, "callback")
    say(chat)
    dead = claimed(chat)
    pass_time(26)
    hand_out(chat)
    assert only_delivery().status == DeliveryStatus.UNKNOWN
    record_receipt(chat.inbox, Receipt(DeliveryStatus.SENT, key=dead.outgoing.key, provider_id="wamid.1"))
    pass_time(DAY)
    assert hand_out(chat) is None
    assert scripted.calls == []
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.SENT, "wamid.1")


def test_doubt_waits_for_receipts_that_came_in_time_and_for_no_others(
    chat: Conversation, scripted: Scripted
) -> None:
    """Under a backlog somebody always has something unread; what came too late was for another message."""
    on(chat, "callback")
    say(chat)
    claimed(chat)
    pass_time(26)
    now_wait(chat)
    in_time = event(chat.inbox, {"kind": "ignored", "reason": "of somebody else"})
    pass_time(60)
    event(chat.inbox, {"kind": "ignored", "reason": "of somebody else, later"})
    assert 0 < now_wait(chat) <= 3
    assert told_provider(scripted) == []
    take_in(in_time)
    assert hand_out(chat) is None
    assert len(told_provider(scripted)) == 1


def test_worker_that_was_only_slow_is_believed(chat: Conversation) -> None:
    say(chat)
    slow = claimed(chat)
    pass_time(26)
    hand_out(chat)
    settle(slow.key, slow.attempt, Sent("p1"))
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.SENT, "p1")
    assert hand_out(chat) is None


@pytest.mark.parametrize("outcome", [SendLater("busy"), SendRefused("no"), SendUnclear("cut")])
def test_failure_of_an_attempt_that_was_given_up_changes_nothing(
    chat: Conversation, outcome: SendFailed
) -> None:
    say(chat)
    slow = claimed(chat)
    pass_time(26)
    hand_out(chat)
    pass_time(10)
    claimed(chat)
    settle(slow.key, slow.attempt, outcome)
    assert (only_delivery().status, only_delivery().attempts) == (DeliveryStatus.SENDING, 2)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_both_send(chat: Conversation, scripted: Scripted) -> None:
    """Chatwoot #9314: the same outgoing message was sent twice."""
    for number in range(12):
        say(chat, str(number))
    for _ in range(3):
        in_parallel([partial(hand_out, chat)] * 6)
        Delivery.objects.filter(status=DeliveryStatus.SENDING).update(claimed_at=timezone.now())
    hand_out(chat)
    assert told_provider(scripted) == [str(number) for number in range(12)]


@pytest.mark.django_db(transaction=True)
def test_job_sends_and_plans_what_has_to_wait(chat: Conversation, scripted: Scripted) -> None:
    say(chat)
    scripted.outcomes.append(SendLater("busy"))
    async_to_sync(tasks.deliver.func)(str(chat.pk))
    assert only_delivery().status == DeliveryStatus.QUEUED
    assert planned("conversations.deliver_later") == [{"conversation_id": str(chat.pk)}]


@pytest.mark.django_db(transaction=True)
def test_answer_of_an_operator_reaches_the_provider_by_itself(
    chat: Conversation, scripted: Scripted, server: Any
) -> None:
    scripted.outcomes.append(SendLater("busy"))
    say(chat, "Bom dia")
    assert eventually(lambda: only_delivery().status == DeliveryStatus.SENT)
    assert told_provider(scripted) == ["Bom dia", "Bom dia"]


# --- What people do ----------------------------------------------------------------------------------------
def failed(chat: Conversation, scripted: Scripted) -> Delivery:
    delivery = say(chat)
    scripted.outcomes.append(SendRefused("no", provider_code="7"))
    hand_out(chat)
    delivery.refresh_from_db()
    return delivery


def test_people_send_again_what_failed(chat: Conversation, scripted: Scripted, bruno: Any) -> None:
    delivery = failed(chat, scripted)
    Delivery.objects.update(provider_id="old")
    InboxState.objects.update(not_before=timezone.now() + timedelta(hours=1))
    pass_time(2 * DAY)
    retry_message(message=delivery.message, by=bruno.as_actor())
    row = only_delivery()
    assert (row.status, row.attempts, row.error, row.error_code) == (DeliveryStatus.QUEUED, 0, "", "")
    assert planned("conversations.deliver")
    hand_out(chat)
    # The provider's receipts name the new attempt.
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.SENT, f"p-{row.pk.hex}_1")


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "failed"])
def test_late_word_of_what_failed_settles_nothing_that_is_sent_again(
    chat: Conversation, scripted: Scripted, status: str
) -> None:
    """WhatsApp's status of the first attempt carries our key, too, and told of a message nobody had sent."""
    on(chat, "callback")
    first = failed(chat, scripted)
    key = first.key
    retry_delivery(delivery=first, by=Actor.system())
    late = event(chat.inbox, {"kind": "receipt", "status": status, "key": key, "provider_id": "wamid.1"})
    assert take_in(late) == Verdict.IGNORED
    assert "before the message was sent again" in late.detail
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.QUEUED, None)
    hand_out(chat)
    assert [call.key for call in scripted.calls] == [key, f"{key}_1"]
    record_receipt(chat.inbox, Receipt(DeliveryStatus.DELIVERED, key=f"{key}_1"))
    assert only_delivery().status == DeliveryStatus.DELIVERED


@pytest.mark.parametrize("outcome", [Sent("p1"), SendRefused("no"), SendLater("busy")])
def test_slow_worker_settles_nothing_that_people_sent_again(
    chat: Conversation, outcome: Sent | SendFailed
) -> None:
    """Its attempt was the first one, and so is the new one."""
    say(chat)
    slow = claimed(chat)
    record_receipt(chat.inbox, Receipt(DeliveryStatus.FAILED, key=slow.key))
    retry_delivery(delivery=only_delivery(), by=Actor.system())
    claimed(chat)
    settle(slow.key, slow.attempt, outcome)
    assert (only_delivery().status, only_delivery().provider_id) == (DeliveryStatus.SENDING, None)


def test_automatic_attempts_keep_their_key(chat: Conversation, scripted: Scripted) -> None:
    say(chat)
    scripted.outcomes.extend([SendLater("busy"), SendUnclear("cut")])
    for _ in range(3):
        hand_out(chat)
        pass_time(60)
    assert len({call.key for call in scripted.calls}) == 1
    assert len(scripted.calls) == 3


@pytest.mark.parametrize("status", [status for status in DeliveryStatus if status != DeliveryStatus.FAILED])
def test_people_cannot_send_again_what_has_not_failed(chat: Conversation, status: DeliveryStatus) -> None:
    delivery = say(chat)
    Delivery.objects.update(status=status)
    with pytest.raises(Conflict):
        retry_delivery(delivery=delivery, by=Actor.system())
    with pytest.raises(Conflict):
        retry_message(message=delivery.message, by=Actor.system())


def test_customers_cannot_send_again(chat: Conversation, scripted: Scripted) -> None:
    delivery = failed(chat, scripted)
    with pytest.raises(Forbidden):
        retry_delivery(delivery=delivery, by=chat.contact.as_actor())
