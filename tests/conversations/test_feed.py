"""All conversations followed at once: nothing missed, nothing twice, whoever holds transactions open."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.models import Team, User
from conversations.actions import Sender, add_event, assign, lock, note, receive, reply
from conversations.actions.placing import set_event_clock
from conversations.actions.record import save_locked
from conversations.enums import EventType
from conversations.models import Conversation, Event, Inbox
from conversations.queries.feed import START, Place, follow, present
from core.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
WRITERS, WRITTEN, CONVERSATIONS = 8, 640, 12
Key = tuple[UUID, int]


def key(event: Event) -> Key:
    return event.conversation_id, event.seq


def everything(actor: Actor = SYSTEM, place: Place = START, **more: Any) -> list[Event]:
    """Follows until all that is committed was given out; others' transactions on the cluster may delay it."""
    for _ in range(600):
        found: list[Event] = []
        at = place
        newest = Event.objects.order_by("position", "pk").last()
        # Asked before reading: what becomes visible after that is read again.
        is_over = newest is None or present() == Place(newest.position, newest.pk)
        while True:
            stretch = follow(at, actor=actor, limit=more.get("limit", 100), types=more.get("types", ()))
            found += stretch.events
            at = stretch.place
            if not stretch.has_more:
                break
        if is_over:
            return found
        time.sleep(0.1)
    raise AssertionError("a transaction of somebody else stays open")


def begun(name: str, inbox: Inbox) -> Conversation:
    return receive(inbox=inbox, sender=Sender(name), text=f"Hello from {name}").conversation


