"""One order of locks: two that meet wait for each other, and neither has to be ended and tried again."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from conversations.actions import merge_contacts, receive
from conversations.actions.changes import record_connection, take_back
from conversations.actions.claiming import Claim, claim
from conversations.actions.receipts import record_receipt
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import Connection, Deleted, Receipt, Sender
from conversations.models import Contact, Conversation, Delivery, Inbox, InboxState, Message
from core.actor import Actor
from tests.conversations.lines import eventually, say, sent

pytestmark = pytest.mark.django_db(transaction=True)


def _are_waiting(wanted: int) -> bool:
    """Whether so many sessions wait for a lock of somebody else."""
    with connection.cursor() as cursor:
        # What was read of others' sessions is kept for as long as a transaction.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0] >= wanted)


def _alone(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connections.close_all()


@contextmanager
def meeting(rows: "QuerySet[Any]", *calls: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """Holds rows until each of the calls, begun one after the other, waits for a lock; then lets them go."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with transaction.atomic():
            list(rows.select_for_update())
            begun = []
            for number, call in enumerate(calls, 1):
                begun.append(pool.submit(_alone, call))
                assert eventually(partial(_are_waiting, number))
        yield begun


def test_what_is_taken_back_while_it_fails_ends_in_no_deadlock(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat)
    message = Message.objects.filter(pk=delivery.message_id)
    told = str(delivery.provider_id)
    with meeting(
        message,
        lambda: take_back(line, Deleted(told)),
        lambda: record_receipt(line, Receipt(DeliveryStatus.FAILED, provider_id=told)),
    ) as both:
        assert [each.result() for each in both] == [None, None]
    assert Delivery.objects.get().status == DeliveryStatus.FAILED
    assert message.get().deleted_at is not None


def test_inbox_that_is_well_again_while_it_sends_ends_in_no_deadlock(chat: Conversation, line: Inbox) -> None:
    say(chat)
    Delivery.objects.update(next_try_at=timezone.now())
    InboxState.objects.create(inbox=line)
    with meeting(
        InboxState.objects.filter(inbox=line),
        lambda: record_connection(line, Connection(Light.GREEN)),
        lambda: claim(str(chat.pk)),
    ) as both:
        well, claimed = [each.result() for each in both]
    assert well is None
    assert isinstance(claimed, Claim)


def test_merge_of_a_customer_who_writes_ends_in_no_deadlock(line: Inbox) -> None:
    """The merge had the contact and wanted the conversation, the message the other way round."""
    keep = receive(inbox=line, sender=Sender("e1", name="Eva"), text="a").conversation.contact
    other = receive(inbox=line, sender=Sender("e2"), text="b").conversation.contact
    with meeting(
        Contact.objects.filter(pk=other.pk),
        lambda: merge_contacts(keep=keep, other=other, by=Actor.system()),
        lambda: receive(inbox=line, sender=Sender("e2", name="Eva"), text="c"),
    ) as both:
        for each in both:
            each.result()
    assert Conversation.objects.filter(contact=keep).count() == 2
    assert Message.objects.count() == 3
