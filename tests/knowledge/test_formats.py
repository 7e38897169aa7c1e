"""Markdown, HTML and CSV to documents, and what cannot be read."""

from pathlib import Path

import pytest

from knowledge import formats
from knowledge.documents import Document, Rejected


def read(
    data: bytes | str, kind: str = "markdown", name: str = "a-file.md", url: str = ""
) -> list[Document | Rejected]:
    raw = data.encode() if isinstance(data, str) else data
    return list(formats.read(raw, kind=kind, key="file:/a", name=name, url=url))


def document(data: bytes | str, kind: str = "markdown", **more: str) -> Document:
    (found,) = read(data, kind, **more)
    assert isinstance(found, Document), found
    return found


def reason(data: bytes | str, kind: str = "markdown") -> str:
    (found,) = read(data, kind)
    assert isinstance(found, Rejected), found
    return found.reason


def test_markdown_title_is_the_first_heading_and_leaves_the_text() -> None:
    found = document("# Delivery *times*\n\nTwo days.\n\n## Islands\n\nFive.")
    assert (found.title, found.body) == ("Delivery times", "Two days.\n\n## Islands\n\nFive.")
    assert found.key == "file:/a"


def test_markdown_without_heading_is_named_after_its_file() -> None:
    assert document("Text.", name="pt/prazo_de-entrega.md").title == "Prazo de entrega"


def test_markdown_front_matter_is_read_and_removed() -> None:
    found = document(
        "---\r\ntitle: 'A: title'\r\nteam: finance\r\ntags: [pix, \"card\", pix]\r\nlanguage: pt-BR\r\n"
        "url: https://example.com/a\r\nnonsense\r\n---\r\n# Other heading\r\n\r\nText."
    )
    assert found.title == "A: title"
    assert found.body == "# Other heading\n\nText."
    assert (found.team, found.tags, found.language) == ("finance", ("pix", "card"), "pt-BR")
    assert found.url == "https://example.com/a"


def test_markdown_heading_that_repeats_the_title_is_not_shown_twice() -> None:
    assert document("---\ntitle: Pix\n---\n# Pix\n\nText.").body == "Text."


def test_markdown_rule_is_no_front_matter() -> None:
    assert document("Text\n\n---\n\nteam: finance\n\n---\n").team == ""


def test_markdown_address_that_is_not_of_the_web_is_dropped() -> None:
    assert document("---\nurl: javascript:alert(1)\n---\n# A\n\nText.").url == ""


def test_markdown_long_title_is_cut() -> None:
    title = document(f"# {'word ' * 80}\n\nText.").title
    assert len(title) == formats.MAX_TITLE_CHARACTERS
    assert title.endswith("…")


def test_markdown_byte_order_mark_and_line_ends_do_not_matter() -> None:
    assert document(b"\xef\xbb\xbf# Ol\xc3\xa1\r\n\r\nUm.\rDois.") == document("# Olá\n\nUm.\nDois.")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"# Title only\n", "no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary, not text"),
        ("# Título\n\nNão".encode("latin-1"), "not encoded in UTF-8"),
        ("# A\n\nb".encode("utf-16"), "binary, not text"),
        (b"# A\n\n" + b"x" * formats.MAX_BYTES, "larger than 2048 KB"),
        (b"# A\n\n" + b"x " * 300_000, "more than 500000 characters of text"),
    ],
)
def test_markdown_that_cannot_be_read_says_why(data: bytes, expected: str) -> None:
    assert reason(data) == expected


PAGE = """<!doctype html><html lang="es-MX"><head><title> Ayuda | Tienda </title><style>p{}</style></head>
<body><header><a href="/">Inicio</a></header><nav>Menú</nav>
<main><h1>Cambiar la <em>contraseña</em></h1>
<p>Abre   <a href="https://example.com/a?b=1&amp;c=2">tu cuenta</a>
y pulsa <b>Cambiar</b>.<br>Luego espera.</p><h2>Pasos</h2>
<ol><li>Uno<ul><li>dentro</li></ul></li><li>Dos</li></ol>
<table><tr><th>Plan</th><th>Precio</th></tr><tr><td>A | B</td><td>9</td></tr></table>
<pre><code>x = 1
y = 2</code></pre><blockquote><p>Nota.</p></blockquote><p>1. no es lista * ni _esto_ &lt;b&gt;</p>
<script>alert(1)</script><form><input value="x"><button>Enviar</button></form></main>
<footer>Pie</footer></body></html>"""


def test_html_page_becomes_markdown() -> None:
    found = document(PAGE, "html", name="a.html", url="https://example.com/ayuda")
    assert (found.title, found.language) == ("Cambiar la contraseña", "es-MX")
    assert found.url == "https://example.com/ayuda"
    expected = r"""Abre [tu cuenta](<https://example.com/a?b=1&c=2>) y pulsa **Cambiar**.\
Luego espera.

## Pasos

1. Uno
    - dentro
2. Dos

| Plan | Precio |
| --- | --- |
| A \| B | 9 |

```
x = 1
y = 2
```

> Nota.

1\. no es lista \* ni \_esto\_ \<b\>"""
    assert found.body == expected