def in_thread(call: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def write(rows: list[Conversation], seed: int) -> None:
    """Appends events to any conversation, two at a time; some transactions stay open for a while."""
    dice = random.Random(seed)
    for _ in range(WRITTEN // 2):
        with transaction.atomic():
            if dice.random() < 0.3:
                # Whoever remembers a request's key has a number before they wait for the conversation.
                Inbox.objects.filter(pk=rows[0].inbox_id).values("pk").first()
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_current_xact_id()")
            row = lock(dice.choice(rows).pk, by=SYSTEM)
            for _ in range(2):
                add_event(row, EventType.CONVERSATION_UPDATED, by=SYSTEM)
            save_locked(row)
            if dice.random() < 0.2:
                time.sleep(dice.random() / 100)


def test_eight_writers_that_hold_transactions_open_and_a_reader_that_misses_none(inbox: Inbox) -> None:
    rows = [begun(f"customer {number}", inbox) for number in range(CONVERSATIONS)]
    threads = [in_thread(lambda seed=seed: write(rows, seed)) for seed in range(WRITERS)]  # type: ignore[misc]
    heard: list[Event] = []
    place = START
    while any(thread.is_alive() for thread in threads):
        stretch = follow(place, actor=SYSTEM, limit=50)
        heard, place = [*heard, *stretch.events], stretch.place
        time.sleep(0.01)
    heard += everything(place=place)
    stored = set(Event.objects.values_list("conversation_id", "seq"))
    assert len(stored) >= WRITERS * WRITTEN
    assert len(heard) == len(stored)
    assert {key(event) for event in heard} == stored
    for row in rows:
        numbers = [event.seq for event in heard if event.conversation_id == row.pk]
        assert numbers == sorted(numbers)


def test_what_a_slow_transaction_wrote_first_is_heard_before_what_was_committed_first(inbox: Inbox) -> None:
    slow, quick = begun("slow", inbox), begun("quick", inbox)
    place = everything()[-1]
    wrote, may_commit = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            row = lock(slow.pk, by=SYSTEM)
            add_event(row, EventType.CONVERSATION_UPDATED, by=SYSTEM)
            save_locked(row)
            wrote.set()
            may_commit.wait(30)

    thread = in_thread(hold)
    assert wrote.wait(30)
    reply(conversation=quick, text="Hello", by=SYSTEM)
    begin = Place(place.position, place.pk)
    assert follow(begin, actor=SYSTEM, limit=10).events == []
    may_commit.set()
    thread.join()
    heard = everything(place=begin)
    assert [event.conversation_id for event in heard] == [slow.pk, *[quick.pk] * (len(heard) - 1)]


def test_in_one_conversation_a_transaction_that_began_earlier_and_came_later_is_heard_later(
    conversation: Conversation,
) -> None:
    has_number, may_write = threading.Event(), threading.Event()

    def begin_early() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
            has_number.set()
            may_write.wait(30)
            row = lock(conversation.pk, by=SYSTEM)
            add_event(row, EventType.RUN_CANCELLED, by=SYSTEM)
            save_locked(row)

    thread = in_thread(begin_early)
    assert has_number.wait(30)
    reply(conversation=conversation, text="Hello", by=SYSTEM)
    may_write.set()
    thread.join()
    numbers = [event.seq for event in everything()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert everything()[-1].type == EventType.RUN_CANCELLED


def test_nobody_hears_of_conversations_they_may_not_see(
    conversation: Conversation, other_team: Team, bruno: User, clara: User, ana: User
) -> None:
    canary = begun("canary", Inbox.objects.create(name="Finance", team=other_team))
    note(conversation=canary, text="The canary sings", by=clara.as_actor())
    assert {event.conversation_id for event in everything(bruno.as_actor())} == {conversation.pk}
    assert {event.conversation_id for event in everything(clara.as_actor())} == {canary.pk}
    assert {event.conversation_id for event in everything(ana.as_actor())} == {conversation.pk, canary.pk}
    assert [event.is_internal for event in everything(clara.as_actor())] == [False, True]
    customer = canary.contact.as_actor()
    assert [event.is_internal for event in everything(customer)] == [False]


def test_a_page_looks_at_no_more_than_it_may_and_says_that_there_is_more(
    conversation: Conversation, other_team: Team, bruno: User
) -> None:
    others = begun("others", Inbox.objects.create(name="Finance", team=other_team))
    for _ in range(10):
        note(conversation=others, text="Not for Bruno", by=SYSTEM)
    reply(conversation=conversation, text="Hello", by=SYSTEM)
    everything()
    pages, place, heard = 0, START, 0
    while True:
        stretch = follow(place, actor=bruno.as_actor(), limit=5, looked_at=4)
        pages, place, heard = pages + 1, stretch.place, heard + len(stretch.events)
        if not stretch.has_more:
            break
    assert pages >= 3
    assert heard == Event.objects.filter(conversation=conversation).count()


def test_only_the_types_that_are_asked_for_come(conversation: Conversation, bruno: User) -> None:
    assign(conversation=conversation, to=bruno, by=SYSTEM)
    found = everything(types=["conversation.updated"])
    assert {event.type for event in found} == {"conversation.updated"}


def test_after_a_dump_was_restored_into_a_younger_cluster_the_clock_goes_on_behind_what_was_read(
    conversation: Conversation,
) -> None:
    assert not set_event_clock()
    read = everything()[-1]
    # What an old cluster had come to.
    Event.objects.update(position=read.position + 5_000_000)
    place = Place(read.position + 5_000_100, 1)
    try:
        assert set_event_clock()
        assert not set_event_clock()
        later = begun("later", conversation.inbox)
        assert [event.conversation_id for event in everything(place=place)] == [later.pk]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE conversations_eventclock SET ahead = 0")


def test_a_following_costs_the_same_for_few_and_many(
    inbox: Inbox, bruno: User, django_assert_num_queries: Any
) -> None:
    actor = bruno.as_actor()
    for number in (1, 3, 50):
        while Event.objects.count() < number:
            begun(f"customer {Event.objects.count()}", inbox)
        everything()
        with django_assert_num_queries(4):
            assert len(follow(START, actor=actor, limit=100).events) == number
