"""The page on which a question is tried: what is found, why, and what follows."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from knowledge.enums import Audience, Fate, Verdict
from knowledge.models import Article
from knowledge.queries import explain, nearest
from tests.knowledge.conftest import NOISE, Write

pytestmark = pytest.mark.django_db
PAGE = "/admin/knowledge/article/explain/"


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        ("How loud is the purifier?", Verdict.ANSWER),
        ("qual a capital da frança?", Verdict.NOTHING),
    ],
)
def test_verdict_is_what_an_agent_would_do(
    library: dict[str, Article], question: str, verdict: Verdict
) -> None:
    told = explain(question)
    assert told.verdict == verdict
    shown = [row.passage.chunk_id for row in told.rows if row.fate == Fate.SHOWN]
    assert shown == [passage.chunk_id for passage in nearest(question)]


def test_question_between_the_thresholds_is_offered(library: dict[str, Article], settings: Any) -> None:
    settings.KNOWLEDGE_ANSWER_AT = 0.999
    assert explain("how noisy is it at night").verdict == Verdict.OFFER


def test_every_passage_that_is_not_shown_says_why(write: Write) -> None:
    for number in range(7):
        write(f"How loud is purifier {number}?", NOISE)
    write("Qual o nível de ruído do purificador 1?", "No nível mais baixo o purificador faz 24 dB.", "pt")
    write("Chocolate cake", "Mix flour, eggs and sugar.")
    told = explain("how loud is the purifier at night?")
    fates = {row.passage.title: row.fate for row in told.rows}
    assert list(fates.values()).count(Fate.SHOWN) == 5
    assert Fate.TOO_MANY in fates.values()
    assert fates["Chocolate cake"] == Fate.TOO_FAR
    assert (told.language, told.milliseconds > 0) == ("en", True)


def test_page_shows_scores_and_places(client: Client, ana: User, library: dict[str, Article]) -> None:
    client.force_login(ana)
    page = client.get(PAGE, {"q": "How loud is the purifier?"}).content.decode()
    assert library["noise"].title in page
    assert str(Verdict.ANSWER.label) in page
    assert reverse("admin:knowledge_article_change", args=[library["noise"].pk]) in page
    assert 'class="meaning"' in page


@pytest.mark.parametrize(("asked_by", "count"), [("public", 1), ("identified", 2), ("internal", 3)])
def test_page_asks_as_whoever_is_chosen(
    client: Client, ana: User, write: Write, asked_by: str, count: int
) -> None:
    for audience in Audience:
        write(f"Noise, {audience}", NOISE, audience=audience)
    client.force_login(ana)
    page = client.get(PAGE, {"q": "how noisy is it", "audience": asked_by}).content.decode()
    assert page.count('scope="row"') == count


@pytest.mark.parametrize(
    "asked",
    [{}, {"q": ""}, {"q": "x" * 501}, {"q": "noise", "language": "xx"}, {"q": "noise\0", "team": "0"}],
)
def test_page_survives_what_it_cannot_search_for(client: Client, ana: User, asked: dict[str, str]) -> None:
    client.force_login(ana)
    response = client.get(PAGE, asked)
    assert response.status_code == 200
    assert 'scope="row"' not in response.content.decode()


def test_page_shows_what_articles_say_as_text(client: Client, ana: User, write: Write) -> None:
    write("<script>alert(1)</script>", "<img src=x onerror=alert(1)> noise")
    client.force_login(ana)
    page = client.get(PAGE, {"q": "alert noise"}).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_page_is_for_those_who_may_see_articles(client: Client, bruno: User, ana: User) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(bruno)
    assert client.get(PAGE).status_code == (200 if bruno.has_perm("knowledge.view_article") else 403)
    assert (
        'href="/admin/knowledge/article/explain/"' in client.get("/admin/knowledge/article/").content.decode()
    )
