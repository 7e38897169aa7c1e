"""Any order of actions by anybody: no gap in the log, and row, log and the customer's page agree."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.enums import Role
from accounts.models import Team
from conversations.actions import (
    Sender,
    assign,
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
from conversations.enums import Direction, EventType, Status
from conversations.models import Conversation, Event, Inbox, Message
from conversations.queries.threads import events_after, history, last_messages
from conversations.queries.wire import event_frame, message_frame, public_state
from core.actor import Actor, ActorKind
from core.errors import Conflict
from tests.conftest import make_user

LIA = Actor(ActorKind.AGENT, "1", "Lia")
WHO = st.sampled_from(["bruno", "ana"])
# Few, so that the same come again.
IDS = st.integers(1, 4).map(lambda number: UUID(int=number))


class Client:
    """A customer's page: takes a snapshot now and then, replays what follows, keeps only what it was told."""

    def __init__(self) -> None:
        self.seq = 0
        self.messages: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    def snapshot(self, conversation: Conversation) -> None:
        self.messages = {row["id"]: row for row in map(message_frame, last_messages(conversation.pk))}
        self.state, self.seq = public_state(conversation), conversation.last_seq

    def resume(self, conversation: Conversation) -> None:
        for frame in map(event_frame, events_after(conversation.pk, self.seq)):
            assert frame["seq"] > self.seq
            self.seq = frame["seq"]
            if "message" in frame:
                self.messages[frame["message"]["id"]] = frame["message"]
            if frame["event"] == EventType.CONVERSATION_UPDATED:
                self.state = {name: frame[name] for name in ("status", "assignee")}


def without_addresses(frames: list[Any]) -> list[Any]:
    return [{**frame, "attachments": [file["id"] for file in frame["attachments"]]} for frame in frames]


