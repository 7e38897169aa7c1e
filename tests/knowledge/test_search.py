"""What search finds, and in which order. The embedding model is the real one."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team
from knowledge.enums import Audience
from knowledge.languages import language_code
from knowledge.models import Article
from knowledge.queries import languages_in_use, nearest, passages, search
from tests.knowledge.conftest import NOISE, Write

pytestmark = pytest.mark.django_db
YESTERDAY, TOMORROW = (timezone.now() + timedelta(days=days) for days in (-1, 1))


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("de quanto em quanto tempo troca o filtro?", "filter"),
        ("o motor queimou, ainda esta na garantia?", "motor"),
        ("how noisy is it at night", "noise"),
        ("é muito barulhento?", "noise"),
        ("is the motor still under warranty", "motor"),
        ("cada cuánto se cambia el filtro", "filter"),
        ("VCS COBREM O MOTOR NA GARANTIA??", "motor"),
    ],
)
def test_search_finds_the_article_in_any_words_and_language(
    library: dict[str, Article], question: str, name: str, settings: Any
) -> None:
    found = search(question)
    assert found[0].article_id == library[name].pk
    assert found[0].score >= settings.KNOWLEDGE_OFFER_AT


@pytest.mark.parametrize(
    "question",
    [
        "qual a capital da frança?",
        "what is the meaning of life",
        "hola, cómo estás",
        "me conta uma piada",
    ],
)
def test_nearest_offers_nothing_for_what_no_article_covers(
    library: dict[str, Article], question: str
) -> None:
    assert nearest(question) == []


@pytest.mark.parametrize(
    "change", [str, str.upper, str.lower, lambda title: title.strip("?") + "!!", " {} ".format]
)
def test_question_that_is_a_title_finds_that_article_first(
    library: dict[str, Article], write: Write, change: Any
) -> None:
    write("Qual a garantia do motor e do compressor?", "O motor tem garantia de cinco anos.", "pt")
    for article in library.values():
        first = search(change(article.title))[0]
        assert first.article_id == article.pk
        assert (first.score, first.exact, first.is_certain) == (1, True, True)


def test_title_is_found_even_where_many_articles_resemble_it(write: Write) -> None:
    twins = [write(f"Manual of the purifier PX {number}", NOISE) for number in range(40)]
    assert search("manual of the purifier px 7")[0].article_id == twins[7].pk


def test_title_is_found_even_where_its_meaning_would_not_bring_it_up(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "POOL", 1)
    for number in range(8):
        write(
            f"Delivery times for region {number}",
            "Delivery takes two days. The delivery time starts with payment.",
        )
    odd = write("Delivery times", "Chocolate cake: mix flour, eggs and sugar.")
    assert search("delivery times", limit=1)[0].article_id == odd.pk


def test_title_of_an_article_whose_text_is_about_something_else_is_found_first(write: Write) -> None:
    write(
        "Prazo de entrega das compras", "A entrega leva dois dias. O prazo de entrega começa na compra.", "pt"
    )
    odd = write("Prazo de entrega", "Ver PDF.", "pt")
    assert search("prazo de entrega?")[0].article_id == odd.pk


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_search_for_nothing_finds_nothing(library: dict[str, Article], text: str) -> None:
    assert search(text) == []


@pytest.mark.parametrize(
    "text", ["???", "🎉", "\x00", "\ud800", "a" * 100_000, "' OR 1=1 --", "%s %(x)s", "ﷺ" * 3_000]
)
def test_search_survives_any_text(library: dict[str, Article], text: str) -> None:
    assert len(search(text)) == len(library)


def test_search_in_an_empty_knowledge_base_finds_nothing(db: None) -> None:
    assert search("where is my order?") == []


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_search_never_finds_what_is_not_published(write: Write, status: str) -> None:
    write("Como trocar o filtro", "Gire o refil.", "pt", status=status)
    assert search("Como trocar o filtro") == []


def test_search_leaves_out_other_teams_when_asked_to(write: Write, team: Team, other_team: Team) -> None:
    ours, theirs, open_to_all = (
        write("Filter one", NOISE, team=team),
        write("Filter two", NOISE, team=other_team),
        write("Filter three", NOISE),
    )
    assert {passage.article_id for passage in search("filter", team_id=team.pk)} == {ours.pk, open_to_all.pk}
    assert len(search("filter")) == 3
    assert [passage.article_id for passage in search("Filter two", team_id=team.pk) if passage.exact] == []
    assert theirs.pk in {passage.article_id for passage in search("filter", team_id=other_team.pk)}


def test_search_is_two_statements(library: dict[str, Article]) -> None:
    with CaptureQueriesContext(connection) as queries:
        search("quanto barulho faz?", limit=10)
    assert len(queries) == 2


def test_search_gives_one_passage_an_article_and_as_many_as_asked(write: Write) -> None:
    for number in range(6):
        body = "\n\n".join(f"## Noise {part}\n\n{NOISE} {'It hums. ' * 40}" for part in range(3))
        write(f"How loud is model {number}", body)
    for limit in (1, 4, 10):
        found = search("how loud is it", limit=limit)
        assert len(found) == min(limit, 6)
        assert len({passage.article_id for passage in found}) == len(found)
        assert [passage.score for passage in found] == sorted((p.score for p in found), reverse=True)


def test_section_of_a_long_article_is_found_and_quoted(write: Write) -> None:
    filler = "The company was founded long ago and is proud of its history. " * 12
    article = write(
        "About our products",
        f"{filler}\n\n## History\n\n{filler}\n\n## Cleaning the outside\n\nUse a soft damp cloth. Never use "
        f"alcohol or solvents.\n\n## Awards\n\n{filler}",
    )
    write("Delivery times", "Parcels take two days.")
    best = search("what can I clean it with?")[0]
    assert (best.article_id, best.heading) == (article.pk, "Cleaning the outside")
    assert best.text == "Use a soft damp cloth. Never use alcohol or solvents."


def test_long_article_is_quoted_from_its_opening_unless_another_part_fits_clearly_better(
    write: Write,
) -> None:
    times = "Delivery takes 2 to 14 working days, depending on the region. " + " ".join(
        f"Region {number}: {number} to {number + 3} working days." for number in range(2, 15)
    )
    article = write(
        "How long does delivery take?", f"{times}\n\nParcels above 30 kg need two people at the door."
    )
    assert article.chunks.count() == 2
    assert search("delivery time")[0].text.startswith("Delivery takes 2 to 14 working days")
    assert search("my parcel is very heavy")[0].text == "Parcels above 30 kg need two people at the door."


def test_passage_says_where_its_score_comes_from(library: dict[str, Article]) -> None:
    first, second, _third = search("o motor queimou, ainda esta na garantia?")
    assert first.score == pytest.approx(first.parts["meaning"] + first.parts["words"])
    assert first.parts["words"] > 0
    assert first.parts["lead"] == pytest.approx(first.score - second.score)
    assert second.parts["lead"] < 0


def test_passage_url_is_the_source_or_our_own_page(write: Write, settings: Any) -> None:
    settings.PUBLIC_URL = "https://help.example.com"
    write("From elsewhere", NOISE, source_url="https://shop.example.com/faq")
    own = write("Our own", NOISE)
    urls = {passage.title: passage.url for passage in search("noise")}
    assert urls["From elsewhere"] == "https://shop.example.com/faq"
    assert urls["Our own"] == f"https://help.example.com/help/{own.pk}-our-own/" == own.public_url


# --- The same article in several languages ---------------------------------------------------------------


@pytest.fixture
def twins(write: Write) -> dict[str, Article]:
    """One article in three languages, and another one."""
    write("Formas de pagamento", "Aceitamos cartão, Pix e boleto.", "pt")
    return {
        "pt": write(
            "Qual o prazo de entrega?", "A entrega leva de 3 a 5 dias úteis. Acompanhe pelo site.", "pt"
        ),
        "en": write(
            "How long does delivery take?", "Delivery takes 3 to 5 working days. Track it on the site.", "en"
        ),
        "es": write(
            "¿Cuál es el plazo de entrega?",
            "La entrega tarda de 3 a 5 días hábiles. Síguela en la web.",
            "es",
        ),
    }


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("em quanto tempo chega minha compra?", "pt"),
        ("when will my parcel arrive?", "en"),
        ("¿cuándo llega mi compra?", "es"),
    ],
)
def test_twin_in_the_language_of_the_question_comes_first(
    twins: dict[str, Article], question: str, language: str
) -> None:
    first, *rest = search(question)
    assert first.article_id == twins[language].pk
    assert {passage.article_id for passage in rest if passage.repeats} == {
        twin.pk for code, twin in twins.items() if code != language
    }


@pytest.mark.parametrize("language", ["pt", "en", "es", "pt-BR", "es-mx"])
def test_twin_in_the_customers_language_comes_first_when_it_is_given(
    twins: dict[str, Article], language: str
) -> None:
    assert search("delivery?", language=language)[0].article_id == twins[language[:2]].pk


def test_twins_are_offered_once(twins: dict[str, Article]) -> None:
    assert [passage.article_id for passage in nearest("when will my parcel arrive?")] == [twins["en"].pk]


def test_twins_are_no_rivals(twins: dict[str, Article]) -> None:
    first = search("em quanto tempo chega a entrega?")[0]
    assert first.parts["lead"] > 0.1


def test_title_in_another_language_than_the_customers_still_wins(twins: dict[str, Article]) -> None:
    assert search("How long does delivery take?", language="pt")[0].article_id == twins["en"].pk


def test_better_article_in_another_language_is_not_pushed_aside(library: dict[str, Article]) -> None:
    assert search("quantos decibéis de ruído ele faz?", language="pt")[0].article_id == library["noise"].pk


def test_two_articles_alike_are_not_certain(write: Write) -> None:
    write("Returning an order", "Send it back within 30 days.")
    write("Returning an order by post", "Send it back by post within 30 days.")
    first = search("how do I return my order?")[0]
    assert first.score > 0.34
    assert not first.is_certain


# --- Small things ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "code"),
    [("pt", "pt"), ("pt-br", "pt"), ("PT_BR", "pt"), ("en-GB", "en"), ("fr", None), ("", None), (None, None)],
)
def test_language_code_reads_locales(locale: str | None, code: str | None) -> None:
    assert language_code(locale) == code


def test_languages_in_use_are_those_published(write: Write) -> None:
    write("A", language="pt")
    write("B", language="es", status="draft")
    assert languages_in_use() == ["pt"]


@pytest.fixture(params=["compared", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Few articles are compared, of many the nearest are walked to."""
    if request.param == "walked":
        monkeypatch.setattr(passages, "EXACT_ARTICLES", 0)
    return str(request.param)


