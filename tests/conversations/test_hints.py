"""Who is woken by what: on commit, with the last number, and never for what was undone."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import channel_layers
from django.db import transaction

from accounts.models import Team, User
from conversations.actions import (
    Sender,
    assign,
    hand_back,
    hand_over,
    note,
    read_by_contact,
    read_by_operator,
    receive,
    reply,
    resolve,
    set_priority,
    set_typing,
    take_over,
)
from conversations.actions.record import lock, wake
from conversations.groups import DESK_ALL, DESK_NO_TEAM, conversation_group, desk_group, operator_group
from conversations.models import Contact, Conversation, Inbox, Message
from core.actor import Actor
from core.errors import NotFound
from tests.conversations.conftest import Listener


def test_names_of_groups_are_apart_and_valid(listener: Listener) -> None:
    names = [conversation_group(uuid4()), desk_group(7), desk_group(None), operator_group(7), DESK_ALL]
    assert len(set(names)) == len(names)
    assert desk_group(None) == DESK_NO_TEAM
    for name in names:
        assert listener.layer.require_valid_group_name(name)


@pytest.fixture
def ears(
    conversation: Conversation, team: Team, other_team: Team, bruno: User, listener: Listener
) -> Listener:
    """Everybody who might be told listens."""
    listener.join(
        conversation_group(conversation.pk), conversation_group(uuid4()), desk_group(team.pk),
        desk_group(other_team.pk), DESK_ALL, DESK_NO_TEAM, operator_group(bruno.pk),
    )  # fmt: skip
    return listener


ACTIONS: dict[str, Callable[[Conversation, Actor], Any]] = {
    "receive": lambda row, _: receive(inbox=row.inbox, sender=Sender("davi"), text="x"),
    "reply": lambda row, _: reply(conversation=row, text="x", by=Actor.system()),
    "note": lambda row, by: note(conversation=row, text="x", by=by),
    "resolve": lambda row, by: resolve(conversation=row, by=by),
    "set_priority": lambda row, by: set_priority(conversation=row, by=by, priority=40),
    "hand_back": lambda row, by: hand_back(conversation=row, by=by),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_action_wakes_its_readers_once_it_has_happened(
    *, ears: Listener, conversation: Conversation, team: Team, bruno: User, name: str,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        ACTIONS[name](conversation, bruno.as_actor())
        assert ears.told() == set()
    hint = {"type": "hint", "conversation": str(conversation.pk), "seq": 2}
    for group in (conversation_group(conversation.pk), desk_group(team.pk), DESK_ALL):
        assert hint in ears.heard(group), group
    assert ears.told() == set()


@pytest.mark.django_db(transaction=True)
def test_undone_action_wakes_nobody(ears: Listener, conversation: Conversation, bruno: User) -> None:
    for name, act in ACTIONS.items():
        if name == "receive":  # is durable: it cannot be part of anything
            continue
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012 (ours)
            act(conversation, bruno.as_actor())
            raise ZeroDivisionError
    assert ears.told() == set()
    conversation.refresh_from_db()
    assert conversation.last_seq == 1


def test_assignee_hears_wherever_they_sit(
    ears: Listener,
    conversation: Conversation,
    ana: User,
    bruno: User,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assign(conversation=conversation, by=ana.as_actor(), to=bruno)
    assert ears.heard(operator_group(bruno.pk))


@pytest.mark.parametrize("verb", ["take_over", "hand_back", "assign", "nobody"])
def test_who_loses_a_conversation_hears_of_it(
    *, ears: Listener, conversation: Conversation, ana: User, bruno: User, verb: str,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    """Bruno's desk may show it for no other reason than that it was his."""
    assign(conversation=conversation, by=ana.as_actor(), to=bruno)
    with django_capture_on_commit_callbacks(execute=True):
        if verb == "take_over":
            take_over(conversation=conversation, by=ana.as_actor())
        elif verb == "hand_back":
            hand_back(conversation=conversation, by=ana.as_actor())
        else:
            assign(conversation=conversation, by=ana.as_actor(), to=ana if verb == "assign" else None)
    assert ears.heard(operator_group(bruno.pk))


