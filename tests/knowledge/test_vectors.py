"""Vectors of passages and questions."""

import numpy as np
import pytest

from knowledge.text import PassageText
from knowledge.vectors import BATCH, question_vector, vectors_of
from llm.door import embed


def similarity(question: str, title: str, text: str) -> float:
    ((vector,),) = vectors_of([(title, [PassageText("", text)])])
    return float(question_vector(question) @ vector)


def test_passage_vector_is_the_mean_of_its_three_faces() -> None:
    ((found,),) = vectors_of([("Title", [PassageText("Part", "Some text.")])])
    expected = np.asarray(embed(["Title: Part", "Title. Part. Some text.", "Part. Some text."])).mean(axis=0)
    assert np.allclose(found, expected, atol=1e-6)


def test_passage_without_heading_or_text_is_its_title() -> None:
    ((found,),) = vectors_of([("Title", [PassageText("", "")])])
    assert np.allclose(found, np.asarray(embed(["Title"]))[0], atol=1e-6)


def test_vectors_of_many_articles_are_split_as_they_came() -> None:
    articles = [
        (f"Title {n}", [PassageText("", f"Text {n} {i}.") for i in range(n % 3 + 1)]) for n in range(BATCH)
    ]
    found = vectors_of(articles)
    assert [len(vectors) for vectors in found] == [len(passages) for _title, passages in articles]
    (alone,) = vectors_of([articles[-1]])
    assert np.allclose(found[-1], alone, atol=1e-5)


def test_vectors_of_nothing_are_none() -> None:
    assert vectors_of([]) == []


def test_score_is_what_a_question_has_more_than_any_other() -> None:
    """A title that is a question resembles every question; that must not count."""
    article = ("How do I track my parcel?", "You get a link by e-mail as soon as it is on its way.")
    ((vector,),) = vectors_of([(article[0], [PassageText("", article[1])])])
    raw = float(np.asarray(embed(["how do I boil an egg"]))[0] @ vector)
    assert similarity("how do I boil an egg", *article) < raw - 0.04
    assert similarity("where is my parcel", *article) > 2 * similarity("how do I boil an egg", *article)


@pytest.mark.parametrize("question", ["vc pode me dizer pq n chegou", "VC PODE ME DIZER PQ N CHEGOU"])
def test_question_is_cleaned_before_it_is_embedded(question: str) -> None:
    assert np.allclose(
        question_vector(question), question_vector("você pode me dizer porque não chegou"), atol=1e-6
    )