RESTRICTED = {
    "draft": {"status": "draft"},
    "archived": {"status": "archived"},
    "internal": {"audience": "internal"},
    "identified": {"audience": "identified"},
    "not yet": {"valid_from": TOMORROW},
    "no more": {"valid_until": YESTERDAY},
}


@pytest.mark.parametrize("values", RESTRICTED.values(), ids=RESTRICTED)
def test_what_is_not_for_everybody_now_is_not_found(write: Write, way: str, values: dict[str, Any]) -> None:
    write("How loud is the purifier?", NOISE, **values)
    other = write("What the purifier weighs", "The purifier weighs four kilograms.")
    found = search("how noisy is the purifier at night")
    assert [passage.article_id for passage in found] == [other.pk]


def test_what_is_hidden_takes_no_place_from_what_is_not(
    write: Write, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "POOL", 3)
    for number in range(12):
        write(f"How loud is the purifier {number}?", NOISE, audience="internal")
    far = write("Opening hours of the shop", "The shop opens at nine.")
    found = search("how noisy is the purifier at night", limit=1)
    assert [passage.article_id for passage in found] == [far.pk]


def test_what_is_valid_now_is_found(write: Write, way: str) -> None:
    article = write("How loud is the purifier?", NOISE, valid_from=YESTERDAY, valid_until=TOMORROW)
    assert search("how noisy is the purifier at night")[0].article_id == article.pk


