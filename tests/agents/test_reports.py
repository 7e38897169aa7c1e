"""Figures of agents, with what the ledger says that they cost."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Team, User
from agents.enums import RunStatus
from agents.models import Agent, Run
from agents.queries import agent_names, reasons_for_people, runs_of_agents
from conversations.actions import Sender, hand_back, hand_over, rate_answer, receive, reply
from conversations.models import Conversation, Event, Inbox
from conversations.queries.reports import Narrowed
from core.actor import Actor
from core.spans import Span, Step
from llm.models import ModelCall

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31), Step.MONTH)


@pytest.fixture
def lia() -> Agent:
    return Agent.objects.create(name="Lia")


def ran(agent: Agent, row: Conversation, status: RunStatus, *, tries: int = 1) -> Run:
    run = Run.objects.create(agent=agent, conversation=row, status=status, up_to_seq=1, finished_at=NOON)
    Run.objects.filter(pk=run.pk).update(started_at=NOON)
    for _ in range(tries):
        ModelCall.objects.create(
            purpose="answer", reference=str(run.pk), provider="x", model="x", prompt_tokens=100,
            completion_tokens=10, cost=Decimal("0.25"), duration_ms=1, outcome="ok",
        )  # fmt: skip
    return run


def another(inbox: Inbox, name: str) -> Conversation:
    return receive(inbox=inbox, sender=Sender(name), text="Oi").conversation


def test_runs_are_counted_with_what_every_try_cost(
    lia: Agent, conversation: Conversation, inbox: Inbox
) -> None:
    ran(lia, conversation, RunStatus.ANSWERED, tries=2)
    ran(lia, conversation, RunStatus.HANDED_OVER)
    for _ in range(2):
        ran(lia, another(inbox, "alone"), RunStatus.ANSWERED)
    ran(lia, another(inbox, "failed"), RunStatus.FAILED, tries=0)
    ModelCall.objects.create(
        purpose="other", reference="x", provider="x", model="x", cost=9, duration_ms=1, outcome="ok"
    )
    (line,) = runs_of_agents(OCTOBER, actor=SYSTEM, narrowed=Narrowed())
    assert line.figures == {
        "runs": 5, "answered": 3, "handed_over": 1, "failed": 1, "alone": 1,
        "prompt_tokens": 500, "completion_tokens": 50, "cost": Decimal("1.25"),
        "helpful": 0, "not_helpful": 0, "helpful_share": None,
    }  # fmt: skip


def test_share_of_helpful_answers_of_each_agent(lia: Agent, inbox: Inbox) -> None:
    rui = Agent.objects.create(name="Rui")
    ratings = [(lia, True), (lia, True), (lia, False), (lia, None), (rui, False)]
    for number, (agent, helpful) in enumerate(ratings):
        row = another(inbox, f"customer-{number}")
        run = ran(agent, row, RunStatus.ANSWERED)
        hand_back(conversation=row, by=SYSTEM)
        message = reply(conversation=row, text="Sim.", by=agent.as_actor(), run=run.pk)
        if helpful is not None:
            rate_answer(message_id=message.pk, by=row.contact.as_actor(), helpful=helpful)
    found = runs_of_agents(OCTOBER, actor=SYSTEM, narrowed=Narrowed(by="agent"))
    figures = {line.group: line.figures for line in found}
    told = [(row["helpful"], row["not_helpful"], row["helpful_share"]) for row in figures.values()]
    assert sorted(told) == [(0, 1, 0.0), (2, 1, 0.6667)]
    assert figures[str(lia.pk)]["helpful_share"] == 0.6667


def test_agents_are_told_apart(lia: Agent, conversation: Conversation) -> None:
    rui = Agent.objects.create(name="Rui")
    ran(lia, conversation, RunStatus.ANSWERED)
    ran(rui, conversation, RunStatus.ANSWERED)
    found = runs_of_agents(OCTOBER, actor=SYSTEM, narrowed=Narrowed(by="agent"))
    names = agent_names(str(line.group) for line in found)
    assert {names[str(line.group)] for line in found} == {"Lia", "Rui"}
    assert [line.figures["runs"] for line in found] == [1, 1]


def test_a_month_without_runs_is_zeros(lia: Agent) -> None:
    (line,) = runs_of_agents(OCTOBER, actor=SYSTEM, narrowed=Narrowed())
    assert set(line.figures.values()) == {0, None}


def test_why_people_were_needed_is_told_by_frequency(lia: Agent, inbox: Inbox) -> None:
    for name, reason in (("a", "Refund"), ("b", "Refund"), ("c", "Angry")):
        row = another(inbox, name)
        hand_back(conversation=row, by=SYSTEM)
        hand_over(conversation=row, by=lia.as_actor(), reason=reason)
        ran(lia, row, RunStatus.HANDED_OVER)
    Event.objects.update(created_at=NOON + timedelta(seconds=1))
    assert reasons_for_people(OCTOBER, actor=SYSTEM, narrowed=Narrowed()) == [("Refund", 2), ("Angry", 1)]
    september = Span(date(2026, 9, 1), date(2026, 9, 30))
    assert reasons_for_people(september, actor=SYSTEM, narrowed=Narrowed()) == []


def test_nobody_counts_the_runs_of_conversations_they_may_not_count(
    lia: Agent, conversation: Conversation, bruno: User, clara: User, team: Team
) -> None:
    ran(lia, conversation, RunStatus.ANSWERED)
    Conversation.objects.update(assignee=bruno)
    runs = {
        actor.name: runs_of_agents(OCTOBER, actor=actor, narrowed=Narrowed())[0].figures["runs"]
        for actor in (bruno.as_actor(), clara.as_actor(), SYSTEM)
    }
    assert runs == {"Bruno": 1, "Clara": 0, "Helpdesk": 1}
