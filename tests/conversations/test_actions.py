"""What operators and agents do with a conversation."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team, User
from conversations import signals
from conversations.actions import (
    Sender,
    assign,
    give_to_people,
    hand_back,
    hand_over,
    note,
    read_by_contact,
    read_by_operator,
    receive,
    reopen,
    reply,
    resolve,
    set_priority,
    take_over,
)
from conversations.actions.record import lock, next_seq
from conversations.enums import AuthorKind, Direction, EventType, Priority, Status
from conversations.models import Contact, Conversation, Event, Inbox, Message
from conversations.queries.threads import events_after, history, last_messages
from conversations.queries.wire import event_frame
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from tests.conversations.test_receive import in_parallel

AGENT = Actor(ActorKind.AGENT, "1", "Lia")


@pytest.fixture
def with_agent(conversation: Conversation, system: Actor) -> Conversation:
    """Davi's conversation while the agent has it."""
    return hand_back(conversation=conversation, by=system)


def types(conversation: Conversation) -> list[str]:
    events = Event.objects.filter(conversation=conversation).order_by("seq")
    return list(events.values_list("type", flat=True))


def test_reply_claims_what_nobody_has_and_nothing_else(
    conversation: Conversation, ana: User, bruno: User
) -> None:
    reply(conversation=conversation, text="Hello", by=bruno.as_actor())
    conversation.refresh_from_db()
    assert conversation.assignee == bruno
    reply(conversation=conversation, text="Me too", by=ana.as_actor())
    conversation.refresh_from_db()
    assert conversation.assignee == bruno


def test_reply_by_operator_is_stored_in_order_and_stops_the_waiting_clock(
    conversation: Conversation, bruno: User
) -> None:
    assign(conversation=conversation, to=bruno, by=bruno.as_actor())
    message = reply(conversation=conversation, text="**Olá**, Davi", by=bruno.as_actor())
    conversation.refresh_from_db()
    assert (message.seq, message.direction, message.author_kind) == (3, Direction.OUT, AuthorKind.OPERATOR)
    assert message.html == "<p><strong>Olá</strong>, Davi</p>\n"
    assert message.validated_by == "human"
    assert conversation.waiting_since is None
    assert conversation.first_reply_at is not None
    assert not conversation.is_unread


def test_reply_same_client_id_is_said_once(conversation: Conversation, bruno: User) -> None:
    key = uuid4()
    first = reply(conversation=conversation, text="Olá", by=bruno.as_actor(), client_id=key)
    assert reply(conversation=conversation, text="Olá", by=bruno.as_actor(), client_id=key).pk == first.pk
    assert Message.objects.filter(direction=Direction.OUT).count() == 1


def test_reply_by_operator_takes_the_conversation_from_the_agent(
    with_agent: Conversation, bruno: User
) -> None:
    reply(conversation=with_agent, text="Olá", by=bruno.as_actor())
    with_agent.refresh_from_db()
    assert (with_agent.status, with_agent.assignee) == (Status.OPEN, bruno)


def test_reply_by_agent_after_a_person_has_come_in_is_refused(with_agent: Conversation, bruno: User) -> None:
    take_over(conversation=with_agent, by=bruno.as_actor())
    with pytest.raises(Conflict):
        reply(conversation=with_agent, text="I know better", by=AGENT)
    assert not Message.objects.filter(author_kind=AuthorKind.AGENT).exists()


def test_reply_by_agent_is_one_per_run(with_agent: Conversation) -> None:
    run = uuid4()
    for _ in range(2):
        reply(conversation=with_agent, text="Hello", by=AGENT, run=run)
    assert Message.objects.filter(run=run).count() == 1


def test_reply_by_contact_is_forbidden(conversation: Conversation, davi: Contact) -> None:
    with pytest.raises(Forbidden):
        reply(conversation=conversation, text="as staff", by=davi.as_actor())


def test_note_is_kept_from_the_customer_and_changes_nothing_else(
    conversation: Conversation, bruno: User
) -> None:
    note(conversation=conversation, text="secret", by=bruno.as_actor())
    before = conversation.waiting_since
    conversation.refresh_from_db()
    assert conversation.waiting_since == before
    assert "secret" not in conversation.preview
    assert [message.text for message in last_messages(conversation.pk)] == ["Onde está meu pedido?"]
    assert len(last_messages(conversation.pk, internal=True)) == 2
    assert len(events_after(conversation.pk, 0)) == 1
    assert len(events_after(conversation.pk, 0, internal=True)) == 2


