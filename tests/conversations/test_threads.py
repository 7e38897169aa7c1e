"""Reading a conversation by number: what is missed, what is newest, what is remembered, and what it costs."""

import pytest

from accounts.models import User
from conversations.actions import Sender, add_attachment, lock, note, receive, reply, resolve
from conversations.actions.record import add_message, save_locked, system_draft
from conversations.models import Conversation, Event, Inbox, Message
from conversations.queries.threads import (
    REPLAY_LIMIT,
    SNAPSHOT_MESSAGES,
    events_after,
    history,
    last_messages,
)
from conversations.queries.wire import event_frame, message_frame
from core.actor import Actor
from tests.conversations.test_attachments import WHO, upload


@pytest.fixture
def long(conversation: Conversation, system: Actor) -> Conversation:
    """A conversation of more events than one reading gives: 521."""
    row = lock(conversation.pk, by=system)
    for number in range(2, 522):
        add_message(row, system_draft(f"m{number}"))
    save_locked(row)
    return row


def seqs(rows: list[Event] | list[Message]) -> list[int]:
    return [row.seq for row in rows]


def test_events_after_a_number_are_those_after_it_in_order(long: Conversation) -> None:
    assert seqs(events_after(long.pk, 517)) == [518, 519, 520, 521]
    assert seqs(events_after(long.pk, 521)) == seqs(events_after(long.pk, 9999)) == []


def test_events_after_are_read_in_portions(long: Conversation) -> None:
    first = events_after(long.pk, 0)
    assert seqs(first) == list(range(1, REPLAY_LIMIT + 1))
    assert seqs(events_after(long.pk, first[-1].seq)) == list(range(REPLAY_LIMIT + 1, 522))
    assert seqs(events_after(long.pk, 10, limit=3)) == [11, 12, 13]


def test_internal_events_are_kept_from_the_customer(conversation: Conversation, bruno: User) -> None:
    note(conversation=conversation, text="secret", by=bruno.as_actor())
    reply(conversation=conversation, text="hello", by=bruno.as_actor())
    assert seqs(events_after(conversation.pk, 0)) == [1, 3, 4]
    assert seqs(events_after(conversation.pk, 0, internal=True)) == [1, 2, 3, 4]


def test_events_of_another_conversation_are_not_read(conversation: Conversation, inbox: Inbox) -> None:
    other = receive(inbox=inbox, sender=Sender("otto"), text="x").conversation
    assert [event.conversation_id for event in events_after(other.pk, 0)] == [other.pk]


def test_last_messages_are_the_newest_oldest_first(long: Conversation) -> None:
    assert seqs(last_messages(long.pk)) == list(range(522 - SNAPSHOT_MESSAGES, 522))
    assert seqs(last_messages(long.pk, limit=2)) == [520, 521]


def test_last_messages_before_a_number_are_the_page_before(long: Conversation) -> None:
    assert seqs(last_messages(long.pk, before=4)) == [1, 2, 3]
    assert seqs(last_messages(long.pk, before=100, limit=2)) == [98, 99]
    assert last_messages(long.pk, before=1) == []


def test_notes_do_not_use_up_the_customer_s_page(conversation: Conversation, bruno: User) -> None:
    reply(conversation=conversation, text="a", by=bruno.as_actor())
    for _ in range(3):
        note(conversation=conversation, text="n", by=bruno.as_actor())
    assert seqs(last_messages(conversation.pk, limit=2)) == [1, 3]
    assert seqs(last_messages(conversation.pk, limit=2, internal=True)) == [5, 6]


def test_history_is_public_and_bounded(conversation: Conversation, bruno: User) -> None:
    note(conversation=conversation, text="secret", by=bruno.as_actor())
    for number in range(3):
        reply(conversation=conversation, text=str(number), by=bruno.as_actor())
    assert [message.text for message in history(conversation)] == ["Onde está meu pedido?", "0", "1", "2"]
    assert [message.text for message in history(conversation, limit=2)] == ["1", "2"]


def test_history_ends_where_a_matter_was_resolved(
    conversation: Conversation, bruno: User, inbox: Inbox
) -> None:
    row = resolve(conversation=conversation, by=bruno.as_actor())
    assert history(row) == []
    again = receive(inbox=inbox, sender=Sender("davi"), text="b").conversation
    again.refresh_from_db()
    assert [message.text for message in history(again)] == ["b"]


def with_files(inbox: Inbox, count: int) -> Conversation:
    for number in range(count):
        row = add_attachment(inbox=inbox, uploader=WHO, upload=upload(name=f"{number}.png"))
        last = receive(
            inbox=inbox, sender=Sender("eva"), text=str(number), attachment_ids=[row.pk], uploader=WHO
        )
    return last.conversation


@pytest.mark.parametrize("count", [1, 3])
def test_frames_of_events_cost_two_queries_whatever_their_number(
    inbox: Inbox, count: int, django_assert_num_queries
) -> None:
    conversation = with_files(inbox, count)
    with django_assert_num_queries(2):
        frames = [event_frame(event) for event in events_after(conversation.pk, 0)]
    assert [frame["message"]["attachments"][0]["name"] for frame in frames] == [
        f"{number}.png" for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_frames_of_messages_cost_two_queries_whatever_their_number(
    inbox: Inbox, count: int, django_assert_num_queries
) -> None:
    conversation = with_files(inbox, count)
    with django_assert_num_queries(2):
        frames = [message_frame(message) for message in last_messages(conversation.pk)]
    assert len(frames) == count


@pytest.mark.parametrize("count", [1, 3])
def test_history_costs_one_query_whatever_its_length(
    inbox: Inbox, count: int, django_assert_num_queries
) -> None:
    conversation = with_files(inbox, count)
    with django_assert_num_queries(1):
        assert len(history(conversation)) == count


def test_nothing_missed_costs_one_query(conversation: Conversation, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        assert events_after(conversation.pk, 1) == []


def test_longest_waiting_comes_first_and_who_does_not_wait_last(inbox: Inbox, bruno: User) -> None:
    rows = [receive(inbox=inbox, sender=Sender(name), text="x").conversation for name in "abc"]
    reply(conversation=rows[0], text="done", by=bruno.as_actor())
    answered_later = receive(inbox=inbox, sender=Sender("d"), text="x").conversation
    reply(conversation=answered_later, text="done", by=bruno.as_actor())
    ordered = Conversation.objects.visible_to(bruno.as_actor()).longest_waiting()
    assert list(ordered) == [rows[1], rows[2], answered_later, rows[0]]


def test_longest_waiting_is_total(inbox: Inbox, conversation: Conversation) -> None:
    """Pages must not show a row twice: equal times are told apart by the key."""
    for name in "abcd":
        receive(inbox=inbox, sender=Sender(name), text="x")
    when = conversation.updated_at
    Conversation.objects.update(waiting_since=None, updated_at=when)
    found = [row.pk for row in Conversation.objects.all().longest_waiting()]
    assert found == sorted(found)
