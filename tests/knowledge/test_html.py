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
        ("<div>one</div><div>two</div>", "one\n\ntwo"),
        ("<div>one<div>two</div>three</div>", "one\n\ntwo\n\nthree"),
        ("<div>\n<div> one </div>\n</div> <b>two</b>", "one \n\n**two**"),
        ("<div>one<br></div><div>two</div>", "one\n\ntwo"),
        ("<b><div>one</div><div>two</div></b>three", "**one two**\n\nthree"),
        ("<a href='https://a.example'><div>one</div><div>two</div></a>", "[one two](<https://a.example>)"),
        ("<pre><div>a</div><div>b</div></pre>", "```\na\nb\n```"),
        ("<blockquote><div>one</div></blockquote>", "> one"),
        ("<ul><li><p>One.</p><p>Two.</p></li><li>x</li></ul>", "- One.\\\nTwo.\n- x"),
        ("<ul><li><div>One</div><div><b>Two</b></div></li></ul>", "- One\\\n**Two**"),
        ("<ul><li>a<ul><li>b</li></ul>c</li></ul>", "- a\n    - b\\\nc"),
        ("<ul><li><h4>One</h4>two</li></ul>", "- \n\n#### One\n\ntwo"),
        (
            "<table><tr><td><p>a</p><p>b</p></td><td><div>c</div></td></tr></table>",
            "| a b | c |\n| --- | --- |",
        ),
        ("<h1><div>Title</div></h1><div>one</div>", "one"),
        ("<p><code>my_var</code> is *a*</p>", "`my_var` is \\*a\\*"),
        ("<p>x <code>a`b</code> <code>`</code></p>", "x ``a`b`` `` ` ``"),
        ("<p><code>a_<b>b</b> <a href='https://a.example'>c</a>\nd</code></p>", "`a_b c d`"),
        ("<p>x<code></code></p>", "x"),
        ("<p><code>a<br>b</code></p>", "`a b`"),
        ("<pre>a<br><b>b</b></pre>", "```\na\nb\n```"),
        ("<code><div>a</div><div>b</div></code>c", "`a b`\n\nc"),
        ("<ul><li><p>a</p><hr>b</li></ul>", "- a\n\n---\n\nb"),
        ("<ul><li><pre><div>a</div></pre>b</li></ul>", "- \n\n```\na\n```\n\nb"),
        ("one<h1><b>Title</b></h1>two", "one\n\ntwo"),
        ("<div>one</div><br><br>two", "one\n\ntwo"),
        ("<table><tr><td><code>a|b_c</code></td></tr></table>", "| `a\\|b_c` |\n| --- |"),
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
        ("<nav>no</nav><main id=a>one</main>two<main>three</main>four", "one\n\ntwo\n\nthree"),
        ("<article>one</article><main>two</main>", "one"),
        ("<main>one<article>two</article>three", "two"),
        ("<div>one</div><div>two", "one\n\ntwo"),
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
        "<div>{}</div>",
        "<div><b>{}</b></div>",
        "<section><code>{}</code></section>",
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