def test_each_audience_is_told_what_is_for_it(write: Write, way: str) -> None:
    rows = {audience: write(f"Noise, {audience}", NOISE, audience=audience) for audience in Audience}
    for asking, told in (
        (Audience.of_customer(proven=False), ["public"]),
        (Audience.of_customer(proven=True), ["public", "identified"]),
        (tuple(Audience), ["public", "identified", "internal"]),
    ):
        found = search("how noisy is it", audiences=asking)
        assert {passage.article_id for passage in found} == {rows[Audience(name)].pk for name in told}


def test_what_customers_may_not_read_on_a_page_has_no_address(write: Write) -> None:
    write("Noise", NOISE, audience="identified")
    elsewhere = write(
        "Noise elsewhere", NOISE, audience="identified", source_url="https://shop.example/noise"
    )
    found = {passage.article_id: passage.url for passage in search("noise", audiences=tuple(Audience))}
    assert found.pop(elsewhere.pk) == "https://shop.example/noise"
    assert list(found.values()) == [""]


@pytest.mark.parametrize("question", ["what does ERR-4711 mean", "err-4711?", "o que é o ERR-4711"])
def test_code_is_found_wherever_its_passage_lies_in_meaning(
    write: Write, way: str, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setattr(passages, "POOL", 1)
    write("What error messages mean", "Each error message on the display has a meaning.")
    write("O que significam os erros", "Cada erro na tela tem um significado.", "pt")
    odd = write("Chocolate cake", "Mix flour, eggs and sugar. The recipe is filed under ERR-4711.")
    write("Chocolate cake II", "Filed under ERR-4712.", audience="internal")
    assert odd.pk in {passage.article_id for passage in search(question)}


def test_code_in_a_title_is_found(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "POOL", 1)
    write("Chocolate cake", "Mix flour, eggs and sugar.")
    odd = write("Spare part PX_200%", "It costs twelve.")
    assert odd.pk in {passage.article_id for passage in search("is there flour and sugar for px_200%")}


@pytest.mark.parametrize("text", ["10% of 50_000 \\\\ %%%", "%_%1", "a-1 b.2 c/3 d_4", "'; --1a"])
def test_signs_in_a_question_are_only_signs(library: dict[str, Article], text: str) -> None:
    search(text)


def test_passage_says_where_it_stands_by_meaning_and_by_words(library: dict[str, Article]) -> None:
    found = search("how loud is the motor?")
    assert sorted(passage.ranks["meaning"] for passage in found) == [1, 2, 3]
    assert all(1 <= passage.ranks["words"] <= 3 for passage in found)
    nearest_by_words = max(found, key=lambda passage: passage.parts["words"])
    assert nearest_by_words.ranks["words"] == 1
