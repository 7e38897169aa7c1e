"""What whoever waited for a lock finds: the row as it is then, with what belongs to it then."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection, connections, transaction

from accounts.models import User
from conversations.actions import assign
from conversations.actions.record import lock
from conversations.models import Contact, Conversation
from core.actor import Actor
from core.errors import NotFound
from tickets.actions import create_ticket, update_ticket
from tickets.models import Ticket, TicketEvent

pytestmark = pytest.mark.django_db(transaction=True)

R = TypeVar("R")


def meanwhile(change: Callable[[], Any], call: Callable[[], R]) -> tuple[R, bool]:
    """Changes something, and calls before that is committed; returns the result and whether it waited."""

    def run() -> R:
        try:
            with transaction.atomic():
                return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change()
            asked = pool.submit(run)
            waits = is_waiting(asked)
        return asked.result(20), waits


def is_waiting(asked: "Future[Any]") -> bool:
    """Says whether a call comes to wait for us, or ends."""
    for _ in range(1_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return True
        if asked.done():
            return False
        time.sleep(0.01)
    raise AssertionError("neither waiting nor done")


def test_who_waits_gets_the_person_who_was_put_in_charge_meanwhile(
    conversation: Conversation, bruno: User, system: Actor
) -> None:
    row, waited = meanwhile(
        lambda: assign(conversation=conversation, to=bruno, by=system),
        lambda: lock(conversation.pk, by=system),
    )
    assert waited
    assert row.assignee == bruno


def test_who_waits_gets_a_customer_who_was_made_meanwhile(conversation: Conversation, system: Actor) -> None:
    """As when a customer is split into two."""

    def moves() -> None:
        lock(conversation.pk, by=system)
        made = Contact.objects.create(name="Eva")
        Conversation.objects.filter(pk=conversation.pk).update(contact=made)

    row, waited = meanwhile(moves, lambda: lock(conversation.pk, by=system))
    assert waited
    assert row.contact.name == "Eva"


def test_who_may_not_see_a_conversation_waits_for_nobody(
    conversation: Conversation, clara: User, system: Actor
) -> None:
    """Else the time an answer takes would tell that there is one."""
    refused = pytest.raises(NotFound)

    def asks() -> None:
        with refused:
            lock(conversation.pk, by=clara.as_actor())

    _nothing, waited = meanwhile(lambda: lock(conversation.pk, by=system), asks)
    assert not waited


def test_who_waits_for_what_is_moved_out_of_their_sight_does_not_get_it(
    conversation: Conversation, bruno: User, other_team: Any, system: Actor
) -> None:
    with pytest.raises(NotFound):
        meanwhile(
            lambda: assign(conversation=conversation, to=None, team=other_team, by=system),
            lambda: lock(conversation.pk, by=bruno.as_actor()),
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
