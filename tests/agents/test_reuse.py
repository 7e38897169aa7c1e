"""The same question again: answered at once from what is known, never from what no longer holds."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import User
from agents.enums import Reuse, RunStatus
from agents.models import Agent, KnownAnswer, Run
from agents.reuse import bare
from agents.runtime import answer
from conversations.models import Conversation, Inbox, Message
from knowledge.models import Article
from tests.agents.conftest import says
from tests.fakes.openai_server import OpenAIServer, Reply, Request
from tests.knowledge.conftest import write as write  # noqa: PLC0414 (a fixture)

in_db = sync_to_async
SEARCH = ("search_knowledge", json.dumps({"query": "How long does delivery take?"}))
TAKES = "Delivery takes two days."
SAID = f"{TAKES} [1]"


def searching(request: Request) -> Reply:
    if request.body["messages"][-1]["role"] == "tool":
        return Reply(text=SAID)
    return Reply(tool_calls=(SEARCH,))


@pytest.fixture
def article(write: Any) -> Article:
    made: Article = write("How long does delivery take?", TAKES)
    return made


@pytest.fixture
def known(provider: OpenAIServer, agent: Agent, article: Article) -> OpenAIServer:
    """A provider that answers from the article."""
    provider.default = searching
    return provider


async def asks(inbox: Inbox, text: str, who: str) -> str:
    """A customer asks, and is answered."""
    conversation = await says(inbox, text, who)
    await answer(conversation.pk)
    last = await Message.objects.filter(conversation=conversation).alast()
    assert last is not None
    return last.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("again", ["How long does delivery take?", "hi, how long does the delivery take??"])
async def test_the_same_question_is_answered_without_a_model(
    known: OpenAIServer, inbox: Inbox, again: str
) -> None:
    first = await asks(inbox, "How long does delivery take?", "eva")
    calls = len(known.chats)
    assert calls == 2
    assert await asks(inbox, again, "dan") == first == SAID
    assert len(known.chats) == calls
    runs = [run async for run in Run.objects.order_by("started_at")]
    assert runs[1].reused_from_id == runs[0].pk
    assert runs[1].status == RunStatus.ANSWERED
    assert runs[1].cost == 0
    message = await Message.objects.aget(run=runs[1].pk)
    assert message.citations == (await Message.objects.aget(run=runs[0].pk)).citations
    assert message.citations


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "other",
    [
        "How long does delivery not take?",
        "How long does delivery take on Sunday?",
        "How long does return take?",
        "How long does delivery of order 4711 take?",
        "Quanto demora a entrega?",
        "My number is 11 99999 8888, how long does delivery take?",
    ],
)
async def test_another_question_is_asked_of_the_model(known: OpenAIServer, inbox: Inbox, other: str) -> None:
    await asks(inbox, "How long does delivery take?", "eva")
    await asks(inbox, other, "dan")
    assert len(known.chats) == 4


async def _changed(article: Article) -> None:
    article.body = "Delivery takes three days."
    await in_db(article.save)()


async def _another(article: Article) -> None:
    await in_db(Article.objects.filter(pk=article.pk).update)(valid_until=timezone.now())


async def _agent(_article: Article) -> None:
    agent = await Agent.objects.aget()
    agent.persona = "Formal"
    await agent.asave()


async def _never(_article: Article) -> None:
    await Agent.objects.aupdate(reuse=Reuse.NEVER)


async def _old(_article: Article) -> None:
    await KnownAnswer.objects.aupdate(created_at="2020-01-01T00:00:00Z")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [_changed, _another, _agent, _never, _old])
async def test_what_no_longer_holds_is_not_given_again(
    known: OpenAIServer, inbox: Inbox, article: Article, change: Any
) -> None:
    await asks(inbox, "How long does delivery take?", "eva")
    await change(article)
    await asks(inbox, "How long does delivery take?", "dan")
    assert len(known.chats) == 4


@pytest.mark.django_db(transaction=True)
async def test_a_corrected_answer_is_not_given_again(known: OpenAIServer, inbox: Inbox, ana: User) -> None:
    from knowledge.actions import correct_answer

    await asks(inbox, "How long does delivery take?", "eva")
    message = await Message.objects.filter(run__isnull=False).alast()
    assert message is not None
    by = await in_db(ana.as_actor)()
    await in_db(correct_answer)(message=message, text="Three days.", by=by)
    await asks(inbox, "How long does delivery take?", "dan")
    assert len(known.chats) == 4


@pytest.mark.django_db(transaction=True)
async def test_an_answer_that_did_not_help_is_not_given_again(known: OpenAIServer, inbox: Inbox) -> None:
    await asks(inbox, "How long does delivery take?", "eva")
    await Message.objects.filter(run__isnull=False).aupdate(helpful=False)
    await asks(inbox, "How long does delivery take?", "dan")
    assert len(known.chats) == 4


@pytest.mark.django_db(transaction=True)
async def test_only_the_first_question_of_a_conversation_is_answered_so(
    known: OpenAIServer, inbox: Inbox
) -> None:
    await asks(inbox, "How long does delivery take?", "eva")
    await asks(inbox, "How long does delivery take?", "eva")
    assert len(known.chats) == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("reuse", "calls"), [(Reuse.STRANGERS, 4), (Reuse.EVERYBODY, 2)])
async def test_a_verified_customer_is_answered_anew_unless_the_team_says_otherwise(
    known: OpenAIServer, inbox: Inbox, agent: Agent, reuse: Reuse, calls: int
) -> None:
    await Agent.objects.aupdate(reuse=reuse)
    await asks(inbox, "How long does delivery take?", "eva")
    conversation = await says(inbox, "How long does delivery take?", "dan")
    await in_db(_verified)(conversation)
    await answer(conversation.pk)
    assert len(known.chats) == calls


def _verified(conversation: Conversation) -> None:
    identity = conversation.identity
    identity.is_verified = True
    identity.save()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="Hello, how can I help you?"),
        Reply(tool_calls=(("create_ticket", '{"subject": "Delivery", "description": "late"}'),)),
    ],
)
async def test_what_rests_on_no_article_or_did_something_is_not_kept(
    known: OpenAIServer, inbox: Inbox, reply: Reply
) -> None:
    known.script(reply, *([Reply(tool_calls=(SEARCH,))] if reply.tool_calls else []))
    await asks(inbox, "How long does delivery take?", "eva")
    assert not await KnownAnswer.objects.aexists()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What's the delivery time?", "what is THE delivery time", True),
        ("Qual o prazo de entrega?", "Oi, qual é o prazo de entrega, por favor", True),
        ("¿Cuál es el plazo de envío?", "cual es el plazo de envio", True),
        ("Do you deliver on Saturday?", "Do you deliver on Sunday?", False),
        ("Are you open on Monday?", "Are you not open on Monday?", False),
        ("from Brazil to Chile", "from Chile to Brazil", False),
        ("Posso trocar?", "Não posso trocar?", False),
        ("price of 2 lamps", "price of 3 lamps", False),
        ("delivery without box", "delivery with box", False),
    ],
)
def test_two_questions_are_the_same_by_their_words(one: str, other: str, *, same: bool) -> None:
    assert (bare(one) == bare(other)) == same


def test_a_greeting_is_no_question() -> None:
    assert bare("Oi, bom dia!") == ()
