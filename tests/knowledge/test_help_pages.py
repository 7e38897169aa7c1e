"""The public help pages at their edges: numbers, languages, caches, and what strangers put into addresses."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from knowledge.models import Article
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db


def text_of(client: Client, path: str, **more: Any) -> str:
    return client.get(path, **more).content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/help/0-a/",
        f"/help/{2**63 - 1}-a/",
        f"/help/{2**63}-a/",
        f"/help/{'9' * 40}-a/",
        "/help/-1-a/",
        "/help/1-/",
        "/help/1-a b/",
        "/help/1-%00/",
    ],
)
def test_an_address_that_names_no_article_is_not_found(client: Client, write: Write, path: str) -> None:
    write("A")
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/help/", "/help/?q=delivery", "ARTICLE"])
def test_pages_answer_who_asks_for_their_head_alone(client: Client, write: Write, path: str) -> None:
    article = write("Delivery times", "Two days.")
    response = client.head(article.get_absolute_url() if path == "ARTICLE" else path)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_who_may_not_read_an_article_is_not_told_its_title_by_the_address(
    client: Client, write: Write, status: str
) -> None:
    """A guess at the number alone must not be redirected to an address with the title in it."""
    article = write("Merger with Acme", status=status)
    response = client.get(f"/help/{article.pk}-x/")
    assert response.status_code == 404
    assert "merger" not in str(response.headers).lower() + response.content.decode().lower()


def test_no_cache_gives_the_public_what_it_was_given_for_staff(
    client: Client, write: Write, bruno: User
) -> None:
    article = write("Merger with Acme", status="draft")
    client.force_login(bruno)
    response = client.get(article.get_absolute_url())
    assert response.status_code == 200
    varies = {name.strip().lower() for name in response.headers.get("vary", "").split(",")}
    assert "cookie" in varies or "private" in response.headers.get("cache-control", "")


def test_search_shows_staff_no_drafts_either(client: Client, write: Write, bruno: User) -> None:
    """They see what customers see; a draft has its address in the admin."""
    write("Merger with Acme", "We merge.", status="draft")
    client.force_login(bruno)
    assert "We merge." not in text_of(client, "/help/?q=Merger+with+Acme")
    assert "Merger with Acme" not in text_of(client, "/help/")


@pytest.mark.parametrize("number", ["0", "-1", "99", "9" * 30, "1e3", "٢"])
def test_a_page_that_is_none_shows_articles_all_the_same(client: Client, write: Write, number: str) -> None:
    write("Only one")
    assert "Only one" in text_of(client, "/help/", data={"page": number})


def test_turning_the_page_keeps_the_language(client: Client, write: Write) -> None:
    Article.objects.bulk_create(
        Article(title=f"A {number:03}", slug="a", language=language, status="published")
        for number in range(61)
        for language in ("pt", "en")
    )
    first = text_of(client, "/help/?lang=pt")
    (address,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text_of(client, f"/help/{address.replace('&amp;', '&')}")
    assert '<ul class="articles" lang="pt">' in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second


def test_languages_are_offered_where_there_are_several(client: Client, write: Write) -> None:
    write("One", language="en")
    write("Rascunho", language="pt", status="draft")
    assert 'class="languages"' not in text_of(client, "/help/")
    write("Dos", language="es")
    text = text_of(client, "/help/?lang=es")
    assert re.findall(r'hreflang="(\w+)"', text) == ["en", "es"]
    assert re.findall(r'hreflang="(\w+)" aria-current="true"', text) == ["es"]


@pytest.mark.parametrize(("lang", "first"), [("pt", "Prazo de entrega"), ("en", "Delivery time")])
def test_search_brings_the_language_that_was_chosen_to_the_front(
    client: Client, write: Write, lang: str, first: str
) -> None:
    write("Delivery time", "Delivery takes 3 to 5 working days. Track it on the site.")
    write("Prazo de entrega", "A entrega leva de 3 a 5 dias úteis. Acompanhe pelo site.", "pt")
    text = text_of(client, f"/help/?lang={lang}&q=delivery?")
    assert re.findall(r'<li lang="\w+">\s*<a [^>]+>([^<]+)', text) == [first]


def test_what_was_asked_stands_in_the_box_and_the_title_and_is_no_markup(
    client: Client, write: Write
) -> None:
    question = """"><img src=x onerror=alert(1)>'"""
    text = text_of(client, "/help/", data={"q": question})
    assert "<img" not in text
    assert 'value="&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#x27;"' in text
    assert '<meta name="robots" content="noindex">' in text


def test_a_question_is_cut_at_what_its_box_holds(client: Client, write: Write) -> None:
    (value,) = re.findall(r'value="(x*)"', text_of(client, "/help/", data={"q": "x" * 301}))
    assert len(value) == 300


def test_titles_and_passages_in_lists_are_no_markup(client: Client, write: Write) -> None:
    write("<b>Delivery</b> & more", "Two days `<script>alert(1)</script>` here.")
    for path in ("/help/", "/help/?q=delivery+and+more"):
        text = text_of(client, path)
        assert "&lt;b&gt;Delivery&lt;/b&gt; &amp; more" in text
        assert "<b>" not in text
        assert "<script>alert" not in text


def test_an_article_from_elsewhere_names_its_source_as_the_one_to_be_found(
    client: Client, write: Write
) -> None:
    article = write("Returns", "Thirty days.", source_url="https://shop.example/returns?a=1&b=2")
    text = text_of(client, article.get_absolute_url())
    assert '<link rel="canonical" href="https://shop.example/returns?a=1&amp;b=2">' in text
    assert '<a href="https://shop.example/returns?a=1&amp;b=2">Returns</a>' in text_of(
        client, "/help/?q=returns"
    )


@pytest.mark.parametrize(
    ("browser", "page", "listed"), [("pt-BR", "pt-br", "Entrega"), ("es-MX", "es", "Envío")]
)
def test_the_page_speaks_the_browsers_language_and_says_so(
    client: Client, write: Write, browser: str, page: str, listed: str
) -> None:
    for title, language in (("Delivery", "en"), ("Entrega", "pt"), ("Envío", "es")):
        write(title, language=language)
    response = client.get("/help/", headers={"accept-language": browser})
    text = response.content.decode()
    assert f'<html lang="{page}">' in text
    assert listed in text
    assert "accept-language" in response.headers["vary"].lower()
