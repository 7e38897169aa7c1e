"""Which words a question and a text share, typos and endings forgiven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.likeness import shares

ORDERS = ["Delivery time of an order", "Order by phone", "Cancel an order", "Order with a voucher"]
TEXT = st.text(max_size=60)


@pytest.mark.parametrize(
    "question",
    [
        "how do i cancel it",
        "CANCEL!!",
        "cancellation",
        "can i cancle my order",  # two letters changed places
        "cáncel",
    ],
)
def test_text_with_the_words_of_the_question_has_the_most(question: str) -> None:
    found = shares(question, ORDERS)
    assert max(range(4), key=found.__getitem__) == 2


def test_words_that_all_texts_have_tell_nothing_apart() -> None:
    assert len({round(share, 6) for share in shares("order", ORDERS)}) == 1
    lone, common = shares("order voucher", ORDERS)[3], shares("order voucher", ORDERS)[1]
    assert lone > 5 * common


def test_words_end_where_they_end() -> None:
    whole, part = shares("art", ["modern art here", "a starting party"])
    assert whole == 1
    assert 0 < part < 0.5


@given(question=TEXT, texts=st.lists(TEXT, max_size=5))
def test_share_is_one_of_the_question(question: str, texts: list[str]) -> None:
    found = shares(question, texts)
    assert len(found) == len(texts)
    assert all(0 <= share <= 1 + 1e-9 for share in found)


@given(
    question=st.from_regex(r"[a-zãéç]{3,9}( [a-zñíô]{3,9}){0,4}", fullmatch=True),
    others=st.lists(TEXT, max_size=4),
)
def test_text_that_is_the_question_has_all_of_it(question: str, others: list[str]) -> None:
    assert shares(question, [*others, question.upper()])[-1] == pytest.approx(1)


def test_question_or_text_of_signs_has_nothing() -> None:
    assert shares("?!", ["a", ""]) == [0, 0]
    assert shares("filter", ["", "🙂"]) == [0, 0]
