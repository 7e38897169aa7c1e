"""The public help pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from knowledge.models import Article
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def test_article_page_shows_title_and_text(client: Client, write: Write) -> None:
    article = write("Delivery times", "Two **days**.\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    response = client.get(article.get_absolute_url())
    text = response.content.decode()
    assert response.status_code == 200
    assert "<h1>Delivery times</h1>" in text
    assert "<strong>days</strong>" in text
    assert "<td>1</td>" in text
    assert f'<link rel="canonical" href="{article.public_url}">' in text
    assert '<article lang="en">' in text


def test_article_page_runs_nothing_an_article_says(client: Client, write: Write) -> None:
    article = write(XSS, f"{XSS}\n\n[click](javascript:alert(1))\n\n![x](https://evil.example/x.png)")
    text = re.sub(r'"[^"]*"', '""', client.get(article.get_absolute_url()).content.decode())
    assert not re.search(r"<script|<img|<[^>]*\sonerror|href=.?javascript", text)


@pytest.mark.parametrize(
    "path", ["/help/", "/help/?q=delivery", "/help/?q=%3Cscript%3E", "ARTICLE", "/help/9-x/"]
)
def test_every_page_has_a_strict_policy_and_nothing_inline(client: Client, write: Write, path: str) -> None:
    article = write("Delivery times", "Two days.")
    response = client.get(article.get_absolute_url() if path == "ARTICLE" else path)
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    text = response.content.decode()
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)


def test_article_with_an_old_title_in_its_address_moves(client: Client, write: Write) -> None:
    article = write("New title")
    response = client.get(f"/help/{article.pk}-old-title/")
    assert (response.status_code, response.headers["location"]) == (301, article.get_absolute_url())


@pytest.mark.parametrize(
    "values",
    [
        {"status": "draft"},
        {"status": "archived"},
        {"audience": "internal"},
        {"audience": "identified"},
        {"valid_from": timezone.now() + timedelta(days=1)},
        {"valid_until": timezone.now() - timedelta(days=1)},
    ],
    ids=["draft", "archived", "internal", "identified", "not yet", "no more"],
)
def test_article_that_is_not_for_everybody_now_is_for_staff_only(
    client: Client, write: Write, bruno: User, values: dict[str, Any]
) -> None:
    article = write("Secret plans", **values)
    assert "Secret" not in client.get("/help/?lang=en").content.decode()
    assert "Secret" not in client.get("/help/?q=secret plans").content.decode()
    assert client.get(article.get_absolute_url()).status_code == 404
    client.force_login(bruno)
    response = client.get(article.get_absolute_url())
    assert response.status_code == 200
    assert "only staff can see this article" in response.content.decode()
    assert "noindex" in response.content.decode()


def test_article_that_is_not_published_is_hidden_from_users_who_are_no_staff(
    client: Client, write: Write, bruno: User
) -> None:
    bruno.is_staff = False
    bruno.save(update_fields=["is_staff"])
    client.force_login(bruno)
    assert client.get(write("Secret", status="draft").get_absolute_url()).status_code == 404


def test_article_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.get("/help/404-nothing/").status_code == 404


def listed(client: Client, path: str, **more: Any) -> list[str]:
    text = client.get(path, **more).content.decode()
    return re.findall(r'<a href="/help/\d+-[\w-]+/">([^<]+)</a>', text)


def test_index_lists_the_articles_of_the_browsers_language(client: Client, write: Write) -> None:
    write("Entrega", language="pt")
    write("Delivery", language="en")
    write("Rascunho", language="pt", status="draft")
    assert listed(client, "/help/", headers={"accept-language": "pt-BR,pt;q=0.9"}) == ["Entrega"]
    assert listed(client, "/help/", headers={"accept-language": "en"}) == ["Delivery"]
    assert listed(client, "/help/?lang=pt", headers={"accept-language": "en"}) == ["Entrega"]


@pytest.mark.parametrize("path", ["/help/", "/help/?lang=es", "/help/?lang=xx", "/help/?lang=%00"])
def test_index_of_a_language_without_articles_shows_one_that_has_some(
    client: Client, write: Write, path: str
) -> None:
    write("Entrega", language="pt")
    assert listed(client, path, headers={"accept-language": "es"}) == ["Entrega"]


def test_index_without_articles_says_so(client: Client) -> None:
    assert "There are no articles here yet" in client.get("/help/").content.decode()


def test_index_has_pages_and_survives_a_page_that_is_none(client: Client, write: Write) -> None:
    Article.objects.bulk_create(
        Article(title=f"A {n:03}", slug="a", language="en", status="published") for n in range(61)
    )
    assert len(listed(client, "/help/")) == 60
    assert listed(client, "/help/?page=2") == ["A 060"]
    assert listed(client, "/help/?page=nonsense") == listed(client, "/help/")
    assert 'rel="next"' in client.get("/help/").content.decode()


def test_index_costs_the_same_with_one_article_and_with_three(
    client: Client, write: Write, django_assert_num_queries: Any
) -> None:
    write("One")
    with django_assert_num_queries(4):
        client.get("/help/")
    write("Two")
    write("Three")
    with django_assert_num_queries(4):
        client.get("/help/")


def test_search_finds_articles_of_all_languages(client: Client, library: dict[str, Article]) -> None:
    text = client.get("/help/", {"q": "o motor queimou, ainda está na garantia?"}).content.decode()
    assert library["motor"].public_url in text
    assert "O motor tem garantia de cinco anos." in text
    assert '<li lang="pt">' in text


def test_search_that_finds_nothing_says_what_to_do(client: Client, library: dict[str, Article]) -> None:
    response = client.get("/help/", {"q": "qual a capital da frança?"})
    assert "No article covers this" in response.content.decode()


@pytest.mark.parametrize("question", ["\x00", "   ", "x" * 50_000, "<b>'\"&", "\ud800"])
def test_search_takes_any_text(client: Client, library: dict[str, Article], question: str) -> None:
    response = client.get("/help/", {"q": question.encode("utf-8", "surrogatepass")})
    assert response.status_code == 200
    assert "<b>'" not in response.content.decode()


@pytest.mark.parametrize("path", ["/help/", "/help/1-a/"])
def test_pages_can_only_be_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
