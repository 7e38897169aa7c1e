"""Only sources that an answer names, numbered as the reader sees them."""

from hypothesis import given
from hypothesis import strategies as st

from agents.citations import cite, shifted
from llm.types import Citation

FOUND = [Citation(title=name, url=f"/{name}") for name in ("a", "b", "c")]


def test_cite_keeps_what_is_named_in_the_order_of_the_text() -> None:
    cited = cite("First [3], then [1], again [3].", FOUND)
    assert cited.text == "First [1], then [2], again [1]."
    assert [citation["title"] for citation in cited.citations] == ["c", "a"]


def test_cite_removes_a_number_that_stands_for_nothing() -> None:
    assert cite("Invented [7].", FOUND).text == "Invented."
    assert cite("None at all [1].", []) == cite("None at all.", [])


def test_cite_same_source_found_twice_is_one() -> None:
    cited = cite("x [1] y [2]", [FOUND[0], FOUND[0]])
    assert cited.text == "x [1] y [1]"
    assert len(cited.citations) == 1


@given(st.text(alphabet="[]0123456789 ab\n"), st.integers(0, 3))
def test_cite_every_number_left_stands_for_a_citation(text: str, count: int) -> None:
    cited = cite(text, FOUND[:count])
    again = cite(cited.text, list(cited.citations))
    assert again.citations == cited.citations


def test_shifted_counts_on_at_the_beginning_of_lines_only() -> None:
    assert shifted("[1] one [1]\n[2] two", 3) == "[4] one [1]\n[5] two"
