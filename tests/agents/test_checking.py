"""A second model vouches for an answer whose every sentence it finds in the passages, and for no other."""

from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from agents.actions import checking
from agents.actions.checking import check_answer, vouched_for
from agents.enums import RunStatus
from agents.models import Agent, Run
from conversations.actions import answer_message, hand_back, reply
from conversations.enums import Validation
from conversations.models import Conversation, Message
from core.actor import Actor
from knowledge.queries import Passage
from knowledge.tools import render
from llm.door import complete
from llm.models import ModelCall
from tests.fakes.openai_server import OpenAIServer, Reply

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
BODY = "Delivery takes two days. It is free above 100 dollars."
TEXT = "Hello. Delivery takes two days [1]. It is free above 100 dollars [1]."


@pytest.fixture
def model(settings: Any) -> str:
    settings.ANSWER_CHECK_MODEL = "custom/judge"
    return "custom/judge"


def answered(conversation: Conversation, *, found: bool = True) -> Message:
    agent = Agent.objects.create(name="Lia")
    hand_back(conversation=conversation, by=SYSTEM)
    run = Run.objects.create(
        agent=agent, conversation=conversation, status=RunStatus.ANSWERED, up_to_seq=1,
        finished_at=timezone.now(),
    )  # fmt: skip
    passage = Passage(1, 1, "Delivery", "", BODY, "en", 0.9, {"lead": 1.0})
    run.steps.create(number=0, tool="search_knowledge", result=render([passage] if found else []))
    return reply(conversation=conversation, text=TEXT, by=agent.as_actor(), run=run.pk)


async def validated(message: Message) -> str:
    await message.arefresh_from_db()
    return message.validated_by


async def test_every_sentence_found_makes_it_checked_by_ai(
    conversation: Conversation, provider: OpenAIServer, model: str
) -> None:
    message = await in_db(answered)(conversation)
    assert await ProcrastinateJob.objects.filter(task_name="agents.check_answer").acount() == 1
    provider.script(Reply(text="1: yes\n2: yes\n3: yes"))
    await check_answer(message.pk)
    assert await validated(message) == Validation.AI
    (asked,) = provider.chats
    told = str(asked)
    assert "It is free above 100 dollars" in told
    assert "Onde está meu pedido?" not in told
    assert await ModelCall.objects.filter(purpose="check", reference=str(message.run)).acount() == 1
    await check_answer(message.pk)
    assert len(provider.chats) == 1
    assert model == "custom/judge"


@pytest.mark.parametrize(
    "said",
    ["1: yes\n2: yes\n3: no", "1: yes\n3: yes", "All of it is right.", "1: yes\n2: yes\n3: yes\n4: yes"],
)
@pytest.mark.usefixtures("model")
async def test_anything_else_leaves_it_pending(
    conversation: Conversation, provider: OpenAIServer, said: str
) -> None:
    message = await in_db(answered)(conversation)
    provider.script(Reply(text=said))
    await check_answer(message.pk)
    assert await validated(message) == Validation.PENDING


@pytest.mark.usefixtures("model")
async def test_without_passages_nobody_is_asked(conversation: Conversation, provider: OpenAIServer) -> None:
    message = await in_db(answered)(conversation, found=False)
    await check_answer(message.pk)
    await check_answer(uuid4())
    assert provider.chats == []


@pytest.mark.usefixtures("model")
async def test_a_model_that_fails_leaves_it_pending(
    conversation: Conversation, provider: OpenAIServer
) -> None:
    message = await in_db(answered)(conversation)
    provider.default = Reply(status=500)
    await check_answer(message.pk)
    assert await validated(message) == Validation.PENDING


async def test_a_model_that_is_none_leaves_it_pending(
    conversation: Conversation, provider: OpenAIServer, settings: Any
) -> None:
    settings.ANSWER_CHECK_MODEL = "nonsense"
    message = await in_db(answered)(conversation)
    provider.default = Reply(status=404)
    await check_answer(message.pk)
    assert await validated(message) == Validation.PENDING


@pytest.mark.usefixtures("model")
async def test_a_person_who_was_quicker_has_the_last_word(
    conversation: Conversation, provider: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await in_db(answered)(conversation)
    provider.script(Reply(text="1: yes\n2: yes\n3: yes"))

    async def slowly(*arguments: object, **more: object) -> object:
        told = await complete(*arguments, **more)  # type: ignore[arg-type]
        await in_db(answer_message)(message=message, by=SYSTEM, validated_by=Validation.HUMAN)
        return told

    monkeypatch.setattr(checking, "complete", slowly)
    await check_answer(message.pk)
    assert await validated(message) == Validation.HUMAN


@pytest.mark.parametrize("configured", ["", "builtin/quote"])
def test_without_a_model_no_job_is_made(conversation: Conversation, settings: Any, configured: str) -> None:
    settings.ANSWER_CHECK_MODEL = configured
    answered(conversation)
    assert not ProcrastinateJob.objects.filter(task_name="agents.check_answer").exists()


def test_what_a_model_says_is_read_strictly() -> None:
    assert vouched_for("**1**: Yes\n2) yes - stated in the first passage", 2)
    assert not vouched_for("1: yes\n1: no\n2: yes", 2)
    assert not vouched_for("yes", 1)
