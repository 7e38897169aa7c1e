"""What each action writes into the log: type, who may see it, what it says, who did it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from accounts.models import Team, User
from conversations.actions import (
    Sender,
    add_event,
    assign,
    edit_conversation,
    hand_back,
    hand_over,
    lock,
    note,
    receive,
    reopen,
    reply,
    resolve,
    set_priority,
    take_over,
)
from conversations.enums import EventType, Priority, Status
from conversations.models import Contact, Conversation, Event, Inbox
from conversations.queries.threads import events_after
from conversations.queries.wire import event_frame
from core.actor import Actor

WRITTEN, CHANGED = EventType.MESSAGE_CREATED, EventType.CONVERSATION_UPDATED
BRUNO = {"name": "Bruno", "avatar": ""}


def state(status: Status, assignee: dict[str, str] | None = None, **details: Any) -> dict[str, Any]:
    return {"status": status.value, "assignee": assignee, **details}


@dataclass(frozen=True)
class Case:
    """An action and the events it must leave: (type, internal, payload, kind and name of the doer)."""

    name: str
    do: Callable[[Any], Any]
    events: list[tuple[str, bool, dict[str, Any], str, str]] = field(default_factory=list)
    before: Callable[[Any], Any] = lambda _: None


Told = tuple[str, bool, dict[str, Any], str, str]


def changed_by_bruno(*, also: dict[str, Any] | None = None, **changes: tuple[Any, Any]) -> Told:
    told = {name: {"from": before, "to": after} for name, (before, after) in changes.items()}
    return CHANGED, True, state(Status.OPEN, changes=told, **(also or {})), "operator", "Bruno"


def by_bruno(payload: dict[str, Any]) -> Told:
    return (CHANGED, False, payload, "operator", "Bruno")


SAID: Told = (WRITTEN, False, {}, "", "")
NOTED: Told = (WRITTEN, True, {}, "", "")


def to_agent(s: Any) -> None:
    hand_back(conversation=s.row, by=s.system)


def to_bruno(s: Any) -> None:
    take_over(conversation=s.row, by=s.bruno.as_actor())


def closed(s: Any) -> None:
    resolve(conversation=s.row, by=s.bruno.as_actor())


def taken_and_closed(s: Any) -> None:
    to_bruno(s)
    closed(s)


CASES = [
    Case("receive", lambda s: receive(inbox=s.inbox, sender=Sender("davi"), text="x"), [SAID]),
    Case(
        "receive on resolved",
        lambda s: receive(inbox=s.inbox, sender=Sender("davi"), text="x"),
        [(CHANGED, False, state(Status.OPEN), "contact", "Davi Duarte"), SAID],
        before=closed,
    ),
    Case(
        "reply by the person who has it",
        lambda s: reply(conversation=s.row, text="x", by=s.bruno.as_actor()),
        [SAID],
        before=to_bruno,
    ),
    Case(
        "reply by a person while nobody has it",
        lambda s: reply(conversation=s.row, text="x", by=s.bruno.as_actor()),
        [by_bruno(state(Status.OPEN, BRUNO)), SAID],
    ),
    Case(
        "reply by a person while the agent has it",
        lambda s: reply(conversation=s.row, text="x", by=s.bruno.as_actor()),
        [by_bruno(state(Status.OPEN, BRUNO)), SAID],
        before=to_agent,
    ),
    Case(
        "reply by the machine while the agent has it",
        lambda s: reply(conversation=s.row, text="x", by=s.system),
        [(CHANGED, False, state(Status.OPEN), "system", "Helpdesk"), SAID],
        before=to_agent,
    ),
    Case(
        "reply by the agent", lambda s: reply(conversation=s.row, text="x", by=s.lia), [SAID], before=to_agent
    ),
    Case(
        "reply to resolved",
        lambda s: reply(conversation=s.row, text="x", by=s.bruno.as_actor()),
        [SAID],
        before=closed,
    ),
    Case("note by a person", lambda s: note(conversation=s.row, text="x", by=s.bruno.as_actor()), [NOTED]),
    Case("note by the agent", lambda s: note(conversation=s.row, text="x", by=s.lia), [NOTED]),
    Case(
        "take over from the agent",
        lambda s: take_over(conversation=s.row, by=s.bruno.as_actor()),
        [by_bruno(state(Status.OPEN, BRUNO))],
        before=to_agent,
    ),
    Case(
        "take over from a colleague",
        lambda s: take_over(conversation=s.row, by=s.ana.as_actor()),
        [(CHANGED, False, state(Status.OPEN, {"name": "Ana", "avatar": ""}), "operator", "Ana")],
        before=to_bruno,
    ),
    Case(
        "hand over",
        lambda s: hand_over(conversation=s.row, by=s.lia, reason="angry"),
        [(CHANGED, False, state(Status.OPEN, reason="angry"), "agent", "Lia"), SAID],
        before=to_agent,
    ),
    Case(
        "hand over without a word",
        lambda s: hand_over(conversation=s.row, by=s.lia, reason="r" * 400, notice=False),
        [(CHANGED, False, state(Status.OPEN, reason="r" * 300), "agent", "Lia")],
        before=to_agent,
    ),
    Case(
        "hand over by the customer",
        lambda s: hand_over(conversation=s.row, by=s.davi.as_actor(), reason="asked"),
        [(CHANGED, False, state(Status.OPEN, reason="asked"), "contact", "Davi Duarte"), SAID],
        before=to_agent,
    ),
    Case("hand over what people have", lambda s: hand_over(conversation=s.row, by=s.lia, reason="x")),
    Case(
        "hand back",
        lambda s: hand_back(conversation=s.row, by=s.bruno.as_actor()),
        [by_bruno(state(Status.BOT))],
        before=to_bruno,
    ),
    Case("hand back what the agent has", lambda s: hand_back(conversation=s.row, by=s.lia), before=to_agent),
    Case(
        "assign a person",
        lambda s: assign(conversation=s.row, by=s.ana.as_actor(), to=s.bruno),
        [(CHANGED, False, state(Status.OPEN, BRUNO, team="support"), "operator", "Ana")],
    ),
    Case(
        "assign a person while the agent has it",
        lambda s: assign(conversation=s.row, by=s.ana.as_actor(), to=s.bruno),
        [(CHANGED, False, state(Status.OPEN, BRUNO, team="support"), "operator", "Ana")],
        before=to_agent,
    ),
    Case(
        "assign nobody",
        lambda s: assign(conversation=s.row, by=s.bruno.as_actor(), to=None),
        [by_bruno(state(Status.OPEN, team="support"))],
        before=to_bruno,
    ),
    Case(
        "assign a team while the agent has it",
        lambda s: assign(conversation=s.row, by=s.bruno.as_actor(), to=None, team=s.other),
        [by_bruno(state(Status.BOT, team="finance"))],
        before=to_agent,
    ),
    Case(
        "set the priority",
        lambda s: set_priority(conversation=s.row, by=s.bruno.as_actor(), priority=40),
        [changed_by_bruno(priority=("normal", "urgent"), also={"priority": 40})],
    ),
    Case(
        "edit tags and subject",
        lambda s: edit_conversation(
            conversation=s.row, by=s.bruno.as_actor(), tags=["vip"], subject="Order 7", priority=20
        ),
        [changed_by_bruno(tags=([], ["vip"]), subject=("", "Order 7"))],
    ),
    Case(
        "edit nothing",
        lambda s: edit_conversation(conversation=s.row, by=s.bruno.as_actor(), tags=[" "], priority=20),
        [],
    ),
    Case("resolve", closed, [by_bruno(state(Status.RESOLVED))]),
    Case(
        "resolve by the agent",
        lambda s: resolve(conversation=s.row, by=s.lia),
        [(CHANGED, False, state(Status.RESOLVED), "agent", "Lia")],
        before=to_agent,
    ),
    Case("resolve what is resolved", closed, before=closed),
    Case(
        "reopen",
        lambda s: reopen(conversation=s.row, by=s.bruno.as_actor()),
        [by_bruno(state(Status.OPEN, BRUNO))],
        before=taken_and_closed,
    ),
    Case("reopen what is open", lambda s: reopen(conversation=s.row, by=s.bruno.as_actor())),
]


@pytest.fixture
def stage(
    *, conversation: Conversation, inbox: Inbox, ana: User, bruno: User, davi: Contact, lia: Actor,
    system: Actor, other_team: Team,
) -> SimpleNamespace:  # fmt: skip
    return SimpleNamespace(
        row=conversation, inbox=inbox, ana=ana, bruno=bruno, davi=davi, lia=lia, system=system,
        other=other_team,
    )  # fmt: skip


def log(conversation: Conversation, after: int) -> list[Event]:
    return list(Event.objects.filter(conversation=conversation, seq__gt=after).order_by("seq"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_action_leaves_its_events(stage: Any, case: Case) -> None:
    case.before(stage)
    stage.row.refresh_from_db()
    before = stage.row.last_seq
    case.do(stage)
    found = log(stage.row, before)
    told = [
        (event.type, event.is_internal, event.payload, event.actor_kind, event.actor_name) for event in found
    ]
    assert told == case.events
    stage.row.refresh_from_db()
    assert stage.row.last_seq == before + len(case.events)
    assert [event.seq for event in found] == list(range(before + 1, stage.row.last_seq + 1))
    for event in found:
        assert (event.message is not None) == (event.type == WRITTEN)
        assert event.message is None or event.message.seq == event.seq


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_customer_is_told_the_state_and_nothing_else(stage: Any, case: Case) -> None:
    case.before(stage)
    stage.row.refresh_from_db()
    before = stage.row.last_seq
    case.do(stage)
    for frame in [event_frame(event) for event in events_after(stage.row.pk, before)]:
        if frame["event"] == CHANGED:
            assert set(frame) == {"type", "seq", "event", "status", "assignee"}
        else:
            assert set(frame) == {"type", "seq", "event", "message"}
            assert frame["message"]["direction"] != "note"


def test_add_event_writes_payload_doer_and_number(conversation: Conversation, lia: Actor) -> None:
    row = lock(conversation.pk, by=Actor.system())
    first = add_event(row, EventType.RUN_CANCELLED, by=lia, is_internal=True, run="7", model="m")
    second = add_event(row, EventType.RUN_SUPERSEDED)
    assert (first.seq, first.is_internal, first.payload) == (2, True, {"run": "7", "model": "m"})
    assert (first.actor_kind, first.actor_name) == ("agent", "Lia")
    assert (second.seq, second.is_internal, second.payload, second.actor_kind) == (3, False, {}, "")


def test_events_of_another_kind_keep_their_payload_for_the_customer(conversation: Conversation) -> None:
    row = lock(conversation.pk, by=Actor.system())
    frame = event_frame(add_event(row, EventType.RUN_CANCELLED, run="7"))
    assert frame == {"type": "event", "seq": 2, "event": "run.cancelled", "run": "7"}


def test_desk_is_told_the_details(with_agent: Conversation, lia: Actor) -> None:
    hand_over(conversation=with_agent, by=lia, reason="angry", notice=False)
    event = events_after(with_agent.pk, 2)[0]
    assert event_frame(event, internal=True)["reason"] == "angry"
    assert "reason" not in event_frame(event)


def test_priority_in_the_log_is_the_row_s(conversation: Conversation, bruno: User) -> None:
    for priority in Priority.values:
        set_priority(conversation=conversation, by=bruno.as_actor(), priority=priority)
        conversation.refresh_from_db()
        assert conversation.priority == priority