def test_team_that_loses_a_conversation_hears_of_it(
    *, ears: Listener, conversation: Conversation, ana: User, team: Team, other_team: Team,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        assign(conversation=conversation, by=ana.as_actor(), to=None, team=other_team)
    assert ears.told() >= {desk_group(team.pk), desk_group(other_team.pk), DESK_ALL}


def test_team_that_loses_it_by_hand_over_hears_of_it(
    *, ears: Listener, with_agent: Conversation, lia: Actor, team: Team, other_team: Team,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        hand_over(conversation=with_agent, by=lia, reason="money", team=other_team)
    assert ears.told() >= {desk_group(team.pk), desk_group(other_team.pk)}


def test_conversation_of_no_team_wakes_those_who_see_such(
    ears: Listener, conversation: Conversation, system: Actor, team: Team,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    Conversation.objects.update(team=None)
    with django_capture_on_commit_callbacks(execute=True):
        wake(lock(conversation.pk, by=system), "desk.extra")
    assert ears.told() == {conversation_group(conversation.pk), DESK_NO_TEAM, DESK_ALL}


def test_read_mark_of_the_customer_is_shown_to_the_open_desks(
    ears: Listener, conversation: Conversation, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        read_by_contact(conversation_id=conversation.pk, seq=1)
    assert ears.heard(conversation_group(conversation.pk)) == [
        {"type": "read", "conversation": str(conversation.pk), "seq": 1}
    ]
    assert ears.told() == set()


@pytest.mark.parametrize("seq", [0, 1, 2, 2**31, 2**63, -1])
def test_read_mark_that_does_not_move_tells_nobody(
    ears: Listener, conversation: Conversation, bruno: User, seq: int, django_capture_on_commit_callbacks: Any
) -> None:
    Conversation.objects.update(read_by_contact_seq=1, read_by_operator_seq=1)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        read_by_contact(conversation_id=conversation.pk, seq=seq)
        read_by_operator(conversation=conversation, seq=seq, by=bruno.as_actor())
    assert callbacks == []
    conversation.refresh_from_db()
    assert (conversation.read_by_contact_seq, conversation.read_by_operator_seq) == (1, 1)


def test_read_mark_of_the_desk_is_not_told_to_the_customer(
    ears: Listener,
    conversation: Conversation,
    bruno: User,
    team: Team,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        read_by_operator(conversation=conversation, seq=1, by=bruno.as_actor())
    assert ears.told() == {desk_group(team.pk), DESK_ALL}


def test_read_mark_on_what_one_may_not_see_is_not_found(conversation: Conversation, clara: User) -> None:
    with pytest.raises(NotFound):
        read_by_operator(conversation=conversation, seq=1, by=clara.as_actor())


@pytest.mark.parametrize("on", [True, False])
async def test_typing_is_told_to_the_conversation_and_stored_nowhere(listener: Listener, on: bool) -> None:  # noqa: FBT001
    key = uuid4()
    await listener.layer.group_add(conversation_group(key), conversation_group(key))
    await set_typing(conversation_id=key, who="operator", name="Bruno", on=on)
    assert listener.heard(conversation_group(key)) == [
        {"type": "typing", "conversation": str(key), "who": "operator", "name": "Bruno", "on": on}
    ]


@pytest.mark.django_db(transaction=True)
def test_lost_layer_loses_no_message(listener: Listener, inbox: Inbox, bruno: User, caplog: Any) -> None:
    class Away:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise ConnectionError

    channel_layers.backends["default"] = Away()
    row = receive(inbox=inbox, sender=Sender("eva"), text="a").conversation
    reply(conversation=row, text="b", by=bruno.as_actor())
    resolve(conversation=row, by=bruno.as_actor())
    row.refresh_from_db()
    assert (row.last_seq, Message.objects.count(), row.status) == (4, 2, "resolved")
    assert {record.name for record in caplog.records} == {"core.realtime"}


def test_hint_of_several_events_ends_at_the_last(
    ears: Listener,
    with_agent: Conversation,
    davi: Contact,
    bruno: User,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """Two events, one transaction: the last hint leads to both."""
    with django_capture_on_commit_callbacks(execute=True):
        reply(conversation=with_agent, text="x", by=bruno.as_actor())
    with_agent.refresh_from_db()
    hints = ears.heard(conversation_group(with_agent.pk))
    assert max(hint["seq"] for hint in hints) == with_agent.last_seq == 4