class Conversations(RuleBasedStateMachine):
    """One conversation, two operators, an agent and a customer who all do what they like."""

    @initialize()
    def begin(self) -> None:
        name = uuid4().hex[:8]
        team = Team.objects.create(slug=name, name=name)
        self.inbox = Inbox.objects.create(name=name, team=team)
        self.staff = {
            "bruno": make_user(f"bruno{name}", Role.OPERATOR, team),
            "ana": make_user(f"ana{name}", Role.ADMIN),
        }
        self.said: list[str] = []
        self.noted: list[str] = []
        self.keys: dict[UUID, UUID] = {}
        self.row = receive(inbox=self.inbox, sender=Sender("davi"), text="first").conversation
        self.said.append("first")
        self.client, self.late = Client(), Client()
        self.client.snapshot(self.fresh())

    def fresh(self) -> Conversation:
        return Conversation.objects.select_related("assignee").get(pk=self.row.pk)

    def by(self, who: str) -> Actor:
        return self.staff[who].as_actor()

    def is_resolved(self) -> bool:
        return self.fresh().status == Status.RESOLVED

    @rule(key=st.none() | IDS)
    def customer_writes(self, key: UUID | None) -> None:
        got = receive(inbox=self.inbox, sender=Sender("davi"), text=f"c{len(self.said)}", client_id=key)
        assert got.created == (key is None or key not in self.keys)
        if got.created:
            self.said.append(got.message.text)
            assert got.conversation.waiting_since is not None
        if key is not None:
            assert self.keys.setdefault(key, got.message.pk) == got.message.pk

    @rule(who=WHO, key=st.none() | IDS.map(lambda key: UUID(int=key.int + 100)))
    def operator_replies(self, who: str, key: UUID | None) -> None:
        was, twice = self.fresh(), key is not None and key in self.keys
        message = reply(conversation=self.row, text=f"o{len(self.said)}", by=self.by(who), client_id=key)
        if not twice:
            self.said.append(message.text)
            row = self.fresh()
            assert row.waiting_since is None
            assert row.status == (Status.OPEN if was.status == Status.BOT else was.status)
        if key is not None:
            assert self.keys.setdefault(key, message.pk) == message.pk

    @rule()
    def agent_replies(self) -> None:
        owns = self.fresh().status == Status.BOT
        try:
            self.said.append(reply(conversation=self.row, text=f"a{len(self.said)}", by=LIA).text)
        except Conflict:
            assert not owns
        else:
            assert owns

    @rule(who=WHO)
    def operator_notes(self, who: str) -> None:
        before = self.fresh()
        text = f"note-{len(self.noted)}"
        note(conversation=self.row, text=text, by=self.by(who))
        self.noted.append(text)
        after = self.fresh()
        for name in ("status", "assignee", "waiting_since", "preview", "last_contact_seq", "first_reply_at"):
            assert getattr(after, name) == getattr(before, name), name

    @rule(who=WHO)
    def operator_takes_over(self, who: str) -> None:
        if self.is_resolved():
            with pytest.raises(Conflict):
                take_over(conversation=self.row, by=self.by(who))
            return
        take_over(conversation=self.row, by=self.by(who))
        assert (self.fresh().status, self.fresh().assignee) == (Status.OPEN, self.staff[who])

    @rule(notice=st.booleans())
    def agent_hands_over(self, notice: bool) -> None:  # noqa: FBT001 (hypothesis calls by name)
        owned = self.fresh().status == Status.BOT
        hand_over(conversation=self.row, by=LIA, reason="secret-reason", notice=notice)
        if owned:
            assert self.fresh().status == Status.OPEN
            if notice:
                self.said.append(last_messages(self.row.pk)[-1].text)

    @rule(who=WHO)
    def operator_hands_back(self, who: str) -> None:
        if self.is_resolved():
            with pytest.raises(Conflict):
                hand_back(conversation=self.row, by=self.by(who))
            return
        hand_back(conversation=self.row, by=self.by(who))
        assert (self.fresh().status, self.fresh().assignee) == (Status.BOT, None)

    @rule(who=WHO, to=st.none() | WHO)
    def operator_assigns(self, who: str, to: str | None) -> None:
        before = self.fresh()
        assign(conversation=self.row, by=self.by(who), to=self.staff[to] if to else None)
        after = self.fresh()
        assert after.assignee == (self.staff[to] if to else None)
        assert after.status == (Status.OPEN if to and before.status == Status.BOT else before.status)

    @rule(who=WHO, priority=st.sampled_from([10, 20, 30, 40]))
    def operator_sets_priority(self, who: str, priority: int) -> None:
        set_priority(conversation=self.row, by=self.by(who), priority=priority)
        assert self.fresh().priority == priority

    @rule(who=WHO)
    def operator_resolves(self, who: str) -> None:
        resolve(conversation=self.row, by=self.by(who))
        assert self.is_resolved()
        assert history(self.fresh()) == [] or self.fresh().last_seq > self.fresh().context_from_seq

    @precondition(is_resolved)
    @rule(who=WHO)
    def operator_reopens(self, who: str) -> None:
        reopen(conversation=self.row, by=self.by(who))
        assert self.fresh().status == Status.OPEN

    @rule(seq=st.integers(0, 40), who=WHO)
    def both_read(self, seq: int, who: str) -> None:
        before = self.fresh()
        read_by_contact(conversation_id=self.row.pk, seq=seq)
        read_by_operator(conversation=before, seq=seq, by=self.by(who))
        after = self.fresh()
        expected = seq if before.read_by_contact_seq < seq <= before.last_seq else before.read_by_contact_seq
        assert after.read_by_contact_seq == expected
        assert before.read_by_operator_seq <= after.read_by_operator_seq <= after.last_seq
        assert after.last_seq == before.last_seq

    @rule()
    def customer_comes_back(self) -> None:
        self.client.resume(self.fresh())

    @rule()
    def customer_reloads(self) -> None:
        self.client.snapshot(self.fresh())

    @invariant()
    def log_has_no_gap(self) -> None:
        seqs = list(Event.objects.filter(conversation=self.row).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, self.fresh().last_seq + 1))

    @invariant()
    def facts_belong_together(self) -> None:
        row = self.fresh()
        assert (row.status == Status.RESOLVED) == (row.resolved_at is not None)
        assert row.status != Status.BOT or row.assignee is None
        assert row.status != Status.RESOLVED or row.waiting_since is None
        assert row.context_from_seq <= row.last_seq
        last = Message.objects.filter(conversation=row, direction=Direction.IN).order_by("seq").last()
        assert last is not None
        assert row.last_contact_seq == last.seq

    @invariant()
    def what_was_said_is_there_in_order(self) -> None:
        assert [message.text for message in last_messages(self.row.pk)] == self.said

    @invariant()
    def customer_sees_no_note(self) -> None:
        told = str([event_frame(event) for event in events_after(self.row.pk, 0)])
        assert "note-" not in told
        assert "secret-reason" not in told
        assert Message.objects.filter(conversation=self.row, direction=Direction.NOTE).count() == len(
            self.noted
        )

    @invariant()
    def replay_from_the_start_is_the_row(self) -> None:
        reader, row = Client(), self.fresh()
        reader.state = {"status": Status.OPEN, "assignee": None}  # before the first event
        reader.resume(row)
        assert reader.state == public_state(row)

    @invariant()
    def snapshot_and_replay_are_a_fresh_state(self) -> None:
        row = self.fresh()
        reader, new = Client(), Client()
        reader.seq, reader.state = self.client.seq, dict(self.client.state)
        reader.messages = dict(self.client.messages)
        reader.resume(row)
        new.snapshot(row)
        assert reader.state == new.state
        assert without_addresses(list(reader.messages.values())) == without_addresses(
            list(new.messages.values())
        )


@pytest.mark.django_db(transaction=True)
def test_any_order_of_actions_keeps_its_promises() -> None:
    run_state_machine_as_test(
        Conversations,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
