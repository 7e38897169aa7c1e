"""Runs that are killed, started twice, stopped in a tool, or met by a cache that is away."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from agents import actions, runtime, tasks
from agents.citations import Cited
from agents.enums import RunStatus
from agents.models import Agent, Run, Step
from agents.runtime import answer
from conversations.actions import hand_back, partial_text, request_stop, take_over
from conversations.enums import AuthorKind, EventType, Status
from conversations.models import Conversation, Event, Inbox, Message
from core.actor import Actor
from core.cache import OneProcessCache
from core.reasons import in_english
from llm.purse import Offer
from llm.tools import get_tool
from llm.types import ToolCall, Usage
from tests.agents.conftest import says
from tests.fakes.openai_server import OpenAIServer, Reply, Request
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
TICKET = ("create_ticket", json.dumps({"subject": "Broken lamp", "description": "Broken lamp"}))
Until = Callable[[], Awaitable[bool]]


async def answers() -> list[str]:
    return [row.text async for row in Message.objects.filter(author_kind=AuthorKind.AGENT)]


async def killed(conversation: Conversation, moment: Until) -> None:
    """Begins to answer and ends it as `kill -9` would once something is so: nothing is put in order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "end_run", lambda **_: None)
        patch.setattr(runtime.Performance, "leave", _nothing)
        task = asyncio.create_task(answer(conversation.pk))
        async with asyncio.timeout(15):
            while not await moment():
                assert not task.done()
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Until) -> None:
    """Waits for something in the database or the cache."""
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 (rows set no events)
            await asyncio.sleep(0.01)


async def _nothing(_performance: object) -> None:
    return


async def _at_once(_provider: OpenAIServer, _conversation: Conversation) -> bool:
    return bool(await Run.objects.aexists())


async def _while_the_model_thinks(provider: OpenAIServer, _conversation: Conversation) -> bool:
    return bool(provider.chats)


async def _mid_stream(_provider: OpenAIServer, conversation: Conversation) -> bool:
    return bool(await partial_text(conversation.pk))


async def _after_a_tool(_provider: OpenAIServer, _conversation: Conversation) -> bool:
    return bool(await Step.objects.aexists())


@pytest.mark.parametrize(
    ("moment", "script"),
    [
        (_at_once, (Reply(text="lost", wait=5),)),
        (_while_the_model_thinks, (Reply(text="lost", wait=5),)),
        (_mid_stream, (Reply(text="lost in the middle of it", delay=0.5),)),
        (_after_a_tool, (Reply(tool_calls=(TICKET,)), Reply(text="lost", wait=5))),
    ],
)
async def test_run_killed_at_any_moment_ends_with_one_answer_and_one_ticket(
    provider: OpenAIServer,
    asked: Conversation,
    moment: Callable[..., Awaitable[bool]],
    script: tuple[Reply, ...],
) -> None:
    provider.script(*script)
    await killed(asked, lambda: moment(provider, asked))
    assert (await Run.objects.aget()).status == RunStatus.RUNNING
    assert await answers() == []
    done = await Step.objects.acount()
    provider.reset()
    provider.script(*(() if done else (Reply(tool_calls=(TICKET,)),)), Reply(text="Your ticket is open."))
    await answer(asked.pk)
    await answer(asked.pk)
    run = await Run.objects.aget()
    assert (run.status, run.attempt) == (RunStatus.ANSWERED, 2)
    assert await answers() == ["Your ticket is open."]
    assert await Ticket.objects.acount() == await Step.objects.acount() == 1
    assert await partial_text(asked.pk) is None


async def test_run_killed_right_before_it_is_written_down_says_it_once(
    provider: OpenAIServer, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.default = Reply(text="It is on its way.")
    reached: list[str] = []

    def die(**values: Any) -> None:
        reached.append(values["outcome"].text)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "finish_run", die)
        with pytest.raises(asyncio.CancelledError):
            await answer(asked.pk)
    assert reached == ["It is on its way."]
    assert await answers() == []
    await answer(asked.pk)
    assert await answers() == ["It is on its way."]


