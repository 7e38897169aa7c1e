"""Agents and runs in the admin: few queries, tools from the registry, history that nobody edits."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from agents.enums import BudgetScope, RunStatus
from agents.models import Agent, Approval, Budget, Run, Step, ToolPolicy
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
    words = {
        "name": "Lia",
        "persona": "",
        "model": "",
        "max_steps": "8",
        "reuse": "strangers",
        "is_active": "on",
    }
    counts = (
        "policies-TOTAL_FORMS",
        "policies-INITIAL_FORMS",
        "budgets-TOTAL_FORMS",
        "budgets-INITIAL_FORMS",
    )
    return {**words, **dict.fromkeys(counts, "0"), **more}


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


def policies(page: str) -> dict[str, object]:
    """What the table of tools would send if nobody changed it."""
    found = dict(
        re.findall(r'<input type="(?:text|number|hidden)" name="(policies-[^"]+)" value="([^"]*)"', page)
    )
    return {**found, **dict.fromkeys(re.findall(r'name="(policies-[^"]+)"[^>]* checked', page), "on")}


def test_the_table_of_tools_stores_what_was_changed_and_nothing_else(desk: Client, agent: Agent) -> None:
    address = f"{AGENTS}{agent.pk}/change/"
    sent = policies(desk.get(address).content.decode())
    names = {str(value): key.removesuffix("-tool") for key, value in sent.items() if key.endswith("-tool")}
    assert set(names) == {tool.name for tool in all_tools()}
    assert sent[f"{names['previous_conversations']}-needs_verification"] == "on"
    assert desk.post(address, form(**sent)).status_code == 302
    assert not ToolPolicy.objects.exists()
    ticket = names["create_ticket"]
    more = {f"{ticket}-needs_approval": "on", f"{ticket}-most_per_day": "3"}
    assert desk.post(address, form(**sent, **more)).status_code == 302
    row = ToolPolicy.objects.get()
    # What is as the tool says is not written down.
    assert (row.tool, row.needs_approval, row.needs_verification) == ("create_ticket", True, None)
    assert (row.most_per_day, row.most_per_conversation) == (3, None)
    # Found again, and switched off again.
    sent = policies(desk.get(address).content.decode())
    sent.pop("policies-0-needs_approval")
    assert desk.post(address, form(**sent)).status_code == 302
    row.refresh_from_db()
    assert row.needs_approval is None
    previous = policies(desk.get(address).content.decode())
    name = next(key for key, value in previous.items() if value == "previous_conversations")
    del previous[name.replace("-tool", "-needs_verification")]
    assert desk.post(address, form(**previous)).status_code == 302
    assert ToolPolicy.objects.get(tool="previous_conversations").needs_verification is False


def budgets(page: str) -> dict[str, str]:
    """What the table of budgets would send if nobody changed it."""
    found = dict(re.findall(r'<input type="(?:number|hidden)" name="(budgets-[^"]+)" value="([^"]*)"', page))
    chosen = re.findall(
        r'<select name="(budgets-[^"]+)".*?<option value="(\w+)" selected', page, flags=re.DOTALL
    )
    return {**found, **dict(chosen)}


def test_the_table_of_budgets_shows_the_usual_and_stores_what_was_changed(desk: Client, agent: Agent) -> None:
    address = f"{AGENTS}{agent.pk}/change/"
    sent = budgets(desk.get(address).content.decode())
    names = {value: key.removesuffix("-scope") for key, value in sent.items() if key.endswith("-scope")}
    assert set(names) == set(BudgetScope.values)
    assert sent[f"{names['run']}-tokens"] == "150000"
    assert desk.post(address, form(**sent)).status_code == 302
    assert not Budget.objects.exists()
    # Without a limit of its own tokens, and with one in money.
    more = {f"{names['run']}-tokens": "", f"{names['run']}-cost": "0.05"}
    assert desk.post(address, form(**{**sent, **more})).status_code == 302
    row = Budget.objects.get()
    assert (row.scope, row.tokens, row.cost) == (BudgetScope.RUN, None, Decimal("0.05"))
    wrong = {**budgets(desk.get(address).content.decode()), "budgets-0-cost": "-1"}
    assert desk.post(address, form(**wrong)).status_code == 200


def test_a_rule_for_a_tool_that_does_not_exist_is_refused(desk: Client, agent: Agent) -> None:
    made = {"policies-TOTAL_FORMS": "1", "policies-0-tool": "rm_rf", "policies-0-most_per_day": "1"}
    answer = desk.post(f"{AGENTS}{agent.pk}/change/", form(**made))
    assert (answer.status_code, ToolPolicy.objects.count()) == (200, 0)


def test_approvals_are_listed_and_only_looked_at(desk: Client, run: Run) -> None:
    row = Approval.objects.create(
        run=run,
        conversation=run.conversation,
        tool="create_ticket",
        arguments="{}",
        expires_at=timezone.now(),
    )
    page = desk.get("/admin/agents/approval/").content.decode()
    assert "create_ticket" in page
    assert f"/inbox/{run.conversation_id}/" in page
    answer = desk.post(f"/admin/agents/approval/{row.pk}/change/", {"status": "approved"})
    assert answer.status_code == 403


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
