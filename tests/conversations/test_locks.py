"""Locks: two that meet wait for each other, neither has to be tried again, and who waited is up to date."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Team, User
from conversations.actions import assign, merge_contacts, receive
from conversations.actions.changes import record_connection, take_back
from conversations.actions.claiming import Claim, claim
from conversations.actions.receipts import record_receipt
from conversations.actions.record import lock
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import Connection, Deleted, Receipt, Sender
from conversations.models import Contact, Conversation, Delivery, Inbox, InboxState, Message
from core.actor import Actor
from core.errors import NotFound
from tests.conversations.lines import eventually, say, sent
from tickets.actions import create_ticket, update_ticket
from tickets.models import Ticket, TicketEvent

pytestmark = pytest.mark.django_db(transaction=True)

R = TypeVar("R")
# In a transaction of its own, as an action would.
locked = transaction.atomic(lock)


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


def meanwhile(
    change: Callable[[], Any], call: Callable[[], R], then: Callable[[], Any] = lambda: None
) -> tuple[R, bool]:
    """Changes something, and calls before that is committed; returns the result and whether it waited.

    `then` is done in the first transaction when the call waits, or has ended.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            asked = pool.submit(_alone, call)
            assert eventually(lambda: asked.done() or _are_waiting(1))
            waited = not asked.done()
            then()
        return asked.result(20), waited


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


def test_who_waits_gets_the_person_who_was_put_in_charge_meanwhile(
    conversation: Conversation, bruno: User, system: Actor
) -> None:
    row, waited = meanwhile(
        lambda: assign(conversation=conversation, to=bruno, by=system),
        lambda: locked(conversation.pk, by=system),
    )
    assert waited
    assert row.assignee == bruno


def test_who_waits_gets_a_customer_who_was_made_meanwhile(conversation: Conversation, system: Actor) -> None:
    """As when a customer is split into two."""

    def moves() -> None:
        lock(conversation.pk, by=system)
        made = Contact.objects.create(name="Eva")
        Conversation.objects.filter(pk=conversation.pk).update(contact=made)

    row, waited = meanwhile(moves, lambda: locked(conversation.pk, by=system))
    assert waited
    assert row.contact.name == "Eva"


def test_who_may_not_see_a_conversation_waits_for_nobody(
    conversation: Conversation, clara: User, system: Actor
) -> None:
    """Else the time an answer takes would tell that there is one."""
    refused = pytest.raises(NotFound)

    def asks() -> None:
        with refused:
            locked(conversation.pk, by=clara.as_actor())

    _nothing, waited = meanwhile(lambda: lock(conversation.pk, by=system), asks)
    assert not waited


def test_who_waits_for_what_is_moved_out_of_their_sight_does_not_get_it(
    conversation: Conversation, bruno: User, other_team: Team, system: Actor
) -> None:
    with pytest.raises(NotFound):
        meanwhile(
            lambda: assign(conversation=conversation, to=None, team=other_team, by=system),
            lambda: locked(conversation.pk, by=bruno.as_actor()),
        )


def test_ticket_that_is_given_to_nobody_is_nobodys_whoever_got_it_meanwhile(
    bruno: User, system: Actor
) -> None:
    ticket = create_ticket(by=system, subject="Late")
    _row, waited = meanwhile(
        lambda: update_ticket(ticket=ticket, assignee=bruno, by=system),
        lambda: update_ticket(ticket=ticket, assignee=None, by=system),
    )
    assert waited
    assert Ticket.objects.get().assignee is None
    changes = TicketEvent.objects.filter(ticket=ticket, changes__has_key="assignee").order_by("seq")
    assert [event.changes["assignee"]["to"] for event in changes] == [bruno.display_name, None]
