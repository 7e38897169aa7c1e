"""What search promises whatever way it takes: limits, floors, and messages found by each of its ways."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from conversations.actions import Sender, receive
from conversations.models import Inbox
from core.actor import Actor, ActorKind
from knowledge.actions import embed_again, embed_some
from knowledge.models import Article, MessageToEmbed, MessageVector
from knowledge.queries import messages, nearest, search, similar_messages
from tests.knowledge.conftest import NOISE, Write

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
SHORT_WALK = "SET LOCAL hnsw.iterative_scan = off; SET LOCAL hnsw.ef_search = 1; SET LOCAL enable_sort = off"
SUBJECTS = ("invoice", "parcel", "password", "refund", "motor", "filter", "colour", "voucher")


@pytest.fixture
def said(inbox: Inbox) -> list[str]:
    """Two dozen messages about eight things, each with its vector."""
    texts = [f"Please tell me about the {subject} number {n}" for subject in SUBJECTS for n in range(3)]
    for text in texts:
        receive(inbox=inbox, sender=Sender(text), text=text)
    embed_some()
    return texts


def found(query: str, actor: Actor = SYSTEM, **more: Any) -> list[str]:
    return [row.message.text for row in similar_messages(query, actor=actor, **more)]


# --- Messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bounds",
    [
        {"EXACT": 0, "BEGINNING": 10**6, "FEWEST": 8, "FOR_EACH": 2},
        {"EXACT": 0, "BEGINNING": 0, "DEARER": 0, "FEWEST": 8, "FOR_EACH": 2},
        {"EXACT": 0, "BEGINNING": 0, "DEARER": 0, "FEWEST": 8, "FOR_EACH": 2, "WALK": SHORT_WALK},
    ],
    ids=["sketches", "walk", "walk that gives up"],
)
def test_every_way_finds_what_comparing_each_one_finds(
    said: list[str], monkeypatch: pytest.MonkeyPatch, bounds: dict[str, Any]
) -> None:
    """The planner chooses the way by what it thinks is there; here its bounds are moved instead."""
    right = {subject: found(f"a question on my {subject}", limit=3) for subject in SUBJECTS}
    for name, value in bounds.items():
        monkeypatch.setattr(messages, name, value)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE knowledge_messagevector")
    for subject, texts in right.items():
        assert all(subject in text for text in texts)
        assert found(f"a question on my {subject}", limit=3) == texts


@pytest.mark.parametrize("limit", [1, 3, 24, 100])
def test_as_many_messages_are_found_as_asked_for_best_first(said: list[str], limit: int) -> None:
    rows = similar_messages("where is my parcel", actor=SYSTEM, limit=limit)
    assert len(rows) == min(limit, len(said))
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert "parcel" in rows[0].message.text


@pytest.mark.parametrize(("threshold", "count"), [(-1.0, 24), (1.0, 0), (1.1, 0)])
def test_a_threshold_at_the_ends_of_the_scale_takes_all_or_nothing(
    said: list[str], threshold: float, count: int
) -> None:
    rows = similar_messages("where is my parcel", actor=SYSTEM, limit=100, threshold=threshold)
    assert len(rows) == count


@pytest.mark.parametrize("text", ["???", "🎉", "\x00", "\ud800", "a" * 100_000, "' OR 1=1 --"])
def test_messages_are_found_for_any_text(said: list[str], text: str) -> None:
    assert len(found(text, limit=3)) == 3


def test_a_customer_finds_what_was_said_in_their_own_conversation_and_nothing_else(said: list[str]) -> None:
    own = MessageVector.objects.get(message__text=said[0]).message.conversation.contact
    assert found(said[3], Actor(ActorKind.CONTACT, str(own.pk), "One of them"), limit=50) == [said[0]]
    assert found(said[0], Actor(ActorKind.AGENT, "0", "Lia")) == []


def test_an_operator_who_leaves_the_team_finds_nothing_any_more(said: list[str], bruno: User) -> None:
    assert found(said[0], bruno.as_actor())[0] == said[0]
    bruno.teams.clear()
    assert found(said[0], User.objects.get(pk=bruno.pk).as_actor()) == []


def test_messages_are_found_by_their_old_vectors_while_all_are_made_anew(said: list[str]) -> None:
    assert embed_again() == 24
    assert embed_again() == 24
    assert found(said[7])[0] == said[7]
    while embed_some():
        pass
    assert (MessageVector.objects.count(), MessageToEmbed.objects.count()) == (24, 0)
    assert found(said[7])[0] == said[7]


def test_messages_without_words_are_no_work_for_ever(inbox: Inbox) -> None:
    """What has signs and no words still leaves the list, or the job would never end."""
    for number, text in enumerate(["🎉", "…", "?!", "1", "\u200b", "\u3000x\u3000"]):
        receive(inbox=inbox, sender=Sender(str(number)), text=text)
    embed_some()
    assert embed_some() == 0
    assert not MessageToEmbed.objects.exists()


# --- Articles -------------------------------------------------------------------------------------------


def test_what_is_offered_has_at_least_half_of_what_is_asked_of_the_best(
    library: dict[str, Article], write: Write, settings: Any
) -> None:
    write("Chocolate cake", "Mix flour, eggs and sugar, and bake for an hour.")
    question = "de quanto em quanto tempo troca o filtro?"
    scores = {passage.article_id: passage.score for passage in search(question, limit=9)}
    best = max(scores.values())
    for floor in (best - 0.001, best / 2, best / 4):
        settings.KNOWLEDGE_OFFER_AT = floor
        offered = {passage.article_id for passage in nearest(question)}
        assert offered == {pk for pk, score in scores.items() if score >= floor / 2}
    settings.KNOWLEDGE_OFFER_AT = best + 0.001
    assert nearest(question) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_more_is_offered_than_asked_for_and_other_languages_take_no_place(
    write: Write, limit: int
) -> None:
    for title, body, language in (
        ("How long does delivery take?", "Delivery takes 3 to 5 working days. Track it on the site.", "en"),
        ("Qual o prazo de entrega?", "A entrega leva de 3 a 5 dias úteis. Acompanhe pelo site.", "pt"),
        ("¿Cuál es el plazo de entrega?", "La entrega tarda de 3 a 5 días hábiles. Síguela en la web.", "es"),
        ("Delivery to islands", "Delivery to islands takes 10 working days.", "en"),
        ("Delivery on Sundays", "There is no delivery on Sundays.", "en"),
    ):
        write(title, body, language)
    offered = nearest("how long does delivery take", limit=limit)
    assert len(offered) == limit
    assert {passage.language for passage in offered} == {"en"}


def test_a_lone_article_has_no_rival(write: Write) -> None:
    write("How loud is the purifier?", NOISE)
    (only,) = search("is it noisy at night?")
    assert only.parts["lead"] == pytest.approx(only.score)


def test_articles_alike_stand_in_the_same_order_each_time(write: Write) -> None:
    for number in range(6):
        write(f"Manual part {number}", "The same text.")
    orders = {tuple(passage.article_id for passage in search("manual", limit=6)) for _ in range(5)}
    assert len(orders) == 1


def test_an_article_without_text_is_found_by_its_title_alone(write: Write) -> None:
    empty = write("Opening hours on holidays", "")
    write("Delivery times", "Two days.")
    (first, *_rest) = search("when are you open on holidays?")
    assert (first.article_id, first.text) == (empty.pk, "")


def test_an_article_whose_passages_are_not_made_yet_is_not_found_and_breaks_nothing(
    write: Write, library: dict[str, Article]
) -> None:
    Article.objects.create(
        title="Qual a garantia?", title_key="qual a garantia", language="pt", status="published"
    )
    assert search("Qual a garantia?")[0].article_id == library["motor"].pk
