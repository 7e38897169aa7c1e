"""Calls that a person must approve: kept, shown, decided once, carried out once."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from agents.actions import approve_call, begin_run, end_run, expire_approvals, refuse_call, run_step
from agents.actions import steps as step_actions
from agents.enums import ApprovalStatus, RunStatus, Verdict
from agents.models import Agent, Approval, Run, Step, ToolPolicy
from agents.runtime import answer
from conversations.actions import hand_back, take_over
from conversations.enums import AuthorKind, EventType, Status
from conversations.models import Conversation, Event, Inbox, Message
from conversations.queries.threads import events_after
from core.errors import Conflict, Forbidden, NotFound
from llm.tools import Effect, get_tool
from llm.types import ToolCall
from tests.agents.conftest import say, says
from tests.conversations.test_receive import in_parallel
from tests.fakes.openai_server import OpenAIServer, Reply
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
TICKET = {"subject": "Broken lamp", "description": "It fell"}
CALL = ("create_ticket", json.dumps(TICKET))


@pytest.fixture
def careful(agent: Agent) -> Agent:
    """Lia, who asks before she opens a ticket."""
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", needs_approval=True)
    return agent


@pytest.fixture
def pending(careful: Agent, asked: Conversation) -> Approval:
    """A ticket that waits for a yes."""
    return asked_for(asked)


def asked_for(conversation: Conversation) -> Approval:
    run = begin_run(conversation_id=conversation.pk)
    assert run is not None
    result = run_step(run=run, call=ToolCall("c", *CALL), number=0)
    assert result.ends_run
    end_run(run=run, status=RunStatus.HANDED_OVER)
    return Approval.objects.get(conversation=conversation)


def statuses() -> list[str]:
    return [run.status for run in Run.objects.order_by("started_at")]


async def test_the_model_asks_a_person_says_yes_and_the_answer_goes_on(
    provider: OpenAIServer, careful: Agent, asked: Conversation, bruno: User
) -> None:
    provider.script(Reply(tool_calls=(CALL,)), Reply(text="Your ticket is open."))
    await answer(asked.pk)
    assert len(provider.chats) == 1
    assert await in_db(statuses)() == [RunStatus.WAITING]
    assert not await Ticket.objects.aexists()
    told = await Message.objects.aget(author_kind=AuthorKind.SYSTEM)
    assert "colleague" in told.text
    approval = await Approval.objects.aget()
    await in_db(approve_call)(approval=approval, by=await in_db(bruno.as_actor)())
    await answer(asked.pk)
    ticket = await Ticket.objects.aget()
    assert (ticket.subject, ticket.description) == ("Broken lamp", "It fell")
    assert await in_db(statuses)() == [RunStatus.WAITING, RunStatus.ANSWERED]
    step = await Step.objects.aget(verdict=Verdict.APPROVED)
    assert (step.tool, step.approved_by) == ("create_ticket", bruno.display_name)
    assert ticket.reference in json.dumps(provider.chats[-1])
    said = await Message.objects.aget(author_kind=AuthorKind.AGENT)
    assert said.text == "Your ticket is open."
    await answer(asked.pk)
    assert await Ticket.objects.acount() == 1
    assert len(provider.chats) == 2


async def test_a_no_is_told_to_the_model_and_nothing_is_done(
    provider: OpenAIServer, careful: Agent, asked: Conversation, bruno: User
) -> None:
    provider.script(Reply(tool_calls=(CALL,)), Reply(text="We cannot do that."))
    await answer(asked.pk)
    await in_db(refuse_call)(approval=await Approval.objects.aget(), by=await in_db(bruno.as_actor)())
    await answer(asked.pk)
    assert not await Ticket.objects.aexists()
    assert "a colleague refused it" in json.dumps(provider.chats[-1])
    assert await Step.objects.filter(verdict=Verdict.REFUSED, failed=True).aexists()


async def test_the_customer_may_write_meanwhile_and_is_answered(
    provider: OpenAIServer, careful: Agent, asked: Conversation, inbox: Inbox, bruno: User
) -> None:
    provider.script(
        Reply(tool_calls=(CALL,)), Reply(tool_calls=(CALL,)), Reply(text="Please wait."), Reply(text="Done.")
    )
    await answer(asked.pk)
    await says(inbox, "Hello?")
    await answer(asked.pk)
    # Asking for the same again asks nobody twice.
    assert await Approval.objects.acount() == 1
    await in_db(approve_call)(approval=await Approval.objects.aget(), by=await in_db(bruno.as_actor)())
    await answer(asked.pk)
    said = Message.objects.filter(author_kind=AuthorKind.AGENT).order_by("seq")
    assert [row.text async for row in said] == ["Please wait.", "Done."]
    assert await Ticket.objects.acount() == 1


def test_the_desk_is_shown_what_is_asked_and_the_customer_is_not(pending: Approval) -> None:
    event = Event.objects.get(type=EventType.APPROVAL_ASKED)
    assert event.is_internal
    assert (event.payload["arguments"], event.payload["approval"]) == (TICKET, str(pending.pk))
    assert EventType.APPROVAL_ASKED not in {row.type for row in events_after(pending.conversation_id, 0)}


def test_what_is_dangerous_is_asked_for_unless_somebody_switched_it_off(
    agent: Agent, asked: Conversation, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_tool("create_ticket"), "effect", Effect.DANGEROUS)
    asked_for(asked)
    assert not Ticket.objects.exists()
    # A row that says nothing of it changes nothing.
    row = ToolPolicy.objects.create(agent=agent, tool="create_ticket", most_per_day=9)
    asked_for(say(inbox, "And mine?", "gil"))
    row.needs_approval = False
    row.save()
    run = begin_run(conversation_id=say(inbox, "And mine?", "rui").pk)
    assert run is not None
    run_step(run=run, call=ToolCall("c", *CALL), number=0)
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("arguments", ["{", '{"subject": 3}', '{"subject": "x", "contact": "y"}'])
def test_arguments_that_do_not_fit_are_refused_before_anybody_is_asked(
    careful: Agent, asked: Conversation, arguments: str
) -> None:
    run = begin_run(conversation_id=asked.pk)
    assert run is not None
    result = run_step(run=run, call=ToolCall("c", "create_ticket", arguments), number=0)
    assert (result.failed, result.ends_run, Approval.objects.exists()) == (True, False, False)


def test_what_no_database_holds_is_asked_for_without_it(careful: Agent, asked: Conversation) -> None:
    run = begin_run(conversation_id=asked.pk)
    assert run is not None
    call = ToolCall("c", "create_ticket", '{"subject": "Broken\\u0000 lamp"}')
    assert not run_step(run=run, call=call, number=0).failed
    event = Event.objects.get(type=EventType.APPROVAL_ASKED)
    assert event.payload["arguments"] == {"subject": "Broken lamp"}


def test_nobody_approves_what_is_too_long_to_read(careful: Agent, asked: Conversation) -> None:
    run = begin_run(conversation_id=asked.pk)
    assert run is not None
    long = json.dumps({"subject": "x", "description": "y" * 5_000})
    assert run_step(run=run, call=ToolCall("c", "create_ticket", long), number=0).failed
    assert not Approval.objects.exists()


def test_only_who_may_reply_decides(pending: Approval, clara: User, davi: Any) -> None:
    with pytest.raises(NotFound):
        approve_call(approval=pending, by=clara.as_actor())
    for nobody in (davi.as_actor(), pending.run.agent.as_actor()):
        with pytest.raises(Forbidden):
            approve_call(approval=pending, by=nobody)
    pending.refresh_from_db()
    assert pending.status == ApprovalStatus.PENDING


def test_two_at_once_and_twice_is_one_effect(pending: Approval, bruno: User, ana: User) -> None:
    actors = [bruno.as_actor(), ana.as_actor()] * 3
    in_parallel([partial(approve_call, approval=pending, by=by) for by in actors])
    assert Event.objects.filter(type=EventType.APPROVAL_DECIDED).count() == 1
    with pytest.raises(Conflict):
        refuse_call(approval=pending, by=bruno.as_actor())
    run = begin_run(conversation_id=pending.conversation_id)
    assert run is not None
    in_parallel([partial(step_actions.carry_out_decided, run)] * 4)
    assert Ticket.objects.count() == 1
    assert Step.objects.filter(verdict=Verdict.APPROVED).count() == 1


def test_a_decision_that_was_taken_in_is_none_for_whoever_read_it_before(
    pending: Approval, bruno: User
) -> None:
    approve_call(approval=pending, by=bruno.as_actor())
    run = begin_run(conversation_id=pending.conversation_id)
    assert run is not None
    results = [
        run_step(run=run, call=ToolCall("c", *CALL), number=number, approval=pending) for number in (0, 1)
    ]
    assert [result.failed for result in results] == [False, True]
    assert Step.objects.filter(run=run).count() == 1


def test_a_worker_killed_before_or_after_the_effect_leaves_one(pending: Approval, bruno: User) -> None:
    approve_call(approval=pending, by=bruno.as_actor())
    first = begin_run(conversation_id=pending.conversation_id)  # and then it is killed
    second = begin_run(conversation_id=pending.conversation_id)
    assert first is not None
    assert second is not None
    assert second.attempt == 2
    step_actions.carry_out_decided(first)  # its thread was only slow: it is not the current attempt
    assert not Ticket.objects.exists()
    step_actions.carry_out_decided(second)  # and then it is killed
    third = begin_run(conversation_id=pending.conversation_id)
    assert third is not None
    step_actions.carry_out_decided(third)
    assert Ticket.objects.count() == 1


def test_a_run_killed_between_asking_and_its_end_asks_once(careful: Agent, asked: Conversation) -> None:
    run = begin_run(conversation_id=asked.pk)
    assert run is not None
    run_step(run=run, call=ToolCall("c", *CALL), number=0)
    assert begin_run(conversation_id=asked.pk) is None
    run.refresh_from_db()
    assert (run.status, Approval.objects.count()) == (RunStatus.WAITING, 1)


@pytest.mark.parametrize("when", ["before the yes", "after the yes"])
def test_once_a_person_has_it_a_yes_has_no_effect(pending: Approval, bruno: User, when: str) -> None:
    conversation, by = pending.conversation, bruno.as_actor()
    if when == "after the yes":
        approve_call(approval=pending, by=by)
    take_over(conversation=conversation, by=by)
    pending.refresh_from_db()
    assert pending.status == ApprovalStatus.CANCELLED
    with pytest.raises(Conflict):
        approve_call(approval=pending, by=by)
    hand_back(conversation=conversation, by=by)
    run = begin_run(conversation_id=conversation.pk)
    if run is not None:
        step_actions.carry_out_decided(run)
    assert not Ticket.objects.exists()


def test_who_waits_too_long_gets_a_person(pending: Approval, bruno: User) -> None:
    assert expire_approvals() == 0
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Conflict):
        approve_call(approval=pending, by=bruno.as_actor())
    assert expire_approvals() == 1
    assert expire_approvals() == 0
    pending.refresh_from_db()
    conversation = Conversation.objects.get(pk=pending.conversation_id)
    assert (pending.status, conversation.status) == (ApprovalStatus.EXPIRED, Status.OPEN)
    assert not Ticket.objects.exists()


def test_a_yes_whose_job_was_lost_is_planned_again(pending: Approval, bruno: User) -> None:
    approve_call(approval=pending, by=bruno.as_actor())
    ProcrastinateJob.objects.filter(task_name="agents.answer").update(status="failed")
    waiting = ProcrastinateJob.objects.filter(task_name="agents.answer", status="todo")
    Approval.objects.update(decided_at=timezone.now() - timedelta(minutes=1))
    expire_approvals()
    assert waiting.count() == 1


def test_a_tool_taken_away_meanwhile_is_not_used(pending: Approval, careful: Agent, bruno: User) -> None:
    approve_call(approval=pending, by=bruno.as_actor())
    Agent.objects.filter(pk=careful.pk).update(tools=[])
    run = begin_run(conversation_id=pending.conversation_id)
    assert run is not None
    step_actions.carry_out_decided(run)
    assert not Ticket.objects.exists()
    assert Step.objects.filter(verdict=Verdict.NOT_ALLOWED, failed=True).exists()
