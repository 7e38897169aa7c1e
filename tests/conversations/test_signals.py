"""What upper apps hear of, with what, inside the transaction; channels and tools, found by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.dispatch import Signal

from accounts.models import User
from conversations import signals, tools
from conversations.actions import (
    Sender,
    assign,
    hand_back,
    hand_over,
    note,
    receive,
    reopen,
    reply,
    resolve,
    take_over,
)
from conversations.actions.assignment import operator_by_id
from conversations.channels import adapter, channel_choices
from conversations.enums import Status
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from core.errors import NotFound
from llm.tools import ToolContext, get_tool

NAMES = [name for name, value in vars(signals).items() if isinstance(value, Signal)]
Act = Callable[[Any, Any], Any]


@contextmanager
def listening() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Collects every signal of the spine, with what it carried."""
    heard: list[tuple[str, dict[str, Any]]] = []
    receivers = []
    for name in NAMES:

        def hear(name: str = name, **values: Any) -> None:
            assert connection.in_atomic_block
            heard.append((name, values))

        getattr(signals, name).connect(hear)
        receivers.append((name, hear))
    try:
        yield heard
    finally:
        for name, receiver in receivers:
            getattr(signals, name).disconnect(receiver)


TABLE: list[tuple[str, str, Act, list[str]]] = [
    ("open", "first message", lambda s, _: receive(inbox=s.inbox, sender=Sender("new"), text="x"),
     ["conversation_opened", "message_received"]),
    ("open", "further message", lambda s, _: receive(inbox=s.inbox, sender=Sender("davi"), text="x"),
     ["message_received"]),
    ("resolved", "message on resolved", lambda s, _: receive(inbox=s.inbox, sender=Sender("davi"), text="x"),
     ["conversation_opened", "message_received"]),
    ("open", "reply", lambda s, by: reply(conversation=s, text="x", by=by), ["message_sent"]),
    ("bot", "reply over the agent", lambda s, by: reply(conversation=s, text="x", by=by),
     ["conversation_taken_over", "message_sent"]),
    ("open", "note", lambda s, by: note(conversation=s, text="x", by=by), []),
    ("bot", "take over", lambda s, by: take_over(conversation=s, by=by), ["conversation_taken_over"]),
    ("open", "take over from people", lambda s, by: take_over(conversation=s, by=by), []),
    ("bot", "hand over", lambda s, by: hand_over(conversation=s, by=by, reason="r"),
     ["conversation_handed_over"]),
    ("open", "hand over again", lambda s, by: hand_over(conversation=s, by=by, reason="r"), []),
    ("open", "hand back", lambda s, by: hand_back(conversation=s, by=by),
     ["conversation_handed_back"]),
    ("bot", "assign nobody", lambda s, by: assign(conversation=s, by=by, to=None), []),
    ("open", "resolve", lambda s, by: resolve(conversation=s, by=by), ["conversation_resolved"]),
    ("resolved", "resolve again", lambda s, by: resolve(conversation=s, by=by), []),
    ("resolved", "reopen by staff", lambda s, by: reopen(conversation=s, by=by), []),
]  # fmt: skip


@pytest.mark.parametrize(("state", "name", "act", "expected"), TABLE, ids=[row[1] for row in TABLE])
def test_action_is_heard_of(
    *, conversation: Conversation, bruno: User, state: str, name: str, act: Act, expected: list[str]
) -> None:
    if state == "bot":
        hand_back(conversation=conversation, by=Actor.system())
    elif state == "resolved":
        resolve(conversation=conversation, by=Actor.system())
    with listening() as heard:
        act(conversation, bruno.as_actor())
    assert [name for name, _values in heard] == expected
    for _name, values in heard:
        assert isinstance(values["conversation"], Conversation)


def test_assigning_a_person_takes_from_the_agent(with_agent: Conversation, ana: User, bruno: User) -> None:
    with listening() as heard:
        assign(conversation=with_agent, by=ana.as_actor(), to=bruno)
    assert [name for name, _values in heard] == ["conversation_taken_over"]


