"""Agents and runs in the admin: few queries, tools from the registry, history that nobody edits."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from agents.enums import RunStatus
from agents.models import Agent, Run, Step
from conversations.models import Conversation, Inbox
from llm.tools import all_tools
from tests.agents.conftest import say

AGENTS = "/admin/agents/agent/"
RUNS = "/admin/agents/run/"


@pytest.fixture
def desk(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


@pytest.fixture
def run(agent: Agent, asked: Conversation) -> Run:
    run = Run.objects.create(agent=agent, conversation=asked, up_to_seq=1, model="openai/gpt-test")
    Step.objects.create(run=run, number=0, tool="search_knowledge", arguments="{}", result="step-canary")
    return run


def queries(desk: Client, address: str, limit: DjangoAssertNumQueries) -> int:
    with limit(25) as captured:
        assert desk.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("address", [AGENTS, RUNS])
def test_lists_ask_as_much_for_three_as_for_one(
    desk: Client, run: Run, inbox: Inbox, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    queries(desk, address, django_assert_max_num_queries)
    one = queries(desk, address, django_assert_max_num_queries)
    for name in ("Ada", "Bea"):
        agent = Agent.objects.create(name=name)
        Run.objects.create(agent=agent, conversation=say(inbox, "Hi", who=name), up_to_seq=1)
    # The filter by agent has one query less to save when there is but one agent.
    assert queries(desk, address, django_assert_max_num_queries) <= one + 1


def test_form_offers_every_registered_tool(desk: Client, agent: Agent) -> None:
    page = desk.get(f"{AGENTS}{agent.pk}/change/").content.decode()
    for tool in all_tools():
        assert f'value="{tool.name}"' in page
    assert page.count('type="checkbox" name="tools"') == len(all_tools())


def form(**more: object) -> dict[str, object]:
    return {"name": "Lia", "persona": "", "model": "", "max_steps": "8", "is_active": "on", **more}


def test_change_stores_the_chosen_tools(desk: Client, agent: Agent) -> None:
    answer = desk.post(f"{AGENTS}{agent.pk}/change/", form(tools=["hand_over"], max_steps="3"))
    assert answer.status_code == 302, answer.content.decode()
    agent.refresh_from_db()
    assert (agent.tools, agent.max_steps) == (["hand_over"], 3)


@pytest.mark.parametrize(
    "wrong", [{"tools": ["rm_rf"]}, {"max_steps": "9"}, {"max_steps": "0"}, {"name": ""}]
)
def test_wrong_values_are_shown_and_stored_nowhere(
    desk: Client, agent: Agent, wrong: dict[str, object]
) -> None:
    answer = desk.post(f"{AGENTS}{agent.pk}/change/", form(**wrong))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    agent.refresh_from_db()
    assert (agent.name, agent.max_steps, "hand_over" in agent.tools) == ("Lia", 8, True)


def test_new_agent_has_the_usual_tools_chosen(desk: Client, inbox: Inbox) -> None:
    page = desk.get(f"{AGENTS}add/").content.decode()
    assert page.count("checked") >= 4
    answer = desk.post(f"{AGENTS}add/", form(name="Nina", tools=["hand_over"], inboxes=[str(inbox.pk)]))
    assert answer.status_code == 302
    assert list(Agent.objects.get(name="Nina").inboxes.all()) == [inbox]


def test_run_is_shown_with_its_steps_and_cannot_be_touched(desk: Client, run: Run) -> None:
    page = desk.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "step-canary" in page
    assert "openai/gpt-test" in page
    assert desk.post(f"{RUNS}{run.pk}/change/", {"status": "answered"}).status_code == 403
    assert desk.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    assert desk.get(f"{RUNS}add/").status_code == 403
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING


def test_run_is_found_by_its_conversation(desk: Client, run: Run) -> None:
    found = desk.get(RUNS, {"q": str(run.conversation_id)}).content.decode()
    assert str(run.pk) in found
    assert str(run.pk) not in desk.get(RUNS, {"q": "nothing"}).content.decode()


@pytest.mark.parametrize("address", [AGENTS, RUNS, f"{AGENTS}add/"])
def test_operators_and_strangers_are_kept_out(client: Client, bruno: User, run: Run, address: str) -> None:
    assert client.get(address).status_code == 302
    client.force_login(bruno)
    assert client.get(address).status_code == 403


def test_operator_with_the_right_to_view_may_look_only(client: Client, bruno: User, run: Run) -> None:
    bruno.user_permissions.set(
        Permission.objects.filter(codename__in=["view_run", "view_step", "view_agent"])
    )
    client.force_login(bruno)
    assert "step-canary" in client.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert client.post(f"{AGENTS}{run.agent_id}/change/", form(name="Mine")).status_code == 403
    assert not Agent.objects.filter(name="Mine").exists()
