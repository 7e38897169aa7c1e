"""A worker that dies at each point of a run, before and after each thing that the run writes.

A point is a crossing into the database: everything that lasts is written there. From the point on the dead
worker writes nothing more, whatever its code would still do on the way out; the next worker takes up the run.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts.models import User
from agents import runtime
from agents.actions import spending
from agents.enums import RunStatus
from agents.models import Agent, Approval, Charge, Run, Step, ToolPolicy
from conversations.actions import partial_text
from conversations.enums import AuthorKind, Status
from conversations.models import Conversation, Inbox, Message
from core.threads import in_thread
from llm import ledger
from tests.agents.conftest import say
from tests.fakes.openai_server import OpenAIServer, Reply, Request
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
TICKET = ("create_ticket", json.dumps({"subject": "Broken lamp", "description": "It is broken"}))
SEARCH = ("search_knowledge", json.dumps({"query": "broken lamp"}))
HAND_OVER = ("hand_over", json.dumps({"reason": "angry"}))
SAID = "Your ticket is open."
MOST_POINTS = 60
Answering = Callable[[Request], Reply]


class Killed(BaseException):
    """The process is no more: nothing that catches errors gets to see this."""


class Worker:
    """A worker that dies at a crossing, counted from 1: before it, or after what it did has been written."""

    def __init__(self, point: int, *, after: bool) -> None:
        self.point, self.after = point, after
        self.crossings = 0

    @property
    def is_dead(self) -> bool:
        return self.crossings >= self.point

    async def cross(self, call: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        if self.is_dead:
            raise Killed
        if self.crossings + 1 == self.point and not self.after:
            self.crossings += 1
            raise Killed
        result = await in_thread(call, *args, **more)
        self.crossings += 1
        if self.is_dead:
            raise Killed
        return result

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Has everything that a run does with the database done by this worker."""
        with pytest.MonkeyPatch.context() as patch:
            for module in (runtime, spending, ledger):
                patch.setattr(module, "in_thread", self.cross)
            patch.setattr(runtime.Performance, "leave", _nothing)
            yield


async def _nothing(_performance: object) -> None:
    return


def by_what_is_known(*steps: tuple[str, str], last: Reply) -> Answering:
    """A model that calls one tool after the other: it goes on where the results end that it is shown."""

    def reply(request: Request) -> Reply:
        done = [message for message in request.body["messages"] if message["role"] == "tool"]
        return Reply(tool_calls=(steps[len(done)],)) if len(done) < len(steps) else last

    return reply


async def dies_and_is_replaced(conversation: Conversation, worker: Worker) -> bool:
    """Has a worker die over a conversation and another take it up; False when the point was never reached."""
    with worker.at_work():
        try:
            await runtime.answer(conversation.pk)
        except (Killed, BaseExceptionGroup):
            pass
        else:
            return worker.is_dead
    await runtime.answer(conversation.pk)
    await runtime.answer(conversation.pk)
    return True


async def every_point(inbox: Inbox, check: Callable[[Conversation, str], Awaitable[None]]) -> int:
    """Lets a worker die at each point in turn, each over a conversation of its own; returns their number."""
    for point in range(1, MOST_POINTS):
        for after in (False, True):
            where = f"{'after' if after else 'before'} {point}"
            asked = await in_db(say)(inbox, "My lamp is broken", f"visitor-{where}")
            if not await dies_and_is_replaced(asked, Worker(point, after=after)):
                return point - 1
            await check(asked, where)
    raise AssertionError


async def said_by_agents(conversation: Conversation) -> list[str]:
    rows = Message.objects.filter(conversation=conversation, author_kind=AuthorKind.AGENT)
    return [row.text async for row in rows]


async def test_one_answer_and_each_effect_once(provider: OpenAIServer, agent: Agent, inbox: Inbox) -> None:
    provider.default = by_what_is_known(SEARCH, TICKET, last=Reply(text=SAID))

    async def check(asked: Conversation, where: str) -> None:
        run = await Run.objects.aget(conversation=asked)
        assert run.status == RunStatus.ANSWERED, where
        assert await said_by_agents(asked) == [SAID], where
        assert await Ticket.objects.filter(conversations=asked).acount() == 1, where
        numbers = [step.number async for step in Step.objects.filter(run=run)]
        assert numbers == [0, 1], where
        # What was asked in vain has been counted, and nothing was counted twice.
        settled = Charge.objects.filter(run=run, is_settled=True)
        assert run.prompt_tokens == 11 * await settled.acount(), where
        assert await partial_text(asked.pk) is None, where

    # Three calls of the model, each with reservation, settlement and ledger; two tools; begin, prepare, end.
    assert await every_point(inbox, check) >= 14


async def test_one_hand_over(provider: OpenAIServer, agent: Agent, inbox: Inbox) -> None:
    provider.default = by_what_is_known(TICKET, HAND_OVER, last=Reply(text="never said"))

    async def check(asked: Conversation, where: str) -> None:
        await asked.arefresh_from_db()
        assert asked.status == Status.OPEN, where
        assert (await Run.objects.aget(conversation=asked)).status == RunStatus.HANDED_OVER, where
        assert await said_by_agents(asked) == [], where
        assert await Ticket.objects.filter(conversations=asked).acount() == 1, where
        told = Message.objects.filter(conversation=asked, author_kind=AuthorKind.SYSTEM)
        assert await told.acount() == 1, where

    assert await every_point(inbox, check) >= 9


async def test_one_hand_over_after_a_provider_that_fails(
    provider: OpenAIServer, agent: Agent, inbox: Inbox
) -> None:
    provider.default = by_what_is_known(TICKET, last=Reply(text="never said whole", end_after=1))

    async def check(asked: Conversation, where: str) -> None:
        await asked.arefresh_from_db()
        assert asked.status == Status.OPEN, where
        assert (await Run.objects.aget(conversation=asked)).status == RunStatus.FAILED, where
        assert await said_by_agents(asked) == [], where
        assert await Ticket.objects.filter(conversations=asked).acount() == 1, where

    assert await every_point(inbox, check) >= 8


async def test_an_approved_call_is_carried_out_once(
    provider: OpenAIServer, agent: Agent, inbox: Inbox, ana: User
) -> None:
    from agents.actions import approve_call

    await ToolPolicy.objects.acreate(agent=agent, tool="create_ticket", needs_approval=True)
    by = await in_db(ana.as_actor)()
    for point in range(1, MOST_POINTS):
        asked = await in_db(say)(inbox, "My lamp is broken", f"visitor-{point}")
        provider.default = by_what_is_known(TICKET, last=Reply(text="A colleague is asked."))
        await runtime.answer(asked.pk)
        approval = await Approval.objects.aget(conversation=asked)
        await in_db(approve_call)(approval=approval, by=by)
        provider.default = Reply(text=SAID)
        reached = await dies_and_is_replaced(asked, Worker(point, after=bool(point % 2)))
        assert await Ticket.objects.filter(conversations=asked).acount() == 1, point
        assert (await said_by_agents(asked))[-1:] == [SAID], point
        assert (await said_by_agents(asked)).count(SAID) == 1, point
        if not reached:
            break
    assert point > 6
