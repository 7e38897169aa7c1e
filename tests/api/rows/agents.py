"""AI agents and their runs."""

from django.utils import timezone

from agents.models import Agent, Run, Step
from tests.api.rows import Nested, Row, Side, Who

ONE = "api/v1/agents/<int:agent_id>"


def answering(side: Side) -> Agent:
    """An agent in the inbox of the side's team that has never answered."""
    found, _made = Agent.objects.get_or_create(name=f"{side.campaign.name} 3")
    found.inboxes.add(side.campaign.inbox)
    return found


def run_of(side: Side) -> Run:
    """What another agent did in the side's conversation."""
    agent, _made = Agent.objects.get_or_create(name="Ada")
    over = {"status": "answered", "up_to_seq": 1, "finished_at": timezone.now()}
    found, made = Run.objects.get_or_create(agent=agent, conversation=side.conversation, defaults=over)
    if made:
        cited = [{"title": side.campaign.name, "url": "/"}]
        Step.objects.create(run=found, number=0, tool="search_knowledge", arguments="{}", citations=cited)
    return found


IDS = {"agent_id": lambda side: answering(side).pk, "run_id": lambda side: run_of(side).pk}
ROWS = {
    ("api/v1/agents", "get"): Row(foreign=200, lists=0, before=answering),
    ("api/v1/agents", "post"): Row(201, 201, body={"name": "Nina"}, who=Who.ADMINS),
    ("api/v1/agents/tools", "get"): Row(foreign=200),
    (ONE, "get"): Row(),
    (ONE, "patch"): Row(body={"persona": "Calma"}, who=Who.SET_UP),
    (ONE, "delete"): Row(204, who=Who.ADMINS),
    (f"{ONE}/try", "post"): Row(body={"message": "Olá"}, who=Who.SET_UP),
    (f"{ONE}/runs", "get"): Row(lists=0),
    ("api/v1/runs/<uuid:run_id>", "get"): Row(),
}
NESTED = [
    Nested(ONE, "patch", "inboxes", lambda side: {"inboxes": [side.campaign.inbox_id]}, 200, Who.SET_UP)
]


def grow(side: Side, number: int) -> None:
    """One more agent, one more run of the first and one more step of its first run."""
    agent = Agent.objects.create(name=f"A{number}")
    agent.inboxes.add(side.campaign.inbox)
    over = {"status": "answered", "up_to_seq": 1, "finished_at": timezone.now()}
    Run.objects.create(agent=answering(side), conversation=side.conversation, **over)
    Step.objects.create(run=run_of(side), number=number + 1, tool="search_knowledge", arguments="{}")