async def test_run_killed_right_after_it_is_written_down_says_it_once(
    provider: OpenAIServer, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.default = Reply(text="It is on its way.")
    finish = actions.finish_run

    def die(**values: Any) -> None:
        finish(**values)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "finish_run", die)
        with pytest.raises(asyncio.CancelledError):
            await answer(asked.pk)
    await answer(asked.pk)
    assert await answers() == ["It is on its way."]
    assert len(provider.chats) == 1


async def test_tool_whose_transaction_fails_is_done_again_in_the_next_attempt(
    provider: OpenAIServer, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    provider.script(Reply(tool_calls=(TICKET,)))
    create = Step.objects.create

    def away(**values: Any) -> None:
        create(**values)
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(Step.objects, "create", away)
        with pytest.raises(OperationalError):
            await answer(asked.pk)
    # Neither the ticket nor its trace: both are one transaction.
    assert not await Ticket.objects.aexists()
    assert (await Run.objects.aget()).status == RunStatus.RUNNING
    provider.script(Reply(tool_calls=(TICKET,)), Reply(text="Done."))
    await answer(asked.pk)
    assert (await Ticket.objects.acount(), await answers()) == (1, ["Done."])


async def test_two_workers_at_once_write_one_answer_and_one_ticket(
    provider: OpenAIServer, asked: Conversation
) -> None:
    def reply(request: Request) -> Reply:
        has_result = any(message["role"] == "tool" for message in request.body["messages"])
        return Reply(text="Done.", wait=0.1) if has_result else Reply(tool_calls=(TICKET,), wait=0.1)

    provider.default = reply
    await asyncio.gather(answer(asked.pk), answer(asked.pk))
    await answer(asked.pk)
    assert await answers() == ["Done."]
    assert await Ticket.objects.acount() == 1
    assert (await Run.objects.aget()).status == RunStatus.ANSWERED


async def test_stop_in_a_tool_keeps_what_the_tool_did_and_says_nothing(
    provider: OpenAIServer, asked: Conversation
) -> None:
    provider.script(Reply(tool_calls=(TICKET,)), Reply(text="never said", wait=8))
    running = asyncio.create_task(answer(asked.pk))
    await until(Step.objects.aexists)
    await request_stop(conversation_id=asked.pk)
    await asyncio.wait_for(running, 5)
    run = await Run.objects.aget()
    assert (run.status, in_english(run.detail)) == (RunStatus.CANCELLED, "Stopped by the customer.")
    assert await Ticket.objects.acount() == 1
    assert await answers() == []
    assert await Event.objects.filter(type=EventType.RUN_CANCELLED, payload__run=str(run.pk)).acount() == 1


async def test_message_after_a_stop_is_answered(
    provider: OpenAIServer, asked: Conversation, inbox: Inbox
) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    provider.script(Reply(text="never said to the end", delay=0.3), Reply(text="Yes?"))
    running = asyncio.create_task(answer(asked.pk))
    await until(lambda: _mid_stream(provider, asked))
    await ProcrastinateJob.objects.all().adelete()
    await says(inbox, "Stop, something else")
    await ProcrastinateJob.objects.all().adelete()
    await request_stop(conversation_id=asked.pk)
    await running
    assert await ProcrastinateJob.objects.filter(task_name="agents.answer").acount() == 1
    await answer(asked.pk)
    assert await answers() == ["Yes?"]


async def test_usage_is_the_sum_of_all_steps(provider: OpenAIServer, asked: Conversation) -> None:
    replies = (
        Reply(tool_calls=(TICKET,), usage=(30, 5)),
        Reply(tool_calls=(("search_knowledge", '{"query": "lamp"}'),), usage=(50, 6)),
        Reply(text="Done.", usage=(70, 7)),
    )
    provider.script(*replies)
    await answer(asked.pk)
    run = await Run.objects.aget()
    counted = [reply.usage for reply in replies if reply.usage]
    assert (run.prompt_tokens, run.completion_tokens) == tuple(map(sum, zip(*counted, strict=True)))
    assert run.model.endswith("main")


async def test_run_without_an_answer_counts_its_usage_too(
    provider: OpenAIServer, asked: Conversation
) -> None:
    provider.script(Reply(tool_calls=(("hand_over", '{"reason": "angry"}'),), usage=(40, 4)))
    await answer(asked.pk)
    run = await Run.objects.aget()
    assert (run.status, run.prompt_tokens, run.completion_tokens) == (RunStatus.HANDED_OVER, 40, 4)


async def test_persona_language_and_tools_are_told_to_the_model(
    provider: OpenAIServer, asked: Conversation
) -> None:
    await Agent.objects.aupdate(persona="Speak like a pirate.", tools=["hand_over", "no_such_tool"])
    await answer(asked.pk)
    (chat,) = provider.chats
    rules = chat["messages"][0]["content"]
    assert chat["messages"][0]["role"] == "system"
    assert "Speak like a pirate." in rules
    assert "\nLocale: en\n" in rules
    assert [tool["function"]["name"] for tool in chat["tools"]] == ["hand_over"]


async def test_agent_without_tools_is_given_none(provider: OpenAIServer, asked: Conversation) -> None:
    await Agent.objects.aupdate(tools=[])
    provider.default = Reply(text="Hello.")
    await answer(asked.pk)
    assert not provider.chats[0].get("tools")
    assert await answers() == ["Hello."]


async def test_model_of_the_agent_is_asked(provider: OpenAIServer, asked: Conversation) -> None:
    await Agent.objects.aupdate(model="builtin/quote")
    await answer(asked.pk)
    assert provider.chats == []
    assert (await Run.objects.aget()).model == "builtin/quote"


async def test_most_steps_are_the_agents(provider: OpenAIServer, asked: Conversation) -> None:
    await Agent.objects.aupdate(max_steps=2)
    provider.default = Reply(tool_calls=(("search_knowledge", '{"query": "x"}'),))
    await answer(asked.pk)
    run = await Run.objects.aget()
    assert (run.status, in_english(run.detail)) == (RunStatus.FAILED, "No answer within the limits (steps).")
    assert await Step.objects.acount() == 2


async def test_fault_of_a_tool_ends_with_people_and_tells_them_no_secret(
    provider: OpenAIServer, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        message = "secret-canary"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(get_tool("create_ticket"), "function", fault)
    provider.script(Reply(tool_calls=(TICKET,)))
    await answer(asked.pk)
    run = await Run.objects.aget()
    assert (run.status, in_english(run.detail)) == (RunStatus.FAILED, "An unexpected error; the log has it.")
    assert (await Conversation.objects.aget()).status == Status.OPEN
    assert not await Event.objects.filter(payload__icontains="canary").aexists()


async def test_passages_of_a_second_search_go_on_counting(
    provider: OpenAIServer, asked: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm.types import Citation

    found = iter("abc")

    def search(_context: object, *, query: str) -> Any:
        from llm.tools import ToolResult

        name = next(found)
        return ToolResult(f"[1] {name} {query}", citations=(Citation(title=name, url=f"/{name}"),))

    monkeypatch.setattr(get_tool("search_knowledge"), "function", search)
    call = ("search_knowledge", '{"query": "lamp"}')
    provider.script(Reply(tool_calls=(call,)), Reply(tool_calls=(call,)), Reply(text="So it is [2]."))
    await answer(asked.pk)
    assert "[2] b lamp" in json.dumps(provider.chats[2])
    message = await Message.objects.aget(author_kind=AuthorKind.AGENT)
    assert (message.text, [one["title"] for one in message.citations]) == ("So it is [1].", ["b"])


class AwayCache(OneProcessCache):
    """A cache whose server is away."""

    def _away(self, *_: object, **__: object) -> Any:
        raise ConnectionError

    get = set = add = incr = count = delete = delete_many = _away


async def test_answer_comes_without_the_cache(
    provider: OpenAIServer, asked: Conversation, settings: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.AwayCache"}}
    provider.default = Reply(text="It is on its way, and so on.", delay=0.05)
    await request_stop(conversation_id=asked.pk)
    await answer(asked.pk)
    assert await partial_text(asked.pk) is None
    assert await answers() == ["It is on its way, and so on."]


# Beginnings and receivers.


async def test_conversation_that_is_gone_is_no_error(provider: OpenAIServer, asked: Conversation) -> None:
    await Conversation.objects.all().adelete()
    await tasks.answer.func(str(asked.pk))
    assert provider.chats == []


async def test_task_answers(provider: OpenAIServer, asked: Conversation) -> None:
    provider.default = Reply(text="Hello.")
    await tasks.answer.func(str(asked.pk))
    assert await answers() == ["Hello."]


async def test_call_done_before_returns_its_result_and_does_nothing(asked: Conversation) -> None:
    run = await in_db(actions.begin_run)(conversation_id=asked.pk)
    assert run is not None
    results = [
        await in_db(actions.run_step)(run=run, call=ToolCall("1", *TICKET), number=0) for _ in range(2)
    ]
    assert results[0] == results[1]
    assert await Ticket.objects.acount() == 1


async def test_first_active_agent_by_name_answers(
    provider: OpenAIServer, asked: Conversation, inbox: Inbox
) -> None:
    for name, is_active in (("Ada", False), ("Bea", True), ("Zoe", True)):
        agent = await Agent.objects.acreate(name=name, is_active=is_active)
        await agent.inboxes.aadd(inbox)
    await answer(asked.pk)
    assert (await Message.objects.aget(author_kind=AuthorKind.AGENT)).author_name == "Bea"


async def test_end_of_a_run_that_is_over_changes_nothing(asked: Conversation) -> None:
    run = await in_db(actions.begin_run)(conversation_id=asked.pk)
    assert run is not None
    await in_db(take_over)(conversation=asked, by=Actor.system())
    first = await Run.objects.aget()
    await in_db(actions.end_run)(run=run, status=RunStatus.FAILED, detail="late")
    again = await Run.objects.aget()
    assert (again.status, again.detail, again.finished_at) == (first.status, first.detail, first.finished_at)
    assert in_english(first.detail) == "A person took over."
    assert await Event.objects.filter(type=EventType.RUN_CANCELLED).acount() == 1


async def test_answer_after_a_person_took_over_is_dropped_with_its_usage(
    provider: OpenAIServer, asked: Conversation
) -> None:
    run = await in_db(actions.begin_run)(conversation_id=asked.pk)
    assert run is not None
    purse = actions.RunPurse(run)
    grant = await purse.reserve(Offer("m", 10, Decimal(0), Decimal(0)))
    await purse.settle(grant, Usage(3, 4))
    await Conversation.objects.aupdate(status=Status.OPEN)
    outcome = actions.Outcome("late", Cited("late", ()), (), "m")
    assert await in_db(actions.finish_run)(run=run, outcome=outcome) == RunStatus.CANCELLED
    row = await Run.objects.aget()
    assert (row.status, row.prompt_tokens, row.completion_tokens) == (RunStatus.CANCELLED, 3, 4)
    assert await answers() == []


async def test_conversation_handed_back_is_the_agents_with_the_next_message(
    provider: OpenAIServer, asked: Conversation, inbox: Inbox
) -> None:
    await in_db(take_over)(conversation=asked, by=Actor.system())
    await says(inbox, "Anybody?")
    await in_db(hand_back)(conversation=asked, by=Actor.system())
    provider.default = Reply(text="Here.")
    await says(inbox, "Hello?")
    await answer(asked.pk)
    assert await answers() == ["Here."]
