"""Providers that do not tell: what they have is stored before they may forget it."""

import itertools
import threading
import tracemalloc
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.utils import timezone

from conversations import tasks
from conversations.actions import pulling
from conversations.actions.intake import take_in_some
from conversations.actions.sweeping import plan_pulls
from conversations.channels import InboxBroken, SendLater
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import Batch, Pulled
from conversations.models import Conversation, Delivery, InboundEvent, Inbox, InboxState, Message
from tests.conversations.lines import eventually, incoming, planned, say
from tests.conversations.scripted import ScriptedAdapter, pulled
from tests.live import LiveServer

# More than there are places for all other jobs.
MANY = 30
Scripted = type[ScriptedAdapter]
pytestmark = pytest.mark.django_db(transaction=True)


def asked(line: Inbox) -> None:
    async_to_sync(tasks.pull.func)(line.pk)


def stored() -> list[str]:
    return list(InboundEvent.objects.order_by("pk").values_list("provider_event_id", flat=True))


def test_what_was_pulled_is_stored_with_its_cursor_and_taken_in(line: Inbox, scripted: Scripted) -> None:
    scripted.batches += [
        Batch((pulled(1, incoming(1, "a")), pulled(2, incoming(2, "b"))), {"at": 2}),
        Batch((), {"at": 2}),
        Batch((pulled(3, incoming(3, "c")),), {"at": 3}),
    ]
    asked(line)
    assert stored() == ["pull-1", "pull-2", "pull-3"]
    assert InboxState.objects.get().cursor == {"at": 3}
    assert planned("conversations.take_in") == [{"inbox_id": line.pk}]
    take_in_some(line.pk)
    assert list(Message.objects.order_by("seq").values_list("text", flat=True)) == ["a", "b", "c"]


def test_large_mail_is_stored_without_copies_of_it(line: Inbox) -> None:
    """Written into the statement, as the ORM does, a mail of forty megabytes takes three hundred."""
    body = b"\x00\xff" * 4_000_000
    tracemalloc.start()
    try:
        pulling.keep(line.pk, Pulled("large", body))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(body)
    assert bytes(InboundEvent.objects.get().body) == body


def test_next_turn_goes_on_where_the_last_one_ended(line: Inbox, scripted: Scripted) -> None:
    scripted.batches.append(Batch((pulled(1),), {"at": 1}))
    asked(line)
    asked(line)
    assert scripted.cursors == [{}, {"at": 1}]


def test_batch_is_stored_before_the_provider_is_asked_for_the_next(
    line: Inbox, scripted: Scripted, monkeypatch: Any
) -> None:
    """Going on is what acknowledges: Telegram forgets what lies before the offset."""
    seen: list[list[str]] = []

    def pull(self: ScriptedAdapter, config: Any, cursor: Any) -> Any:
        for number in (1, 2):
            yield Batch((pulled(number),), {"at": number})
            seen.append(kept.copy())

    kept: list[str] = []
    store = pulling.store

    def noted(inbox_id: int, batch: Batch) -> None:
        store(inbox_id, batch)
        kept.extend(stored()[len(kept) :])

    monkeypatch.setattr(ScriptedAdapter, "pull", pull)
    monkeypatch.setattr(pulling, "store", noted)
    asked(line)
    assert seen == [["pull-1"], ["pull-1", "pull-2"]]


def test_worker_that_dies_before_it_stored_is_told_again(
    line: Inbox, scripted: Scripted, monkeypatch: Any
) -> None:
    """FreeScout #2838: a fetch that was still at work was killed by the next one."""

    def die(inbox_id: int) -> None:
        raise SystemError("killed")

    monkeypatch.setattr(pulling, "plan_intake", die)
    with pytest.raises(SystemError):
        pulling.store(line.pk, Batch((pulled(1),), {"at": 1}))
    # Rows and cursor are one transaction: neither is there without the other.
    assert stored() == []
    assert not InboxState.objects.exclude(cursor={}).exists()


def test_same_batch_twice_is_stored_once(line: Inbox, scripted: Scripted) -> None:
    for _ in range(2):
        scripted.batches.append(Batch((pulled(1, incoming(1)), pulled(2)), {"at": 2}))
        asked(line)
    assert stored() == ["pull-1", "pull-2"]


