"""What an answer may say: nothing that the run has not seen. The embedding model is the real one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enums import Ground, RunStatus
from agents.grounding import Checked, Seen, check, facts
from agents.models import Run
from agents.runtime import answer
from conversations.enums import AuthorKind, Status
from conversations.models import Conversation, Inbox, Message
from knowledge.actions import index_articles
from knowledge.actions.articles import store
from knowledge.models import Article
from llm.door import embed
from tests.agents.conftest import says
from tests.fakes.openai_server import OpenAIServer, Reply

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = [json.loads(line) for line in (ROOT / "tests/fixtures/claims.jsonl").read_text("utf-8").splitlines()]
DELIVERY = (
    "Delivery times\nStandard delivery takes 2 to 14 working days and costs R$ 19,90. Express delivery takes "
    "one or two days and costs R$ 29,90. Orders above R$ 1.299,90 are free. We are here from 9h to 18h. "
    "Follow it at https://shop.example/track."
)
SEEN = Seen([DELIVERY], ["Where is my order 4711? I live in Recife."])


def checked(text: str, seen: Seen = SEEN) -> Checked:
    return check(text, seen, embed=embed)


@pytest.mark.parametrize(
    "text",
    [
        "Standard delivery takes 2 to 14 working days. [1]",
        "A entrega padrão leva de 2 a 14 dias úteis e custa R$ 19,90. [1]",
        "El envío exprés tarda 1 o 2 días y cuesta 29.90 reales. [1]",
        "Pedidos acima de 1299,90 não pagam frete.",
        "We are here from 9:00 to 18:00, that is from 9 am to 6 pm.",
        "Your order 4711 can be followed at https://shop.example/track.",
        "- **Standard**: R$ 19,90\n- **Express**: R$ 29,90",
        "Hello! How can I help you?",
        "Sinto muito pelo transtorno. Quer falar com uma pessoa?",
        "```\nping 10.9.8.7\n```",
        "",
    ],
)
def test_what_was_seen_is_kept(text: str) -> None:
    result = checked(text)
    assert (result.text, result.states) == (text, True)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Delivery takes 2 to 14 working days. It costs R$ 12,90.", "Delivery takes 2 to 14 working days."),
        (
            "Delivery takes 2 to 14 working days. Call us at 0800 555 1234!",
            "Delivery takes 2 to 14 working days.",
        ),
        (
            "Express delivery costs R$ 29,90.\n\n- Pay within 30 days\n- It takes one or two days of delivery",  # noqa: E501
            "Express delivery costs R$ 29,90.\n\n- It takes one or two days of delivery",
        ),
        (
            "Follow your delivery at https://shop.example/track. Or at https://evil.example/track.",
            "Follow your delivery at https://shop.example/track.",
        ),
        ("Standard delivery takes 2 days. Write to boss@shop.example.", "Standard delivery takes 2 days."),
        (
            "Delivery takes 2 to 14 working days. The moon landing was filmed in a studio by actors.",
            "Delivery takes 2 to 14 working days.",
        ),
    ],
)
def test_what_was_not_seen_is_left_out(text: str, left: str) -> None:
    result = checked(text)
    assert (result.text, result.states) == (left, True)
    assert Ground.UNSUPPORTED in {one["ground"] for one in result.checks}


@pytest.mark.parametrize(
    "text",
    [
        "It costs 12 dollars.",
        "Sorry to hear that. You get 50 % off.",
        "A capital da França foi tomada em 1940.",
    ],
)
def test_answer_of_which_nothing_is_left_states_nothing(text: str) -> None:
    assert not checked(text).states


def test_without_passages_only_facts_are_checked() -> None:
    nothing = Seen([], ["Ticket 12 was created."])
    assert checked("I have opened ticket 12. The team will look into it.", nothing).text.endswith("into it.")
    assert not checked("The team answers within 24 hours.", nothing).states


def test_claims_about_articles_are_told_apart() -> None:
    """Sixty, in three languages about ten English articles; five that say no wrong number are missed."""
    wrong = []
    for row in CLAIMS:
        article = (ROOT / f"knowledge/demo/en/{row['article']}.md").read_text("utf-8").split("---", 2)[2]
        (told,) = checked(row["claim"], Seen([article.strip().lstrip("# ")], [])).checks
        if (told["ground"] != Ground.UNSUPPORTED) != row["supported"]:
            wrong.append(row)
    assert [row for row in wrong if row["supported"]] == []
    assert len(wrong) <= 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.299,90", "1,299.90"), ("29,90", "29.9"), ("18:00", "18h00"), ("007", "7"), ("1.000.000", "1,000,000"),  # noqa: E501
        ("WWW.Shop.example/a.", "www.shop.example/a"),
    ],
)  # fmt: skip
def test_one_fact_in_two_spellings(one: str, other: str) -> None:
    assert facts(one) == facts(other)


@pytest.mark.parametrize(("one", "other"), [("2.5", "25"), ("1.299", "1.29"), ("12/11/2026", "11/12/2025")])
def test_two_facts_are_two(one: str, other: str) -> None:
    assert facts(one) != facts(other)


@given(st.text(max_size=120))
def test_any_text_survives_against_itself(text: str) -> None:
    result = check(text, Seen([], [text]), embed=lambda texts: [[1.0, 0.0]] * len(texts))
    assert all(one["ground"] != Ground.UNSUPPORTED for one in result.checks)


# --- In a run ----------------------------------------------------------------------------------------------
@pytest.fixture
def library(transactional_db: None) -> Article:
    article = Article(title="Delivery times", body=DELIVERY, language="en", status="published")
    store(article)
    index_articles(article_ids=[article.pk])
    return article


async def asked(provider: OpenAIServer, inbox: Inbox, text: str) -> Conversation:
    """A customer asks; the model searches, and says this."""
    search = ("search_knowledge", '{"query": "how long does delivery take?"}')
    provider.script(Reply(tool_calls=(search,)), Reply(text=text))
    conversation = await says(inbox, "How long does delivery take?")
    await answer(conversation.pk)
    await conversation.arefresh_from_db()
    return conversation


@pytest.mark.django_db(transaction=True)
async def test_invented_price_does_not_reach_the_customer(
    agent: Any, provider: OpenAIServer, inbox: Inbox, library: Article
) -> None:
    said = "Delivery takes 2 to 14 working days. [1] It costs R$ 7,77. [1]"
    conversation = await asked(provider, inbox, said)
    message = await Message.objects.aget(conversation=conversation, author_kind=AuthorKind.AGENT)
    assert message.text == "Delivery takes 2 to 14 working days. [1]"
    run = await Run.objects.aget()
    assert (run.status, [one["ground"] for one in run.checks]) == (
        RunStatus.ANSWERED,
        [Ground.SUPPORTED, Ground.UNSUPPORTED],
    )
    assert run.checks[1]["missing"] == ["7.77"]


@pytest.mark.django_db(transaction=True)
async def test_invented_answer_becomes_a_hand_over(
    agent: Any, provider: OpenAIServer, inbox: Inbox, library: Article
) -> None:
    conversation = await asked(provider, inbox, "It costs R$ 7,77 and takes 99 years.")
    assert conversation.status == Status.OPEN
    run = await Run.objects.aget()
    assert (run.status, run.checks[0]["ground"]) == (RunStatus.FAILED, Ground.UNSUPPORTED)
    told = [message.text async for message in Message.objects.filter(conversation=conversation)]
    assert not [text for text in told if "7,77" in text]
    assert len(told) >= 2, "the customer is told that a person takes over"