def test_note_by_contact_is_forbidden(conversation: Conversation, davi: Contact) -> None:
    with pytest.raises(Forbidden):
        note(conversation=conversation, text="x", by=davi.as_actor())


def test_hand_over_tells_the_customer_once_in_their_language(with_agent: Conversation) -> None:
    for _ in range(2):
        hand_over(conversation=with_agent, by=AGENT, reason="asked for a person")
    with_agent.refresh_from_db()
    assert with_agent.status == Status.OPEN
    notices = Message.objects.filter(author_kind=AuthorKind.SYSTEM)
    assert notices.count() == 1
    event = Event.objects.filter(type=EventType.CONVERSATION_UPDATED).order_by("seq").last()
    assert event is not None


def test_hand_over_keeps_its_reason_from_the_customer(with_agent: Conversation) -> None:
    hand_over(conversation=with_agent, by=AGENT, reason="secret-reason")
    told = [event_frame(event) for event in events_after(with_agent.pk, 0)]
    assert "secret-reason" not in str(told)
    assert "secret-reason" in str(list(Event.objects.values_list("payload", flat=True)))


def test_hand_over_to_another_team_moves_it(with_agent: Conversation, other_team: Team) -> None:
    hand_over(conversation=with_agent, by=AGENT, reason="money", team=other_team)
    with_agent.refresh_from_db()
    assert with_agent.team == other_team


def test_take_over_from_a_colleague_changes_the_assignee(
    conversation: Conversation, bruno: User, ana: User
) -> None:
    take_over(conversation=conversation, by=bruno.as_actor())
    assert take_over(conversation=conversation, by=ana.as_actor()).assignee == ana


def test_take_over_of_a_resolved_conversation_is_a_conflict(conversation: Conversation, bruno: User) -> None:
    resolve(conversation=conversation, by=bruno.as_actor())
    with pytest.raises(Conflict):
        take_over(conversation=conversation, by=bruno.as_actor())
    with pytest.raises(Conflict):
        hand_back(conversation=conversation, by=bruno.as_actor())


def test_assign_a_person_takes_it_from_the_agent(with_agent: Conversation, bruno: User, ana: User) -> None:
    taken = []

    def see(conversation: Conversation, **_: Any) -> None:
        taken.append(conversation.pk)

    signals.conversation_taken_over.connect(see)
    assign(conversation=with_agent, by=ana.as_actor(), to=bruno)
    with_agent.refresh_from_db()
    assert (with_agent.status, with_agent.assignee) == (Status.OPEN, bruno)
    assert taken == [with_agent.pk]


def test_assign_refuses_who_cannot_be_responsible(conversation: Conversation, ana: User, bruno: User) -> None:
    bruno.is_active = False
    with pytest.raises(Invalid):
        assign(conversation=conversation, by=ana.as_actor(), to=bruno)


def test_resolve_twice_is_once_and_reopen_makes_it_peoples(conversation: Conversation, bruno: User) -> None:
    for _ in range(2):
        resolve(conversation=conversation, by=bruno.as_actor())
    assert types(conversation).count(EventType.CONVERSATION_UPDATED) == 1
    opened = reopen(conversation=conversation, by=bruno.as_actor())
    assert (opened.status, opened.resolved_at) == (Status.OPEN, None)


@pytest.mark.parametrize("meanwhile", [Status.RESOLVED, Status.BOT, Status.OPEN])
def test_give_to_people_goes_by_how_it_is_not_by_how_it_was_read(
    conversation: Conversation, bruno: User, meanwhile: Status
) -> None:
    """Somebody may have resolved it, or given it to the agent, since it was looked up."""
    resolved_at = timezone.now() if meanwhile == Status.RESOLVED else None
    Conversation.objects.update(status=meanwhile, resolved_at=resolved_at, assignee=None)
    assert conversation.status == Status.OPEN
    assert give_to_people(conversation=conversation, by=bruno.as_actor()).status == Status.OPEN
    assert Conversation.objects.get().status == Status.OPEN


def test_resolve_by_contact_is_forbidden(conversation: Conversation, davi: Contact) -> None:
    with pytest.raises(Forbidden):
        resolve(conversation=conversation, by=davi.as_actor())


