"""The help centre as a site: categories, what surrounds an article, and what search engines are told."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from knowledge.models import Article, Category
from knowledge.pages import anchor, page_of
from knowledge.sitemaps import ArticleSitemap
from tests.knowledge.conftest import NOISE, Write

pytestmark = pytest.mark.django_db
LONG = """Intro.

## Before you start

Text.

## **After** it & more

Text.

### Before you start

Text."""
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


@pytest.fixture
def delivery(db: None) -> Category:
    """A category with a name in two of the three languages."""
    return Category.objects.create(slug="delivery", name_en="Delivery", name_pt="Entrega", position=1)


def text_of(client: Client, path: str, **more: Any) -> str:
    response = client.get(path, **more)
    assert response.status_code == 200
    return str(response.content.decode())


def titles(page: str) -> list[str]:
    return re.findall(r'<a href="/help/\d+-[\w-]*/">([^<]+)</a>', page)


def locations(client: Client, path: str) -> list[str]:
    root = ET.fromstring(text_of(client, path))  # noqa: S314 (our own)
    return [node.text or "" for node in root.iter(SITEMAP)]


# --- Categories --------------------------------------------------------------------------------------------
def test_index_shows_categories_with_their_first_articles(
    client: Client, write: Write, delivery: Category
) -> None:
    for number in range(7):
        write(f"Delivery {number}", category=delivery)
    write("Delivery 3b", "Hidden", category=delivery, audience="internal")
    write("Anything")
    write("Entrega 1", language="pt", category=delivery)
    page = text_of(client, "/help/?lang=en")
    assert titles(page) == [*(f"Delivery {number}" for number in range(5)), "Anything"]
    assert "All 7 articles" in page
    assert '<span class="count">7</span>' in page
    assert "Everything else" in page


def test_category_without_a_public_article_of_the_language_is_left_out(
    client: Client, write: Write, delivery: Category
) -> None:
    write("Plans", category=delivery, status="draft")
    write("Entrega", language="pt", category=delivery)
    write("Anything")
    assert titles(text_of(client, "/help/?lang=en")) == ["Anything"]
    assert "Delivery" not in text_of(client, "/help/?lang=en")


def test_category_page_lists_what_is_public_in_one_language(
    client: Client, write: Write, delivery: Category
) -> None:
    write("Delivery", category=delivery)
    write("Plans", category=delivery, audience="identified")
    write("Other")
    write("Entrega", language="pt", category=delivery)
    assert titles(text_of(client, "/help/c/delivery/?lang=en")) == ["Delivery"]
    page = text_of(client, "/help/c/delivery/?lang=pt")
    assert titles(page) == ["Entrega"]
    assert "<h1>Entrega</h1>" in page


@pytest.mark.parametrize("path", ["/help/c/none/", "/help/c/a%00b/", "/help/c//"])
def test_page_that_is_none_is_not_found(client: Client, delivery: Category, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(("language", "name"), [("pt", "Entrega"), ("en", "Delivery"), ("es", "Entrega")])
def test_category_is_named_in_the_readers_language_or_another(
    delivery: Category, language: str, name: str
) -> None:
    assert delivery.name_in(language) == name


def test_category_without_a_name_is_called_by_its_short_name(db: None) -> None:
    assert Category(slug="after-sales").name_in("pt") == "After sales"


def test_articles_outlive_their_category(write: Write, delivery: Category) -> None:
    article = write("Delivery", category=delivery)
    delivery.delete()
    article.refresh_from_db()
    assert article.category is None


def test_index_costs_the_same_with_many_categories(
    client: Client, write: Write, delivery: Category, django_assert_num_queries: Any
) -> None:
    write("One", category=delivery)
    with django_assert_num_queries(3):
        client.get("/help/")
    for number in range(3):
        write("More", category=Category.objects.create(slug=f"c{number}"))
    with django_assert_num_queries(3):
        client.get("/help/")


# --- An article --------------------------------------------------------------------------------------------
def test_article_shows_where_it_stands_and_what_is_near(
    client: Client, write: Write, delivery: Category
) -> None:
    article = write("How loud is the purifier?", NOISE, category=delivery)
    near = write("How much noise does the purifier make at night?", NOISE)
    write("Quão alto é o purificador?", NOISE, "pt")
    write("How loud is the secret purifier?", NOISE, audience="internal")
    page = text_of(client, article.get_absolute_url())
    assert '<a href="/help/c/delivery/?lang=en">Delivery</a>' in page
    assert titles(page) == [near.title]


def test_article_tells_search_engines_and_previews_what_it_is(client: Client, write: Write) -> None:
    article = write('Noise "at" night', "It makes **24 dB**. " * 30)
    page = text_of(client, article.get_absolute_url())
    (described,) = re.findall(r'<meta name="description" content="([^"]*)">', page)
    assert described.startswith("It makes 24 dB. It")
    assert len(described) <= 156
    assert described.endswith("…")
    assert '<meta property="og:title" content="Noise &quot;at&quot; night">' in page


def test_headings_have_anchors_and_long_articles_their_contents(client: Client, write: Write) -> None:
    page = text_of(client, write("Guide", LONG).get_absolute_url())
    assert '<h2 id="s-before-you-start">Before you start</h2>' in page
    assert '<h2 id="s-after-it-more"><strong>After</strong> it &amp; more</h2>' in page
    assert '<h3 id="s-before-you-start-2">' in page
    assert '<a href="#s-after-it-more">After it &amp; more</a>' in page
    assert "On this page" not in text_of(client, write("Short", "## One\n\nText.").get_absolute_url())


@given(st.text(max_size=80))
def test_anchor_is_a_plain_name(heading: str) -> None:
    assert re.fullmatch(r"s(-[\w-]+)?", anchor(heading))


@given(st.text(alphabet='#<>"&\n ab=', max_size=200))
def test_page_of_any_text_opens_no_other_mark_up(body: str) -> None:
    html = page_of(body).html
    assert not re.search(r"<h[1-6] (?!id=\"s[\w-]*\">)", html)
    assert "<script" not in html


# --- Search engines ----------------------------------------------------------------------------------------
def test_sitemap_lists_what_anybody_may_read_here(client: Client, write: Write, settings: Any) -> None:
    settings.PUBLIC_URL = "https://help.example"
    article = write("Delivery")
    for values in ({"status": "draft"}, {"audience": "internal"}, {"source_url": "https://shop.example/x"}):
        write("Elsewhere", **values)
    assert locations(client, "/help/sitemap.xml") == [f"https://help.example{article.get_absolute_url()}"]


def test_very_long_list_of_articles_has_pages_that_robots_are_told_of(
    client: Client, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArticleSitemap, "limit", 2)
    for number in range(3):
        write(f"Delivery {number}")
    told = re.findall(r"^Sitemap: (.*)$", text_of(client, "/robots.txt"), re.MULTILINE)
    assert [address.partition("/help/")[2] for address in told] == ["sitemap.xml", "sitemap.xml?p=2"]
    assert len(locations(client, "/help/sitemap.xml?p=2")) == 1


def test_robots_are_led_to_the_articles(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://help.example"
    response = client.get("/robots.txt")
    assert response.headers["content-type"].startswith("text/plain")
    assert "Sitemap: https://help.example/help/sitemap.xml" in response.content.decode()
    assert "Disallow: /admin/" in response.content.decode()


@pytest.mark.parametrize("path", ["/help/c/delivery/", "/help/sitemap.xml", "/robots.txt"])
def test_pages_can_only_be_read(client: Client, delivery: Category, path: str) -> None:
    assert client.post(path).status_code == 405


def test_article_in_a_category_is_shown_to_robots_once(
    client: Client, write: Write, delivery: Category
) -> None:
    article: Article = write("Delivery", category=delivery)
    page = text_of(client, article.get_absolute_url())
    assert re.findall(r'<link rel="canonical" href="([^"]+)">', page) == [article.public_url]
