"""Web pages to Markdown, tag by tag."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.html import markdown_to_html
from knowledge.html import page_from_html
from knowledge.text import plain_text

WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Press <code>Ctrl</code> now</p>", "Press `Ctrl` now"),
        ("<p>a<br>b</p>", "a\\\nb"),
        (
            "<ul><li>one<ul><li>two<ul><li>three</li></ul></li></ul></li></ul>",
            "- one\n    - two\n        - three",
        ),
        ("<ol><li>a</li><li>b</li></ol><ol><li>c</li></ol>", "1. a\n2. b\n\n1. c"),
        ("<ul><li><p>para in item</p></li></ul>", "- para in item"),
        ("<li>stray", "- stray"),
        ("<dl><dt>Term</dt><dd>Meaning</dd></dl>", "Term\n\nMeaning"),
        ("<p>x</p><hr><p>y</p>", "x\n\n---\n\ny"),
        ("<h4>Small</h4><p>print</p>", "#### Small\n\nprint"),
        ("<h1>One</h1><h1>Two</h1><p>x</p>", "# Two\n\nx"),
        ("<table><tr><td>a<br>b</td><td><b>c</b></td></tr></table>", "| a b | **c** |\n| --- | --- |"),
        ("<table><tr></tr></table><p>x</p>", "x"),
        ("<a name=top>here</a>", "here"),
        ("<a href='mailto:a@example.com'>mail</a>", "[mail](<mailto:a@example.com>)"),
        ("<p># no heading</p><p>- no item</p>", "\\# no heading\n\n\\- no item"),
        ("<pre>  keep   me\n *</pre>", "```\n  keep   me\n *\n```"),
        ("plain text only", "plain text only"),
        ("", ""),
    ],
)
def test_each_tag_has_its_markdown(html: str, markdown: str) -> None:
    assert page_from_html(f"<main>{html}</main>").body == markdown


@pytest.mark.parametrize(
    "html",
    [
        "<script>stolen()</script>",
        "<style>.stolen{}</style>",
        "<nav>stolen</nav>",
        "<form><button>stolen</button></form>",
        "<template>stolen</template>",
        "<noscript>stolen</noscript>",
        "<svg><text>stolen</text></svg>",
        "<!-- stolen -->",
    ],
)
def test_what_is_no_article_is_left_out(html: str) -> None:
    assert page_from_html(f"<p>kept</p>{html}").body == "kept"


@pytest.mark.parametrize(
    ("html", "body"),
    [
        ("<nav>no</nav><main id=a>one</main>two<main>three</main>four", "onetwothree"),
        ("<article>one</article><main>two</main>", "one"),
        ("<main>one<article>two</article>three", "two"),
        ("</main><MAIN>one</Main >two", "one"),
        ("one<main two", "one"),
    ],
)
def test_the_article_is_read_from_its_first_beginning_to_its_last_end(html: str, body: str) -> None:
    assert page_from_html(html).body == body


def test_a_page_of_nothing_but_beginnings_is_read_in_one_go() -> None:
    """Were each of them looked after to the end of the page, this would take minutes."""
    half = 1024 * 1024
    assert page_from_html(f"<p>kept</p><!--{'<main>' * (half // 6)}{'<article' * (half // 8)}").body == "kept"


@given(st.lists(WORD, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_no_word_of_a_page_is_lost(words: list[str], random: object) -> None:
    """Whatever the tags around the words: a reader of the article finds them all, in order."""
    wrap = [
        "<p>{}</p>",
        "<b>{}</b> ",
        "<ul><li>{}</li></ul>",
        "<h2>{}</h2>",
        "{} ",
        "<blockquote>{}</blockquote>",
    ]
    html = "".join(random.choice(wrap).format(word) for word in words)  # type: ignore[attr-defined]
    body = page_from_html(f"<article>{html}</article>").body
    assert re.findall(r"[a-z]+", plain_text(body)) == words


@given(st.text(alphabet="ab<>*_[]()#`\\|!&;\n -1.", max_size=120))
def test_text_of_a_page_is_shown_as_it_was_and_never_as_markup(text: str) -> None:
    """Escaped on the way in, so that the article shows the same signs and makes no link, list or emphasis."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = markdown_to_html(page_from_html(f"<main><p>x {escaped} x</p></main>").body)
    assert not re.search(r"<(?!/?p>|br>)", shown)


@given(st.text(max_size=400))
def test_any_page_is_survived_and_shown_without_harm(html: str) -> None:
    shown = markdown_to_html(page_from_html(html).body)
    assert "<script" not in shown
