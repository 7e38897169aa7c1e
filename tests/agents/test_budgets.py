"""Budgets: each holds within the next, nothing is spent beyond one, and every token is the provider's own."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from hypothesis import given
from hypothesis import strategies as st

from agents.actions.spending import reserve, settle
from agents.budgets import LONGEST_ANSWER, SHORTEST_ANSWER, USED_UP, Amount, longest_answer
from agents.enums import BudgetScope, RunStatus
from agents.models import Agent, Budget, Charge, Run
from agents.runtime import answer
from conversations.actions import hand_back, request_stop
from conversations.enums import Status
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from core.reasons import in_english
from llm import breaker
from llm.purse import Offer, OverBudget
from llm.types import Usage
from tests.agents.conftest import says
from tests.agents.test_killed import _mid_stream, until
from tests.fakes.openai_server import OpenAIServer, Reply, Request

in_db = sync_to_async
# US dollars for a million tokens in and out.
PRICE_IN, PRICE_OUT = Decimal(3), Decimal(15)
SEARCH = ("search_knowledge", json.dumps({"query": "lamp"}))


def offer(tokens: int = 1000, cost: str = "0.003", million: str = "15") -> Offer:
    return Offer("m", tokens, Decimal(cost), Decimal(million))


# --- The sums ----------------------------------------------------------------------------------------------


def test_without_limits_an_answer_may_be_as_long_as_any() -> None:
    assert longest_answer(offer(), {}, {}) == LONGEST_ANSWER


@pytest.mark.parametrize("scope", BudgetScope)
def test_each_budget_is_named_when_it_is_used_up(scope: BudgetScope) -> None:
    with pytest.raises(OverBudget, match=in_english(USED_UP[scope])):
        longest_answer(offer(), {scope: Amount(5000, None)}, {scope: Amount(4000, Decimal(0))})


def test_a_model_without_a_price_is_not_stopped_by_money_left() -> None:
    free = offer(cost="0", million="0")
    assert longest_answer(free, {BudgetScope.MONTH: Amount(None, Decimal("0.01"))}, {}) == LONGEST_ANSWER


def test_no_money_at_all_pays_for_nothing_that_costs() -> None:
    with pytest.raises(OverBudget):
        longest_answer(offer(), {BudgetScope.MONTH: Amount(None, Decimal(0))}, {})


@given(
    limit=st.integers(0, 50_000), spent=st.integers(0, 50_000), prompt=st.integers(0, 20_000),
    cents=st.integers(0, 200), gone=st.integers(0, 200),
)  # fmt: skip
def test_what_is_granted_never_goes_beyond_a_limit(
    limit: int, spent: int, prompt: int, cents: int, gone: int
) -> None:
    asked = Offer("m", prompt, prompt * PRICE_IN / 1_000_000, PRICE_OUT)
    held = {BudgetScope.RUN: Amount(limit, None), BudgetScope.MONTH: Amount(None, Decimal(cents) / 100)}
    used = {BudgetScope.RUN: Amount(spent), BudgetScope.MONTH: Amount(0, Decimal(gone) / 100)}
    try:
        most = longest_answer(asked, held, used)
    except OverBudget:
        return
    assert SHORTEST_ANSWER <= most <= LONGEST_ANSWER
    assert spent + prompt + most <= limit
    assert Decimal(gone) / 100 + asked.cost(most) <= Decimal(cents) / 100


# --- Runs --------------------------------------------------------------------------------------------------


class Counting:
    """A provider that counts what it is asked, as one does, and keeps its own books."""

    def __init__(self) -> None:
        self.tokens_in = self.tokens_out = 0

    def reply(self, request: Request) -> Reply:
        said = len(json.dumps(request.body["messages"])) // 4
        return self.counted(Reply(text="Hello, how can I help you? " * 30), said, 210)

    def counted(self, reply: Reply, tokens_in: int, tokens_out: int) -> Reply:
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        return Reply(**{**reply.__dict__, "usage": (tokens_in, tokens_out)})

    @property
    def cost(self) -> Decimal:
        return (self.tokens_in * PRICE_IN + self.tokens_out * PRICE_OUT) / 1_000_000


@pytest.fixture
def books(provider: OpenAIServer, settings: Any) -> Counting:
    """The provider's own count; the model has a price."""
    settings.LLM["LLM_PRICES"] = f"custom/main={PRICE_IN}/{PRICE_OUT}"
    counting = Counting()
    provider.default = counting.reply
    return counting


async def hold(agent: Agent, scope: BudgetScope, **limit: Any) -> None:
    await Budget.objects.acreate(agent=agent, scope=scope, **limit)


async def totals() -> tuple[int, int, Decimal]:
    runs = [run async for run in Run.objects.all()]
    return (
        sum(run.prompt_tokens for run in runs),
        sum(run.completion_tokens for run in runs),
        sum((run.cost for run in runs), Decimal(0)),
    )


@pytest.mark.django_db(transaction=True)
async def test_a_run_costs_what_the_provider_counted_with_failures_and_attempts(
    provider: OpenAIServer, books: Counting, asked: Conversation
) -> None:
    provider.script(
        Reply(status=500),
        lambda _: books.counted(Reply(tool_calls=(SEARCH,)), 1234, 56),
        lambda _: books.counted(Reply(text="Hello, how can I help you?"), 2345, 67),
    )
    await answer(asked.pk)
    assert await totals() == (books.tokens_in, books.tokens_out, books.cost)
    assert (books.tokens_in, books.tokens_out) == (3579, 123)


