"""A few articles that the tests of this app search and show."""

from collections.abc import Callable
from typing import Any

import pytest

from core.actor import Actor
from knowledge.actions import index_articles, save_article
from knowledge.models import Article

Write = Callable[..., Article]

FILTER = """Desligue o aparelho e feche o registro. Gire o refil para a esquerda e encaixe o novo.

Troque o filtro a cada seis meses ou quando a luz laranja acender."""
MOTOR = "O motor tem garantia de cinco anos. A garantia não cobre ligação em tensão errada."
NOISE = "On the lowest setting the purifier makes 24 dB. On turbo it reaches 52 dB."


@pytest.fixture
def write(db: None) -> Write:
    """Saves an article and makes its passages at once."""

    def make(title: str, body: str = "Some text.", language: str = "en", **more: Any) -> Article:
        values = {"status": "published", **more}
        article = save_article(
            article=Article(title=title, body=body, language=language, **values), by=Actor.system()
        )
        index_articles(article_ids=[article.pk])
        article.refresh_from_db()
        return article

    return make


@pytest.fixture
def library(write: Write) -> dict[str, Article]:
    """Three articles of a maker of water purifiers."""
    return {
        "filter": write("Como trocar o filtro do purificador", FILTER, "pt"),
        "motor": write("Qual a garantia do motor?", MOTOR, "pt"),
        "noise": write("How loud is the purifier?", NOISE, "en"),
    }
