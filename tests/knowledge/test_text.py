"""From Markdown to passages."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.text import (
    MAX_PASSAGES,
    PASSAGE_CHARACTERS,
    first_heading,
    passages,
    plain_text,
    sections,
    sentences,
    title_key,
    without_first_heading,
)

ARTICLE = """# Delivery

It takes **two** days, see [the map](https://example.com/map).
Islands: `five`.

## Costs & limits

- under 1 kg: R$ 9,90
- above

1. Weigh it.
2. Pay.

| Weight | Price |
|---|---|
| 1 kg | 9,90 |

> Nobody pays twice.

#### Small print

```
code stays
```
"""


def test_sections_split_at_headings_and_drop_the_marks() -> None:
    intro, costs = sections(ARTICLE)
    assert intro.heading == "Delivery"
    assert intro.blocks == ("It takes two days, see the map. Islands: five.",)
    assert costs.heading == "Costs & limits"
    assert costs.blocks == (
        *("• under 1 kg: R$ 9,90", "• above", "1. Weigh it.", "2. Pay."),
        *("Weight | Price", "1 kg | 9,90", "Nobody pays twice.", "Small print", "code stays"),
    )


def test_section_before_the_first_heading_has_none() -> None:
    assert [section.heading for section in sections("Text.\n\n# Later\n\nMore.")] == ["", "Later"]


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("a<br>b <b>c</b>", "ab c"),
        ("<div>\n<p>raw</p> html\n</div>", "raw  html"),
        ("<!-- hidden -->", ""),
        ("line one  \nline two", "line one\nline two"),
        ("![a cat](cat.png) sleeps", "a cat sleeps"),
        ("~~old~~ new", "old new"),
        ("&amp; &lt;", "& <"),
        ("", ""),
    ],
)
def test_plain_text_is_what_a_reader_sees(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


def test_comments_that_nobody_ends_are_read_in_one_go() -> None:
    """Were the end of each of them looked for, this would take minutes."""
    assert plain_text(f"<div>kept{'<!--' * (512 * 1024)}") == "kept"


def test_first_heading_is_found_below_text_and_without_marks() -> None:
    assert first_heading("Text\n\nA *fine* title\n===\n") == "A fine title"
    assert first_heading("no heading") == ""


def test_without_first_heading_leaves_the_rest_as_it_was() -> None:
    assert without_first_heading("\n# Title\n\nText *stays*.\n\n## More") == "Text *stays*.\n\n## More"
    assert without_first_heading("Text\n\n# Title") == "Text\n\n# Title"
    assert without_first_heading("") == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Um. Dois! Três? Quatro…", ["Um.", "Dois!", "Três?", "Quatro…"]),
        ("Custa R$ 1.299,90 hoje. Amanhã mais.", ["Custa R$ 1.299,90 hoje.", "Amanhã mais."]),
        ("Fale com o Sr. Silva. Ele sabe.", ["Fale com o Sr. Silva.", "Ele sabe."]),
        ("e.g. this one. That one.", ["e.g. this one.", "That one."]),
        ('She said "Stop." Then she left.', ['She said "Stop."', "Then she left."]),
        ("¿Sí? ¡Claro! Ya.", ["¿Sí?", "¡Claro!", "Ya."]),
        ("1. First step. Then wait.\n2. Second", ["1. First step.", "Then wait.", "2. Second"]),
        ("see example.com. Or call", ["see example.com.", "Or call"]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_sentences_end_where_a_reader_stops(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@given(st.text(alphabet=st.sampled_from('aB .!?\n1•("'), max_size=300))
def test_sentences_lose_nothing_but_space(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_passages_of_a_short_article_are_one() -> None:
    (only,) = passages("# A\n\nOne.\n\n# B\n\nTwo.")
    assert (only.heading, only.text) == ("", "A\nOne.\nB\nTwo.")


def test_passages_of_an_empty_article_are_one_so_that_its_title_is_found() -> None:
    (only,) = passages("")
    assert (only.heading, only.text) == ("", "")


def test_passages_of_a_long_article_are_opening_and_sections() -> None:
    body = "\n\n".join(f"## Part {number}\n\n{f'Sentence of part {number}. ' * 15}" for number in range(3))
    opening, *rest = passages(body)
    assert opening.heading == ""
    assert opening.text.startswith("Part 0\nSentence of part 0.")
    assert [passage.heading for passage in rest] == ["Part 0", "Part 1", "Part 2"]
    assert all(passage.text.endswith(".") for passage in [opening, *rest])


def test_passages_without_headings_do_not_repeat_the_opening() -> None:
    found = passages("\n\n".join(f"Paragraph {number} says something. " * 6 for number in range(6)))
    assert len(found) == len({passage.text for passage in found})
    assert found[1].text not in found[0].text


@given(st.text(max_size=3_000))
@example("x" * 3_000)
@example("word " * 700)
@example("Uma frase. " * 300)
def test_passages_never_pass_the_limit(body: str) -> None:
    found = passages(body)
    assert 1 <= len(found) <= MAX_PASSAGES
    assert all(len(passage.text) <= PASSAGE_CHARACTERS for passage in found)


@given(st.lists(st.integers(10, 99), min_size=1, max_size=400))
def test_passages_hold_every_sentence(numbers: list[int]) -> None:
    body = " ".join(f"Sentence number {number} ends here." for number in numbers)
    held = {sentence for passage in passages(body) for sentence in sentences(passage.text)}
    assert held == set(sentences(body))


def test_passages_of_an_endless_article_are_limited() -> None:
    body = " ".join(f"Sentence number {number} is new." for number in range(6_000))
    assert len(passages(body)) == MAX_PASSAGES


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qual a garantia do motor?", "QUAL A GARANTIA DO MOTOR"),
        ("¿Cómo cambio mi contraseña?", "como cambio mi contrasena"),
        ("Wi-Fi  & app", "wi fi app"),
        ("ﬁle", "FILE"),
        ("a_b", "a b"),
    ],
)
def test_title_key_is_the_same_for_spellings_of_one_title(one: str, other: str) -> None:
    assert title_key(one) == title_key(other) != ""


def test_title_key_tells_titles_apart_and_is_bounded() -> None:
    assert title_key("Motor") != title_key("Motors")
    assert title_key("?!") == ""
    assert len(title_key("ﷺ" * 5_000)) <= 300


@given(st.text(max_size=600))
def test_title_key_of_a_key_is_itself(text: str) -> None:
    key = title_key(text)
    assert title_key(key) == key
