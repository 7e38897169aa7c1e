"""What an agent may do with a tool is decided in the step, whatever the model asks for."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.actions import begin_run, run_step
from agents.enums import Verdict
from agents.models import Agent, Run, Step, ToolPolicy
from agents.runtime import answer
from conversations.enums import Status
from conversations.models import ContactIdentity, Conversation, Inbox
from llm.tools import Effect, ToolResult, all_tools, get_tool
from llm.types import ToolCall
from tests.agents.conftest import say, says
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
SUBJECTS = ["Broken lamp", "Invoice of March", "Wrong colour of the sofa", "A kettle that leaks"]


def begun(conversation: Conversation) -> Run:
    run = begin_run(conversation_id=conversation.pk)
    assert run is not None
    return run


def call(run: Run, tool: str, number: int = 0, **arguments: Any) -> ToolResult:
    return run_step(run=run, call=ToolCall("c", tool, json.dumps(arguments)), number=number)


def ticket(run: Run, number: int = 0) -> ToolResult:
    return call(run, "create_ticket", number, subject=SUBJECTS[number % len(SUBJECTS)])


def test_every_tool_says_what_it_does_to_the_world() -> None:
    told = {tool.name: tool.effect for tool in all_tools()}
    reading = {"search_knowledge", "offer_choices", "ticket_status", "previous_conversations"}
    assert {name for name, effect in told.items() if effect == Effect.READ} == reading


def test_a_tool_that_is_not_in_the_list_does_nothing(agent: Agent, asked: Conversation) -> None:
    agent.tools = ["search_knowledge"]
    agent.save()
    result = ticket(begun(asked))
    assert (result.failed, Ticket.objects.count()) == (True, 0)
    step = Step.objects.get()
    assert (step.verdict, step.effect) == (Verdict.NOT_ALLOWED, "write")


def test_a_tool_taken_away_while_an_answer_is_made_is_gone(agent: Agent, asked: Conversation) -> None:
    run = begun(asked)
    Agent.objects.filter(pk=agent.pk).update(tools=[])
    assert ticket(run).failed
    assert not Ticket.objects.exists()


def test_a_name_that_no_tool_has_is_kept_in_the_trace(agent: Agent, asked: Conversation) -> None:
    assert call(begun(asked), "drop_tables").failed
    assert Step.objects.get().verdict == Verdict.NOT_ALLOWED


def test_an_allowed_call_leaves_its_class_and_verdict(asked: Conversation) -> None:
    ticket(begun(asked))
    step = Step.objects.get()
    assert (step.effect, step.verdict, step.approved_by) == ("write", Verdict.ALLOWED, "")


def test_a_customer_who_is_not_verified_gets_nothing(agent: Agent, asked: Conversation) -> None:
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", needs_verification=True)
    run = begun(asked)
    result = ticket(run)
    assert (result.failed, Ticket.objects.count()) == (True, 0)
    assert "request_verification" in result.text
    assert Step.objects.get().verdict == Verdict.UNVERIFIED
    ContactIdentity.objects.filter(pk=asked.identity_id).update(is_verified=True)
    assert not ticket(run, 1).failed


def test_a_tool_that_reads_is_not_even_run_for_the_unverified(
    agent: Agent, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.tools = ["previous_conversations"]
    agent.save()
    ran: list[object] = []
    monkeypatch.setattr(get_tool("previous_conversations"), "function", lambda *_: ran.append(1))
    assert call(begun(asked), "previous_conversations").failed
    assert ran == []


def test_a_conversation_has_its_cap(agent: Agent, asked: Conversation) -> None:
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", most_per_conversation=2)
    run = begun(asked)
    assert [ticket(run, number).failed for number in range(4)] == [False, False, True, True]
    assert Ticket.objects.count() == 2
    assert Step.objects.get(number=2).verdict == Verdict.CAPPED


def test_a_call_that_the_action_refused_does_not_count(agent: Agent, asked: Conversation) -> None:
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", most_per_conversation=1)
    run = begun(asked)
    assert call(run, "create_ticket", 0, subject="").failed
    assert not ticket(run, 1).failed


def test_a_customer_has_a_cap_for_the_day_in_all_conversations(
    agent: Agent, asked: Conversation, inbox: Inbox
) -> None:
    ToolPolicy.objects.create(agent=agent, tool="create_ticket", most_per_day=1)
    assert not ticket(begun(asked)).failed
    other = say(inbox, "Another matter", "davi's sister")
    Conversation.objects.filter(pk=other.pk).update(contact=asked.contact)
    run = begun(other)
    assert ticket(run, 1).failed
    Step.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert not ticket(run, 2).failed
    assert not ticket(begun(say(inbox, "Mine is broken, too", "gil")), 3).failed


def test_a_step_done_before_is_not_judged_again(agent: Agent, asked: Conversation) -> None:
    run = begun(asked)
    first = ticket(run)
    Agent.objects.filter(pk=agent.pk).update(tools=[])
    assert ticket(run) == first


@pytest.mark.parametrize("bound", ["not allowed", "asked for", "used up"])
async def test_a_customer_who_presses_the_button_gets_a_person_whatever_the_policy_says(
    agent: Agent, inbox: Inbox, bound: str
) -> None:
    policies: dict[str, dict[str, Any]] = {
        "asked for": {"needs_approval": True},
        "used up": {"most_per_day": 0},
    }
    if bound == "not allowed":
        await Agent.objects.filter(pk=agent.pk).aupdate(tools=[])
    else:
        await ToolPolicy.objects.acreate(agent=agent, tool="hand_over", **policies[bound])
    conversation = await says(inbox, "Falar com uma pessoa")
    await answer(conversation.pk)
    await conversation.arefresh_from_db()
    assert conversation.status == Status.OPEN
