"""Asking an agent without a customer: a real provider, real tools, and nothing left behind."""

import json

import pytest
from asgiref.sync import sync_to_async

from accounts.enums import Role
from accounts.models import User
from agents.models import Agent, Run
from agents.trial import PER_MINUTE, try_agent
from conversations.models import Contact, Conversation, Message
from core.errors import Forbidden, TooMany
from knowledge.models import Article
from llm.errors import ModelError
from llm.models import ModelCall
from tests.agents.test_conversations import published
from tests.fakes.openai_server import OpenAIServer, Reply
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async


@pytest.fixture
def article(transactional_db: None) -> Article:
    """What the agent may find."""
    body = "Delivery takes three days in the whole country."
    return published("How long does delivery take?", body, "en")


def asks(tool: str, **arguments: object) -> Reply:
    return Reply(tool_calls=((tool, json.dumps(arguments)),))


async def test_an_answer_comes_with_its_sources_and_steps_and_leaves_nothing_but_its_cost(
    provider: OpenAIServer, agent: Agent, ana: User, article: Article
) -> None:
    provider.script(
        asks("search_knowledge", query="How long does delivery take?"),
        asks("offer_choices", labels=["Thanks"]),
        Reply(text="Three days [1]. More [7]."),
    )
    tried = await try_agent(
        agent=agent, message="How long does delivery take?", by=await in_db(ana.as_actor)()
    )
    assert (tried.text, tried.ended_by) == ("Three days [1]. More.", "answer")
    assert [citation["title"] for citation in tried.citations] == ["How long does delivery take?"]
    assert [choice["label"] for choice in tried.choices] == ["Thanks"]
    assert [(step.number, step.tool, step.failed) for step in tried.steps] == [
        (0, "search_knowledge", False), (1, "offer_choices", False),
    ]  # fmt: skip
    assert "three days" in tried.steps[0].result
    assert "How long does delivery take?" in json.dumps(provider.chats[0])
    for model in (Run, Conversation, Message, Contact):
        assert not await model.objects.aexists()
    assert {call.purpose async for call in ModelCall.objects.all()} == {"trial"}


async def test_only_tools_that_read_are_offered_and_done(
    provider: OpenAIServer, agent: Agent, ana: User
) -> None:
    provider.script(asks("create_ticket", subject="Mine", description="x"), Reply(text="Done."))
    tried = await try_agent(agent=agent, message="Open a ticket", by=await in_db(ana.as_actor)())
    assert tried.text == "Done."
    offered = {tool["function"]["name"] for tool in provider.chats[0]["tools"]}
    assert offered == {"search_knowledge", "offer_choices"}
    assert tried.steps == ()
    assert not await Ticket.objects.aexists()


async def test_tools_that_an_agent_was_not_given_are_not_tried(
    provider: OpenAIServer, agent: Agent, ana: User
) -> None:
    agent.tools = ["hand_over"]
    provider.script(Reply(text="Hello."))
    await try_agent(agent=agent, message="Hi", by=await in_db(ana.as_actor)())
    assert not provider.chats[0].get("tools")


async def test_who_may_not_set_up_agents_and_who_tries_too_often_asks_no_model(
    provider: OpenAIServer, agent: Agent, bruno: User, still_minute: None
) -> None:
    by = await in_db(bruno.as_actor)()
    with pytest.raises(Forbidden):
        await try_agent(agent=agent, message="Hi", by=by)
    bruno.role = Role.LEAD
    by = await in_db(bruno.as_actor)()
    for _ in range(PER_MINUTE):
        await try_agent(agent=agent, message="Hi", by=by)
    with pytest.raises(TooMany) as refusal:
        await try_agent(agent=agent, message="Hi", by=by)
    assert refusal.value.extra["retry_after"] == 42
    assert len(provider.chats) == PER_MINUTE


async def test_a_model_that_does_not_answer_is_said_so(
    provider: OpenAIServer, agent: Agent, ana: User
) -> None:
    provider.default = Reply(status=400, body="{}")
    with pytest.raises(ModelError):
        await try_agent(agent=agent, message="Hi", by=await in_db(ana.as_actor)())
