"""Formatting both ways: entities to Markdown and HTML, Markdown to Telegram's HTML."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.html import clean_html
from integrations.telegram.entities import to_html, to_markdown, units
from integrations.telegram.markup import pieces_of, shown_units, to_telegram
from tests.fakes.telegram import _Html


def entity(kind: str, offset: int, length: int, **more: str) -> dict[str, object]:
    return {"type": kind, "offset": offset, "length": length, **more}


def test_nested_and_touching_marks_are_written_inside_out() -> None:
    entities = [entity("italic", 4, 3), entity("bold", 0, 7), entity("strikethrough", 7, 3)]
    assert to_markdown("one two ab", entities) == "**one *two***~~ ab~~".replace("~~ ab~~", " ~~ab~~")
    assert to_html("one two ab", entities) == "<strong>one <em>two</em></strong><s> ab</s>"


def test_marks_that_cross_are_cut_and_lose_no_text() -> None:
    entities = [entity("bold", 0, 5), entity("italic", 3, 5)]
    assert to_html("abcdefgh", entities) == "<strong>abc<em>de</em></strong>fgh"


def test_code_block_names_its_language() -> None:
    assert to_markdown("x = 1", [entity("pre", 0, 5, language="python")]) == "```python\nx = 1\n```"


@pytest.mark.parametrize(
    "entities",
    [
        None,
        "bold",
        [1, None],
        [entity("bold", -1, 2)],
        [entity("bold", 0, 99)],
        [entity("bold", 2, 0)],
        [{"type": "bold", "offset": "0", "length": 2}],
        [entity("text_link", 0, 2, url="javascript:alert(1)")],
        [entity("hologram", 0, 2)],
    ],
)
def test_entities_that_make_no_sense_are_left_out(entities: object) -> None:
    assert to_markdown("text", entities) == "text"
    assert to_html("text", entities) == ""


def test_markup_of_the_sender_is_text() -> None:
    html = to_html("<b>x</b> & y", [entity("bold", 0, 1)])
    assert html == "<strong>&lt;</strong>b&gt;x&lt;/b&gt; &amp; y"


SPANS = st.lists(
    st.builds(
        entity,
        st.sampled_from(["bold", "italic", "code", "blockquote", "strikethrough"]),
        st.integers(0, 12),
        st.integers(1, 12),
    ),
    max_size=6,
)


@given(st.text(st.sampled_from("ab 😀é<&\n"), max_size=12), SPANS)
def test_formatting_never_loses_a_character(text: str, entities: list[dict[str, object]]) -> None:
    class Text(HTMLParser):
        said = ""

        def handle_data(self, data: str) -> None:
            self.said += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.said += "\n" if tag == "br" else ""

    html = to_html(text, entities)
    reader = Text()
    reader.feed(html)
    reader.close()
    # A mark may end in the middle of an emoji only if the entity does, which Telegram never sends.
    if html and "\ufffd" not in html:
        assert reader.said == text
        assert clean_html(html)


def test_emoji_count_twice() -> None:
    assert units("a😀é") == 4


def test_markdown_becomes_the_tags_that_telegram_knows() -> None:
    markdown = (
        "# Title\n\nA **bold *and italic*** ~~old~~ `a<b` [link](https://x.example/?a=1&b=2)\nline two\n\n"
        "- one\n- two\n  1. deep\n\n> said\n\n| a | b |\n|---|---|\n| 1 | **22** |\n\n"
        "```py\nif x < 1: pass\n```\n"
    )
    assert to_telegram(markdown) == (
        "<b>Title</b>\n\n"
        'A <b>bold <i>and italic</i></b> <s>old</s> <code>a&lt;b</code> <a href="https://x.example/?a=1&amp;b=2">'
        "link</a>\nline two\n\n• one\n• two\n  1. deep\n\n<blockquote>said</blockquote>\n\n"
        "<pre>a  b\n1  22</pre>\n\n<pre>if x &lt; 1: pass</pre>"
    )


def test_tags_typed_by_people_are_text() -> None:
    assert to_telegram("<b>x</b> & <script>") == "&lt;b&gt;x&lt;/b&gt; &amp; &lt;script&gt;"


def test_link_that_telegram_would_refuse_is_its_text() -> None:
    assert to_telegram("[here](/relative)") == "here"


@given(st.text(st.sampled_from("*_~`>#-|[]()<>&!\n 1.ab😀"), max_size=60))
def test_any_markdown_is_html_that_telegram_can_read(text: str) -> None:
    # The simulator refuses what is not closed, not known or nested where it must not be.
    html = to_telegram(text)
    assert shown_units(html) == units(_Html().read(html))


@given(st.text(st.sampled_from("ab 😀\n"), max_size=80), st.integers(2, 20))
def test_pieces_fit_and_keep_every_character_but_space_between(text: str, limit: int) -> None:
    pieces = pieces_of(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