def test_reason_and_message_go_along(with_agent: Conversation, lia: Actor, inbox: Inbox) -> None:
    with listening() as heard:
        hand_over(conversation=with_agent, by=lia, reason="angry")
        stored = receive(inbox=inbox, sender=Sender("davi"), text="x").message
    assert heard[0][1]["reason"] == "angry"
    assert heard[1][1]["message"] == stored


def test_receiver_of_an_opening_decides_who_has_it(inbox: Inbox, bruno: User) -> None:
    def give(conversation: Conversation, **_: Any) -> None:
        conversation.status, conversation.assignee = Status.OPEN, bruno

    signals.conversation_opened.connect(give)
    try:
        row = receive(inbox=inbox, sender=Sender("eva"), text="x").conversation
    finally:
        signals.conversation_opened.disconnect(give)
    row.refresh_from_db()
    assert row.assignee == bruno


@pytest.mark.parametrize("name", ["message_sent", "conversation_taken_over"])
def test_receiver_that_fails_undoes_the_reply(with_agent: Conversation, bruno: User, name: str) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    getattr(signals, name).connect(fail)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            reply(conversation=with_agent, text="x", by=bruno.as_actor())
    finally:
        getattr(signals, name).disconnect(fail)
    with_agent.refresh_from_db()
    assert (with_agent.status, with_agent.last_seq, Message.objects.count()) == (Status.BOT, 2, 1)


# --- channels ----------------------------------------------------------------------------------------------


def test_every_channel_of_the_settings_is_found_and_has_a_name(settings: Any) -> None:
    choices = channel_choices()
    assert list(choices) == list(settings.CHANNEL_ADAPTERS)
    assert str(choices["web"]) == "Chat widget"
    assert adapter("web") is adapter("web")


def test_channel_that_no_setting_names_is_none() -> None:
    with pytest.raises(KeyError):
        adapter("fax")


def test_web_channel_says_what_to_copy() -> None:
    text = adapter("web").setup_text(key="k_1", public_url="https://help.example")
    assert (
        text == '<script src="https://help.example/static/widget/widget.js" data-inbox="k_1" async></script>'
    )


# --- the agent's tool --------------------------------------------------------------------------------------


def context(conversation: Conversation | None, by: Actor) -> ToolContext:
    return ToolContext(by, conversation.pk if conversation else None, "run:1")


def test_tool_hands_over_and_ends_the_run(with_agent: Conversation, lia: Actor) -> None:
    result = get_tool("hand_over").run(context(with_agent, lia), '{"reason": "wants a person"}')
    assert (result.text, result.ends_run) == ("The conversation is with the team now.", True)
    with_agent.refresh_from_db()
    assert with_agent.status == Status.OPEN
    assert with_agent.events.order_by("-seq")[1].payload["reason"] == "wants a person"


def test_tool_takes_no_conversation_from_the_model(
    with_agent: Conversation, lia: Actor, inbox: Inbox
) -> None:
    other = receive(inbox=inbox, sender=Sender("otto"), text="x").conversation
    hand_back(conversation=other, by=Actor.system())
    arguments = f'{{"reason": "x", "conversation_id": "{other.pk}"}}'
    get_tool("hand_over").run(context(with_agent, lia), arguments)
    other.refresh_from_db()
    assert other.status == Status.BOT
    properties = get_tool("hand_over").schema()["function"]["parameters"]["properties"]
    assert set(properties) == {"reason"}


@pytest.mark.parametrize("where", ["none", "gone"])
def test_tool_without_a_conversation_finds_nothing(db: None, lia: Actor, where: str) -> None:
    empty = ToolContext(lia, None if where == "none" else uuid4(), "run:1")
    with pytest.raises(NotFound):
        tools.hand_over(empty, reason="x")


def test_operator_is_found_by_number_while_at_work(bruno: User) -> None:
    assert operator_by_id(str(bruno.pk)) == bruno
    for wrong in ("", "0", "bruno", "-1", "1 OR 1=1", str(bruno.pk + 1000)):
        with pytest.raises(NotFound):
            operator_by_id(wrong)
    for change in ({"is_active": False}, {"is_staff": False, "is_active": True}):
        User.objects.update(**change)
        with pytest.raises(NotFound):
            operator_by_id(str(bruno.pk))