def test_html_without_main_leaves_out_what_is_no_article() -> None:
    found = document("<title>Help</title><nav>Menu</nav><div>Plain words.</div><footer>Foot</footer>", "html")
    assert (found.title, found.body) == ("Help", "Plain words.")


def test_html_nothing_that_runs_or_loads_survives() -> None:
    found = document(
        "<h1>A</h1><p onclick=alert(1)>Text <a href='javascript:alert(1)'>click</a>"
        "<img src=x onerror=alert(1)><iframe src=//evil></iframe><svg><script>alert(2)</script></svg></p>",
        "html",
    )
    assert found.body == "Text click"


def test_html_tag_soup_is_read() -> None:
    found = document("<h1>T<p>One <b>two<p>three</h2><li>four", "html")
    assert found.title == "T"
    assert "three" in found.body


def test_html_declared_charset_is_believed() -> None:
    raw = '<meta charset="iso-8859-1"><h1>Não</h1><p>Ação</p>'.encode("latin-1")
    assert document(raw, "html").title == "Não"


def test_html_charset_that_does_not_exist_is_utf8() -> None:
    assert document("<meta charset=nonsense><h1>Não</h1><p>x</p>", "html").title == "Não"


@pytest.mark.parametrize("charset", ["rot13", "hex", "zlib", "undefined", "punycode"])
def test_html_charset_that_is_none_of_text_is_utf8(charset: str) -> None:
    found = document(f'<meta charset="{charset}"><h1>Title</h1><p>x</p>', "html")
    assert (found.title, found.body) == ("Title", "x")


@pytest.mark.parametrize(
    ("charset", "text"),
    [("unicode_escape", rb"a\ud800b"), ("unicode_escape", rb"a\x00b"), ("utf-7", b"a+2AA-b")],
)
def test_html_what_no_database_takes_is_taken_away(charset: str, text: bytes) -> None:
    found = document(b'<meta charset="' + charset.encode() + b'"><h1>T</h1><p>' + text + b"</p>", "html")
    assert found.body in {"ab", "a?b"}


def test_html_without_words_says_so() -> None:
    assert reason("<html><body><script>x()</script></body></html>", "html") == "no text"


def test_csv_rows_are_documents() -> None:
    first, second = read(
        "Title,Text,Language,URL,team,tags\n"
        'Pix,"One, ""two""\nthree",pt,https://example.com/pix,finance,"a, b"\n'
        "Card,Text,,,,\n",
        "csv",
    )
    assert first == Document(
        key="file:/a#pt:https://example.com/pix",
        title="Pix",
        body='One, "two"\nthree',
        language="pt",
        team="finance",
        tags=("a", "b"),
        url="https://example.com/pix",
    )
    assert isinstance(second, Document)
    assert second.key == "file:/a#:card"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiter_is_read_off_the_first_line(delimiter: str) -> None:
    (found,) = read(f"title{delimiter}body\nA{delimiter}Text", "csv")
    assert isinstance(found, Document)


def test_csv_bad_rows_are_named_by_line_and_the_others_kept() -> None:
    found = read("title,text\nA,one\n,two\nB,\nC,three,four\na,again\nD,five\n", "csv", name="faq.csv")
    assert [item.title for item in found if isinstance(item, Document)] == ["A", "D"]
    assert [(item.name, item.reason) for item in found if isinstance(item, Rejected)] == [
        ("faq.csv, line 3", "no title"),
        ("faq.csv, line 4", "no text"),
        ("faq.csv, line 5", "more fields than columns"),
        ("faq.csv, line 6", "the same title (or url) as a line above"),
    ]


def test_csv_same_title_in_two_languages_is_two_articles() -> None:
    found = read("title,text,language\nPix,um,pt\nPix,one,en\n", "csv")
    assert len({item.key for item in found if isinstance(item, Document)}) == 2


def test_csv_broken_in_the_middle_keeps_what_came_before() -> None:
    found = read('title,text\nA,one\nB,"open\n', "csv")
    assert [type(item) for item in found] == [Document, Rejected]
    assert isinstance(found[1], Rejected)
    assert found[1].reason.startswith("broken CSV after line 2")


@pytest.mark.parametrize("text", ["name,text\nA,b\n", "title,words\nA,b\n", "just words\n"])
def test_csv_without_the_columns_says_which_it_needs(text: str) -> None:
    assert reason(text, "csv") == "needs the columns title and text (or body) in its first line"


def test_every_suffix_has_a_reader() -> None:
    assert {formats.SUFFIXES[Path(name).suffix] for name in ("a.md", "b.html", "c.csv")} == {
        *("markdown", "html", "csv")
    }