def test_history_begins_after_the_last_resolve(conversation: Conversation, inbox: Inbox, bruno: User) -> None:
    resolve(conversation=conversation, by=bruno.as_actor())
    again = receive(inbox=inbox, sender=Sender("davi"), text="Outra coisa").conversation
    assert [message.text for message in history(again)] == ["Outra coisa"]


def test_priority_must_be_one(conversation: Conversation, bruno: User) -> None:
    assert (
        set_priority(conversation=conversation, by=bruno.as_actor(), priority=40).priority == Priority.URGENT
    )
    with pytest.raises(Invalid):
        set_priority(conversation=conversation, by=bruno.as_actor(), priority=41)


Verb = Callable[[Conversation, Actor], Any]
STAFF_VERBS: list[Verb] = [
    lambda row, by: reply(conversation=row, text="x", by=by),
    lambda row, by: note(conversation=row, text="x", by=by),
    lambda row, by: take_over(conversation=row, by=by),
    lambda row, by: hand_over(conversation=row, by=by, reason="x"),
    lambda row, by: hand_back(conversation=row, by=by),
    lambda row, by: assign(conversation=row, by=by, to=None),
    lambda row, by: resolve(conversation=row, by=by),
    lambda row, by: reopen(conversation=row, by=by),
    lambda row, by: set_priority(conversation=row, by=by, priority=40),
    lambda row, by: read_by_operator(conversation=row, seq=1, by=by),
]


@pytest.mark.parametrize("verb", STAFF_VERBS, ids=range(len(STAFF_VERBS)))
def test_operator_of_another_team_meets_nothing(conversation: Conversation, clara: User, verb: Verb) -> None:
    with pytest.raises(NotFound):
        verb(conversation, clara.as_actor())
    assert Event.objects.count() == 1


@pytest.mark.parametrize("verb", STAFF_VERBS[1:], ids=range(1, len(STAFF_VERBS)))
def test_another_customer_may_do_nothing(conversation: Conversation, inbox: Inbox, verb: Verb) -> None:
    other = receive(inbox=inbox, sender=Sender("otto"), text="x").conversation.contact.as_actor()
    with pytest.raises((NotFound, Forbidden)):
        verb(conversation, other)
    assert Event.objects.filter(conversation=conversation).count() == 1


def test_visible_to_each_of_the_cast(
    conversation: Conversation, ana: User, bruno: User, clara: User, davi: Contact
) -> None:
    def sees(actor: Actor) -> bool:
        return Conversation.objects.visible_to(actor).filter(pk=conversation.pk).exists()

    assert sees(ana.as_actor())
    assert sees(bruno.as_actor())
    assert not sees(clara.as_actor())
    assert sees(davi.as_actor())
    assert not sees(AGENT)
    Conversation.objects.update(assignee=clara)
    assert sees(clara.as_actor())


def test_read_marks_only_move_forward_and_never_past_the_end(conversation: Conversation, bruno: User) -> None:
    for seq in (1, 0, 99):
        read_by_contact(conversation_id=conversation.pk, seq=seq)
        read_by_operator(conversation=conversation, seq=seq, by=bruno.as_actor())
    conversation.refresh_from_db()
    assert (conversation.read_by_contact_seq, conversation.read_by_operator_seq) == (1, 1)


def test_database_refuses_facts_that_do_not_belong_together(conversation: Conversation, bruno: User) -> None:
    rows = Conversation.objects.filter(pk=conversation.pk)
    for wrong in (
        {"status": Status.RESOLVED},
        {"status": Status.BOT, "assignee": bruno},
        {"last_contact_seq": 99},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)


def test_numbers_need_the_row_lock(conversation: Conversation, system: Actor) -> None:
    row = lock(conversation.pk, by=system)
    assert next_seq(row) == 2


@pytest.mark.django_db(transaction=True)
def test_two_operators_at_once_leave_one_in_charge_and_no_gap(
    conversation: Conversation, bruno: User, ana: User
) -> None:
    actors = [bruno.as_actor(), ana.as_actor()] * 5
    in_parallel([partial(reply, conversation=conversation, text="x", by=by) for by in actors])
    seqs = list(Event.objects.filter(conversation=conversation).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert Message.objects.filter(direction=Direction.OUT).count() == 10