@pytest.mark.django_db(transaction=True)
async def test_a_stopped_run_costs_what_was_counted_until_then(
    provider: OpenAIServer, books: Counting, asked: Conversation
) -> None:
    provider.script(
        lambda _: books.counted(Reply(tool_calls=(SEARCH,)), 1234, 56),
        Reply(text="never said to the end", delay=0.3),
    )
    running = asyncio.create_task(answer(asked.pk))
    await until(lambda: _mid_stream(provider, asked))
    await request_stop(conversation_id=asked.pk)
    await running
    run = await Run.objects.aget()
    assert run.status == RunStatus.CANCELLED
    # The broken call was never counted by the provider; what came of it is estimated.
    assert run.prompt_tokens > 1234
    assert not await Charge.objects.filter(is_settled=False).aexists()


SMALL: dict[BudgetScope, dict[str, Any]] = {
    BudgetScope.CALL: {"tokens": 500},
    BudgetScope.RUN: {"cost": Decimal("0.001")},
    BudgetScope.MONTH: {"cost": Decimal(0)},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", SMALL)
async def test_over_budget_nobody_is_asked_and_people_get_the_conversation(
    provider: OpenAIServer, books: Counting, agent: Agent, asked: Conversation, scope: BudgetScope
) -> None:
    await hold(agent, scope, **SMALL[scope])
    await answer(asked.pk)
    assert provider.chats == []
    assert (await Conversation.objects.aget()).status == Status.OPEN
    run = await Run.objects.aget()
    assert run.status == RunStatus.FAILED
    assert run.detail == USED_UP[scope]
    assert run.cost == 0
    # The customer is told that a person comes.
    assert await Message.objects.filter(conversation=asked).acount() > 1
    # And no provider is thought to be out of order.
    assert breaker.may_ask("custom/main")


@pytest.mark.django_db(transaction=True)
async def test_a_conversation_stops_before_its_last_cent(
    provider: OpenAIServer, books: Counting, agent: Agent, asked: Conversation, inbox: Inbox
) -> None:
    limit = Decimal("0.08")
    await hold(agent, BudgetScope.CONVERSATION, cost=limit)
    for _turn in range(30):
        await answer(asked.pk)
        conversation = await Conversation.objects.aget()
        if conversation.status != Status.BOT:
            break
        await says(inbox, "And what else can you do for me?")
    assert conversation.status == Status.OPEN
    *_tokens, cost = await totals()
    assert cost == books.cost
    assert limit / 2 < cost <= limit
    asked_before = len(provider.chats)
    await in_db(hand_back)(conversation=conversation, by=Actor.system())
    await says(inbox, "Are you there?")
    await answer(asked.pk)
    assert len(provider.chats) == asked_before


@pytest.mark.django_db(transaction=True)
async def test_what_is_left_bounds_the_answer_that_is_asked_for(
    provider: OpenAIServer, books: Counting, agent: Agent, asked: Conversation
) -> None:
    await hold(agent, BudgetScope.RUN, cost=Decimal("0.03"))
    await answer(asked.pk)
    (chat,) = provider.chats
    assert SHORTEST_ANSWER <= chat["max_tokens"] < LONGEST_ANSWER


@pytest.mark.django_db(transaction=True)
async def test_an_answer_that_met_its_limit_of_length_is_no_answer(
    provider: OpenAIServer, asked: Conversation
) -> None:
    provider.default = Reply(text="Your order will be with you on", finish="length")
    await answer(asked.pk)
    run = await Run.objects.aget()
    assert run.status == RunStatus.FAILED
    assert "met its limit of length in the middle of its answer" in in_english(run.detail)
    assert not await Message.objects.filter(text__contains="will be with you").aexists()


@pytest.mark.django_db(transaction=True)
async def test_runs_at_the_same_time_cannot_spend_the_same_money(
    provider: OpenAIServer, books: Counting, agent: Agent, inbox: Inbox
) -> None:
    await hold(agent, BudgetScope.MONTH, cost=Decimal("0.30"))
    conversations = [await says(inbox, "Hello?", f"visitor-{number}") for number in range(6)]
    provider.default = lambda request: Reply(**{**books.reply(request).__dict__, "wait": 0.5})
    await asyncio.gather(*(answer(each.pk) for each in conversations))
    statuses = [row.status async for row in Conversation.objects.all()]
    # Each question and its longest answer take some 13 cents until it is known how short the answer was.
    assert 0 < statuses.count(Status.BOT) < len(statuses)
    assert statuses.count(Status.BOT) == len(provider.chats)


@pytest.mark.django_db(transaction=True)
async def test_a_customers_day_counts_all_conversations_and_ends_at_midnight(
    provider: OpenAIServer, agent: Agent, asked: Conversation
) -> None:
    await hold(agent, BudgetScope.CONTACT_DAY, tokens=9_000)
    run = await in_db(_begun)(asked)
    # An unsettled call, of a worker that died, counts as what was set aside for it.
    grant = await in_db(reserve)(run=run, offer=offer(1000))
    assert grant.most_tokens == 8_000
    with pytest.raises(OverBudget):
        await in_db(reserve)(run=run, offer=offer(1000))
    await in_db(settle)(grant=grant, usage=Usage(1000, 500))
    assert (await in_db(reserve)(run=run, offer=offer(1000))).most_tokens == 6_500
    await Charge.objects.aupdate(created_at="2020-01-01T00:00:00Z")
    assert (await in_db(reserve)(run=run, offer=offer(1000))).most_tokens == 8_000


def _begun(conversation: Conversation) -> Run:
    from agents.actions import begin_run

    run = begin_run(conversation_id=conversation.pk)
    assert run is not None
    return run
