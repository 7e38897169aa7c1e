"""Agents made, changed and deleted by action: whose right it is, what is checked, what stays."""

from typing import Any

import pytest

from accounts.enums import Role, Scope
from accounts.models import Team, User
from agents.actions import change_agent, create_agent, delete_agent
from agents.enums import RunStatus
from agents.errors import HasAnswered
from agents.models import Agent, Run, Step
from agents.queries import agent_of, agents_for, runs_for
from conversations.models import Contact, Conversation, Inbox
from core.actor import Actor, ActorKind
from core.errors import Changed, Forbidden, Invalid, NotFound
from core.versions import version_of
from tests.conftest import make_user


@pytest.fixture
def lead(team: Team) -> User:
    """Lena, who leads the support team."""
    return make_user("lena", Role.LEAD, team)


@pytest.fixture
def till(other_team: Team) -> Inbox:
    """The finance team's inbox."""
    return Inbox.objects.create(name="Till", team=other_team)


@pytest.fixture
def theirs(till: Inbox) -> Agent:
    """Max, who answers for the finance team."""
    agent = Agent.objects.create(name="Max")
    agent.inboxes.add(till)
    return agent


def key(*scopes: Scope, teams: tuple[Team, ...] = ()) -> Actor:
    ids = frozenset(team.pk for team in teams)
    return Actor(
        ActorKind.API_KEY, "1", "Key", leads=True, is_admin=not teams, team_ids=ids, scopes=frozenset(scopes)
    )


# --- whose right it is -------------------------------------------------------------------------------------


def test_staff_sees_the_agents_of_its_inboxes_and_those_of_none(
    *, ana: User, bruno: User, clara: User, davi: Contact, agent: Agent, theirs: Agent
) -> None:
    idle = Agent.objects.create(name="Idle")

    def seen(by: Actor) -> set[Agent]:
        return set(agents_for(by))

    assert seen(ana.as_actor()) == {agent, theirs, idle}
    assert seen(bruno.as_actor()) == {agent, idle}
    assert seen(clara.as_actor()) == {theirs, idle}
    assert seen(davi.as_actor()) == set()


def test_an_agent_names_only_those_of_its_inboxes_that_one_sees(
    bruno: User, agent: Agent, till: Inbox
) -> None:
    agent.inboxes.add(till)
    (found,) = agents_for(bruno.as_actor())
    assert [row.name for row in found.seen_inboxes] == ["Shop"]  # type: ignore[attr-defined]


def test_administrators_make_and_delete_agents_and_nobody_else(
    *, ana: User, lead: User, bruno: User, team: Team, agent: Agent
) -> None:
    for number, by in enumerate((ana.as_actor(), key(Scope.ADMIN), Actor.system())):
        made = create_agent(by=by, name=f"Agent {number}")
        delete_agent(agent=made, by=by)
    refused = (
        lead.as_actor(), bruno.as_actor(), key(Scope.READ, Scope.WRITE), key(Scope.ADMIN, teams=(team,)),
        agent.as_actor(),
    )  # fmt: skip
    for by in refused:
        with pytest.raises(Forbidden):
            create_agent(by=by, name="x")
        with pytest.raises(Forbidden):
            delete_agent(agent=agent, by=by)
    assert list(Agent.objects.all()) == [agent]


def test_leads_change_agents_that_answer_nowhere_else(
    *, lead: User, bruno: User, team: Team, agent: Agent, theirs: Agent, till: Inbox
) -> None:
    assert change_agent(agent=agent, by=lead.as_actor(), persona="Kind").persona == "Kind"
    assert change_agent(agent=agent, by=key(Scope.ADMIN, teams=(team,)), persona="Calm").persona == "Calm"
    with pytest.raises(NotFound):
        change_agent(agent=theirs, by=lead.as_actor(), persona="x")
    with pytest.raises(NotFound) as refusal:
        change_agent(agent=agent, by=lead.as_actor(), inboxes=[till])
    assert refusal.value.extra["field"] == "inboxes"
    for by in (bruno.as_actor(), key(Scope.READ, Scope.WRITE), agent.as_actor()):
        with pytest.raises(Forbidden):
            change_agent(agent=agent, by=by, persona="x")
    agent.inboxes.add(till)
    with pytest.raises(Forbidden):
        change_agent(agent=agent, by=lead.as_actor(), persona="x")
    agent.refresh_from_db()
    assert agent.persona == "Calm"


