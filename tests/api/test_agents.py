"""AI agents and their runs through the API."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Team
from agents.models import Agent, Run, Step
from conversations.models import Conversation, Inbox
from llm.tools import all_tools
from tests.api.conftest import results

URL = "/api/v1/agents"


@pytest.fixture
def till(other_team: Team) -> Inbox:
    return Inbox.objects.create(name="Till", team=other_team)


@pytest.fixture
def agent(inbox: Inbox) -> Agent:
    agent = Agent.objects.create(name="Lia", persona="Kind")
    agent.inboxes.add(inbox)
    return agent


def over(agent: Agent, conversation: Conversation, **more: Any) -> Run:
    values = {"status": "answered", "up_to_seq": 1, "finished_at": timezone.now(), **more}
    return Run.objects.create(agent=agent, conversation=conversation, **values)


def test_made_agent_has_the_usual_tools_and_answers_where_it_was_told(admin: APIClient, inbox: Inbox) -> None:
    made = admin.post(URL, {"name": "Nina", "inboxes": [inbox.pk], "max_steps": 3}, format="json")
    assert made.status_code == 201, made.content
    row = Agent.objects.get()
    assert (row.name, row.max_steps, list(row.inboxes.all())) == ("Nina", 3, [inbox])
    told = made.json()
    assert (told["inboxes"], told["is_active"]) == ([inbox.pk], True)
    assert "search_knowledge" in told["tools"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tools": ["rm_rf"]}, "tools"), ({"tools": [1]}, "tools.0"), ({"tools": "hand_over"}, "tools"),
        ({"inboxes": [10**30]}, "inboxes"), ({"inboxes": ["1"]}, "inboxes"), ({"inboxes": 1}, "inboxes"),
        ({"max_steps": 9}, "max_steps"), ({"max_steps": True}, "max_steps"), ({"name": ""}, "name"),
        ({"is_active": 1}, "is_active"), ({"created_at": "now"}, "created_at"), ({"id": 7}, "id"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_with_the_field(
    admin: APIClient, agent: Agent, body: dict[str, Any], field: str
) -> None:
    refused = admin.patch(f"{URL}/{agent.pk}", body, format="json")
    assert refused.status_code == 422, refused.content
    assert refused.json()["errors"][0]["field"].startswith(field)


def test_names_may_repeat_and_what_has_answered_is_kept(
    admin: APIClient, agent: Agent, conversation: Conversation
) -> None:
    assert admin.post(URL, {"name": "Lia"}, format="json").status_code == 201
    over(agent, conversation)
    refused = admin.delete(f"{URL}/{agent.pk}")
    assert (refused.status_code, refused.json()["code"]) == (409, "has_answered")
    assert Run.objects.exists()


def test_inbox_is_named_once(admin: APIClient, agent: Agent, inbox: Inbox) -> None:
    refused = admin.patch(f"{URL}/{agent.pk}", {"inboxes": [inbox.pk, inbox.pk]}, format="json")
    assert [error["code"] for error in refused.json()["errors"]] == ["twice"]


def test_inboxes_of_other_teams_are_neither_named_nor_found(
    as_bruno: APIClient, agent: Agent, till: Inbox, inbox: Inbox
) -> None:
    agent.inboxes.add(till)
    assert as_bruno.get(f"{URL}/{agent.pk}").json()["inboxes"] == [inbox.pk]
    assert results(as_bruno.get(f"{URL}?inbox={till.pk}")) == []
    assert len(results(as_bruno.get(f"{URL}?inbox={inbox.pk}&is_active=true"))) == 1


def test_another_set_of_inboxes_is_another_version(admin: APIClient, agent: Agent, till: Inbox) -> None:
    etag = admin.get(f"{URL}/{agent.pk}")["ETag"]
    admin.patch(f"{URL}/{agent.pk}", {"inboxes": [till.pk]}, format="json")
    refused = admin.patch(f"{URL}/{agent.pk}", {"persona": "x"}, format="json", HTTP_IF_MATCH=etag)
    assert (refused.status_code, refused.json()["code"]) == (412, "changed")


def test_tools_are_told_with_their_arguments(admin: APIClient, db: None) -> None:
    told = {row["name"]: row for row in results(admin.get(f"{URL}/tools"))}
    assert set(told) == {tool.name for tool in all_tools()}
    assert told["search_knowledge"]["only_reads"] is True
    assert told["create_ticket"]["only_reads"] is False
    assert "query" in told["search_knowledge"]["arguments"]["properties"]


def test_runs_come_newest_first_with_steps_and_only_of_conversations_one_sees(
    as_bruno: APIClient, as_clara: APIClient, admin: APIClient, agent: Agent, conversation: Conversation
) -> None:
    first = over(agent, conversation, cost="0.001500", prompt_tokens=12)
    Step.objects.create(
        run=first, number=0, tool="search_knowledge", arguments="{}", result="Three days",
        citations=[{"title": "Delivery", "url": "/help/1"}],
    )  # fmt: skip
    failed = over(agent, conversation, status="failed", detail="No model.")
    url = f"{URL}/{agent.pk}/runs"
    assert [row["id"] for row in results(as_bruno.get(url))] == [str(failed.pk), str(first.pk)]
    assert [row["detail"] for row in results(as_bruno.get(f"{url}?status=failed"))] == ["No model."]
    assert as_clara.get(url).status_code == 404
    told = as_bruno.get(f"/api/v1/runs/{first.pk}").json()
    assert (told["agent"]["name"], told["conversation"], told["cost"]) == (
        "Lia",
        str(conversation.pk),
        "0.001500",
    )
    assert told["steps"][0]["result"] == "Three days"
    assert told["steps"][0]["citations"] == [{"title": "Delivery", "url": "/help/1"}]
    assert as_clara.get(f"/api/v1/runs/{first.pk}").status_code == 404


def test_agent_is_tried_without_a_customer(admin: APIClient, agent: Agent) -> None:
    """Asks the built-in model, which needs no key."""
    tried = admin.post(f"{URL}/{agent.pk}/try", {"message": "Where is my parcel?"}, format="json")
    assert tried.status_code == 200, tried.content
    told = tried.json()
    assert told["text"] or told["ended_by"] != "answer"
    assert [step["tool"] for step in told["steps"]][:1] == ["search_knowledge"]
    assert not Run.objects.exists()
    assert not Conversation.objects.exists()
