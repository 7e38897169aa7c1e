"""What waits for a provider goes on a few conversations at a time, and nobody looks meanwhile."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from conversations.actions import sending
from conversations.actions.claiming import BURST, OPEN_CALLS
from conversations.actions.resuming import AT_LEAST, resume
from conversations.actions.settling import BREAKER_AT
from conversations.actions.sweeping import sweep
from conversations.enums import DeliveryStatus
from conversations.models import Conversation, Delivery, Inbox, InboxState
from tests.conversations.lines import hand_out, incoming, pass_time, planned, say, told

pytestmark = pytest.mark.django_db
MANY = AT_LEAST + 5


@pytest.fixture
def crowd(line: Inbox) -> list[Conversation]:
    """Customers of a slow provider who wait, in the order in which they were answered; no job is planned."""
    line.channel = "slow"
    line.save(update_fields=["channel"])
    for number in range(MANY):
        told(line, incoming(number, sender=f"customer {number}"))
    chats = list(Conversation.objects.filter(inbox=line).order_by("created_at"))
    for chat in chats:
        say(chat)
    InboxState.objects.get_or_create(inbox=line)
    forget_jobs()
    return chats


def forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def pause(line: Inbox, seconds: float, failures: int = 0) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    InboxState.objects.filter(inbox=line).update(not_before=until, failures=failures)


def woken() -> list[str]:
    return [job["conversation_id"] for job in planned("conversations.deliver")]


def keys(chats: list[Conversation]) -> list[str]:
    return [str(chat.pk) for chat in chats]


def test_conversations_that_wait_for_one_provider_plan_one_job(
    crowd: list[Conversation], line: Inbox
) -> None:
    """Four hundred conversations before a provider that was away kept a worker busy with looking."""
    pause(line, 60)
    for chat in crowd:
        wait = hand_out(chat)
        assert wait
        sending._plan_later(str(chat.pk), wait)
    assert planned("conversations.deliver_later") == []
    assert planned("conversations.resume") == [{"inbox_id": line.pk}]


def test_sweep_leaves_a_provider_alone_until_its_moment(crowd: list[Conversation], line: Inbox) -> None:
    pass_time(10)
    pause(line, 60)
    sweep()
    assert woken() == []
    pass_time(61)
    sweep()
    assert len(woken()) == AT_LEAST


def test_rounds_let_those_go_on_who_waited_longest(crowd: list[Conversation], line: Inbox) -> None:
    resume(line.pk)
    assert woken() == keys(crowd[:AT_LEAST])
    assert planned("conversations.resume") == [{"inbox_id": line.pk}]
    for chat in crowd[:AT_LEAST]:
        hand_out(chat)
        pass_time(1)
    forget_jobs()
    resume(line.pk)
    assert woken() == keys(crowd[AT_LEAST:])
    assert planned("conversations.resume") == []


def test_provider_that_failed_again_and_again_is_tried_with_one(
    crowd: list[Conversation], line: Inbox
) -> None:
    InboxState.objects.filter(inbox=line).update(failures=BREAKER_AT)
    resume(line.pk)
    assert woken() == keys(crowd[:1])


def test_conversation_whose_first_message_has_to_wait_takes_nobody_s_place(
    crowd: list[Conversation], line: Inbox
) -> None:
    for chat in crowd[:AT_LEAST]:
        Delivery.objects.filter(conversation=chat).update(next_try_at=timezone.now() + timedelta(hours=1))
        say(chat, "another")
    forget_jobs()
    resume(line.pk)
    assert woken() == keys(crowd[AT_LEAST:])


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({"status": DeliveryStatus.SENDING, "claimed_at": -26}, True),
        ({"status": DeliveryStatus.SENDING, "claimed_at": -20}, False),
        ({"status": DeliveryStatus.UNKNOWN, "next_try_at": -1}, True),
        ({"status": DeliveryStatus.UNKNOWN, "next_try_at": 60}, False),
        ({"status": DeliveryStatus.SENT}, False),
    ],
)
def test_only_what_is_due_goes_on(chat: Conversation, fields: dict[str, Any], *, is_due: bool) -> None:
    say(chat)
    now = timezone.now()
    times = {name: now + timedelta(seconds=value) for name, value in fields.items() if name != "status"}
    Delivery.objects.update(status=fields["status"], **times)
    forget_jobs()
    resume(chat.inbox_id)
    assert woken() == keys([chat] * is_due)


def test_inbox_that_is_switched_off_or_gone_goes_on_with_nothing(
    crowd: list[Conversation], line: Inbox
) -> None:
    Inbox.objects.update(is_active=False)
    resume(line.pk)
    resume(line.pk + 1_000_000)
    assert (woken(), planned("conversations.resume")) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_everybody_is_served_once_the_provider_is_back(
    crowd: list[Conversation], line: Inbox, scripted: Any
) -> None:
    """Played as the workers would: each job that is planned is run, until none is left."""
    pause(line, 0.5, failures=BREAKER_AT)
    for chat in crowd:
        asyncio.run(sending.deliver(str(chat.pk)))
    rounds = 0
    while jobs := [*woken(), *planned("conversations.resume")]:
        rounds += 1
        assert rounds < MANY * 3, jobs
        keys_of_round = woken()
        forget_jobs()
        pass_time(1)
        for key in keys_of_round:
            asyncio.run(sending.deliver(key))
        resume(line.pk)
    assert len(scripted.calls) == MANY
    assert {row.status for row in Delivery.objects.all()} == {DeliveryStatus.SENT}


@pytest.mark.django_db(transaction=True)
def test_job_waits_by_itself_for_a_place_that_comes_soon(
    crowd: list[Conversation], line: Inbox, scripted: Any
) -> None:
    """Left to the next round, a place in two a second was lost each time."""
    InboxState.objects.filter(inbox=line).update(next_slot=timezone.now() + BURST + timedelta(seconds=0.3))
    asyncio.run(sending.deliver(str(crowd[0].pk)))
    assert len(scripted.calls) == 1
    assert planned("conversations.resume") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reason", ["a crowd", "others wait already", "it comes late", "a pause"])
def test_job_holds_no_place_of_others_while_it_waits(
    crowd: list[Conversation], line: Inbox, scripted: Any, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """A provider that hangs is nobody's trouble but its own inbox's."""
    now = timezone.now()
    soon = timedelta(seconds=0.3)
    if reason == "a crowd":
        rows = Delivery.objects.exclude(conversation=crowd[0])[:OPEN_CALLS]
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(status="sending", claimed_at=now)
    elif reason == "others wait already":
        monkeypatch.setitem(sending._patient, line.pk, sending.PATIENT_JOBS)
        InboxState.objects.filter(inbox=line).update(next_slot=now + BURST + soon)
    elif reason == "it comes late":
        InboxState.objects.filter(inbox=line).update(next_slot=now + BURST + timedelta(seconds=5))
    else:
        InboxState.objects.filter(inbox=line).update(not_before=now + timedelta(seconds=30))
    asyncio.run(sending.deliver(str(crowd[0].pk)))
    assert scripted.calls == []
    assert planned("conversations.resume") == [{"inbox_id": line.pk}]


@pytest.mark.django_db(transaction=True)
def test_call_whose_job_is_cut_off_is_still_written_down(
    chat: Conversation, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who forgets that the provider took it makes a double: a worker cuts off what outlasts its grace."""
    begun, answered = threading.Event(), threading.Event()
    send = scripted.send

    def slowly(self: Any, *arguments: Any) -> Any:
        begun.set()
        assert answered.wait(20)
        return send(self, *arguments)

    monkeypatch.setattr(scripted, "send", slowly)
    say(chat)

    async def cut_off() -> None:
        job = asyncio.create_task(sending.deliver(str(chat.pk)))
        await asyncio.to_thread(begun.wait, 20)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        answered.set()
        await asyncio.gather(*sending._making)

    asyncio.run(cut_off())
    assert (Delivery.objects.get().status, len(scripted.calls)) == (DeliveryStatus.SENT, 1)