def test_runs_are_seen_by_who_sees_their_conversation(
    *, ana: User, bruno: User, clara: User, agent: Agent, asked: Conversation
) -> None:
    run = Run.objects.create(agent=agent, conversation=asked, up_to_seq=1)
    assert list(runs_for(ana.as_actor())) == list(runs_for(bruno.as_actor())) == [run]
    assert not runs_for(clara.as_actor()).exists()
    assert not runs_for(asked.contact.as_actor()).exists()


# --- what is checked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 41), ("tools", ["rm_rf"]), ("max_steps", 0), ("max_steps", 9),
        ("max_steps", -1), ("model", "x" * 121), ("persona", "x" * 20_001),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_with_their_field(ana: User, agent: Agent, field: str, value: Any) -> None:
    words: Any = {field: value}
    with pytest.raises(Invalid) as refusal:
        change_agent(agent=agent, by=ana.as_actor(), **words)
    assert str(refusal.value.extra["field"]) in {field, "__all__"}
    agent.refresh_from_db()
    assert (agent.name, agent.max_steps) == ("Lia", 8)


def test_two_may_have_one_name_and_the_older_answers(ana: User, agent: Agent, inbox: Inbox) -> None:
    other = create_agent(by=ana.as_actor(), name="Lia", tools=["hand_over", "hand_over"], inboxes=[inbox])
    assert (other.tools, other.pk == agent.pk) == (["hand_over"], False)
    assert agent_of(inbox.pk) == agent


def test_a_tool_that_is_gone_hinders_no_other_change(ana: User, agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(tools=["gone"])
    assert change_agent(agent=agent, by=ana.as_actor(), persona="Kind").tools == ["gone"]


def test_who_read_an_older_version_changes_and_deletes_nothing(ana: User, agent: Agent, till: Inbox) -> None:
    by, before = ana.as_actor(), version_of(agent)
    # Its inboxes stand elsewhere, and count all the same.
    changed = change_agent(agent=agent, by=by, expected=before, inboxes=[till])
    with pytest.raises(Changed):
        change_agent(agent=agent, by=by, expected=before, persona="x")
    with pytest.raises(Changed):
        delete_agent(agent=agent, by=by, expected=before)
    delete_agent(agent=agent, by=by, expected=version_of(changed))


def test_an_agent_that_has_answered_stays_with_its_runs(ana: User, agent: Agent, asked: Conversation) -> None:
    run = Run.objects.create(agent=agent, conversation=asked, up_to_seq=1)
    Step.objects.create(run=run, number=0, tool="search_knowledge")
    with pytest.raises(HasAnswered):
        delete_agent(agent=agent, by=ana.as_actor())
    assert (Run.objects.count(), Step.objects.count()) == (1, 1)
    assert run.status == RunStatus.RUNNING
    assert not change_agent(agent=agent, by=ana.as_actor(), is_active=False).is_active


def test_the_admin_keeps_a_lead_from_what_concerns_other_teams(
    client: Any, lead: User, agent: Agent, theirs: Agent, till: Inbox
) -> None:
    client.force_login(lead)
    page, ours = f"/admin/agents/agent/{agent.pk}/change/", agent.inboxes.get()
    tables = ("policies", "budgets")
    table = {f"{each}-{count}_FORMS": "0" for each in tables for count in ("TOTAL", "INITIAL")}
    form = {
        "name": "Lia",
        "max_steps": "8",
        "reuse": "never",
        "is_active": "on",
        "inboxes": [str(ours.pk)],
        **table,
    }
    assert "Till" not in client.get(page).content.decode()
    assert client.post(page, {**form, "persona": "Kind"}).status_code == 302
    assert client.get(f"/admin/agents/agent/{theirs.pk}/change/").status_code == 302
    assert "Max" not in client.get("/admin/agents/agent/").content.decode()
    agent.inboxes.add(till)
    assert client.post(page, {**form, "persona": "Rude"}).status_code == 403
    agent.refresh_from_db()
    assert agent.persona == "Kind"