@pytest.mark.parametrize("error", [InboxBroken("wrong token"), OSError("connection reset"), KeyError("bug")])
def test_provider_that_cannot_be_asked_is_shown_and_left_alone_for_a_while(
    line: Inbox, scripted: Scripted, error: Any
) -> None:
    """Chatwoot #6604, #6574: fetching stops silently."""
    scripted.batches.extend([Batch((pulled(1),), {"at": 1}), error])
    raising = scripted.pull

    def pull(self: ScriptedAdapter, config: Any, cursor: Any) -> Any:
        for batch in raising(self, config, cursor):
            if isinstance(batch, Exception):
                raise batch
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedAdapter, "pull", pull)
        asked(line)
    state = InboxState.objects.get()
    assert stored() == ["pull-1"]
    assert (state.light, state.failures) == (Light.RED if isinstance(error, InboxBroken) else Light.YELLOW, 1)
    assert state.detail


def test_inbox_that_was_told_to_pause_is_not_asked(line: Inbox, scripted: Scripted) -> None:
    scripted.batches.append(SendLater("slow down", retry_after=60))
    asked(line)
    asked(line)
    assert len(scripted.cursors) == 1
    InboxState.objects.update(not_before=timezone.now())
    asked(line)
    assert len(scripted.cursors) == 2


def test_turn_ends_so_that_new_settings_are_read(line: Inbox, scripted: Scripted, monkeypatch: Any) -> None:
    monkeypatch.setattr(pulling, "TURN_SECONDS", -1)
    scripted.batches.append(Batch((pulled(1),), {"at": 1}))
    asked(line)
    assert stored() == []
    assert len(scripted.batches) == 1


def test_fetch_that_is_longer_than_a_turn_goes_on_where_it_ended(
    line: Inbox, scripted: Scripted, monkeypatch: Any
) -> None:
    """FreeScout #2838, #1696: a mailbox that takes longer than a turn was never read."""
    scripted.batches += [Batch((pulled(number),), {"at": number}) for number in range(5)]
    for turn in range(5):
        # Each look at the clock finds it so much later that a turn is over after one batch.
        clock = itertools.count(step=pulling.TURN_SECONDS * 2 // 3)
        monkeypatch.setattr(pulling, "time", SimpleNamespace(monotonic=clock.__next__))
        asked(line)
        assert stored() == [f"pull-{number}" for number in range(turn + 1)]
    assert scripted.cursors[1:] == [{"at": number} for number in range(4)]


def test_mailboxes_that_hang_hold_up_neither_mail_nor_replies(
    chat: Conversation, scripted: Scripted, server: LiveServer, monkeypatch: Any
) -> None:
    """Zammad #5540, FreeScout #2489: channels were asked in turn, and one that hung stopped all."""
    over = threading.Event()
    ask = ScriptedAdapter.pull

    def pull(self: ScriptedAdapter, config: Any, cursor: Any) -> Any:
        if config.secret == "stuck":
            over.wait(60)
            return
        yield from ask(self, config, cursor)

    monkeypatch.setattr(ScriptedAdapter, "pull", pull)
    mailboxes(MANY, secret="stuck")
    plan_pulls()
    try:
        assert eventually(lambda: jobs("conversations.pull", "doing") == MANY)
        scripted.batches.append(Batch((pulled(1, incoming(1, "a")),), {"at": 1}))
        mailboxes(1)
        plan_pulls()
        delivery = say(chat, "On its way")
        assert eventually(lambda: Message.objects.filter(text="a").exists())
        assert eventually(lambda: Delivery.objects.get(pk=delivery.pk).status == DeliveryStatus.SENT)
    finally:
        over.set()


def mailboxes(count: int, **config: Any) -> None:
    Inbox.objects.bulk_create(
        Inbox(name=f"{config}{number}", channel="scripted", config={"is_pulled": True, **config})
        for number in range(count)
    )


def jobs(task: str, status: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s AND status = %s", [task, status]
        )
        return int(cursor.fetchone()[0])


def test_inbox_that_was_switched_off_is_not_asked(line: Inbox, scripted: Scripted) -> None:
    Inbox.objects.update(is_active=False)
    asked(line)
    assert scripted.cursors == []
