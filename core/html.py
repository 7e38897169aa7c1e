"""From text that others wrote, models included, to HTML that is safe to show. One path for every surface."""

import re
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt

TAGS = {
    *("p", "br", "hr", "a", "strong", "em", "s", "code", "pre", "blockquote"),
    *("ul", "ol", "li", "h1", "h2", "h3", "h4", "table", "thead", "tbody", "tr", "th", "td"),
}
# "*" stands for every tag, which may have `title` and `lang` where nothing is said of it.
ATTRIBUTES = {"*": set[str](), "a": {"href", "title"}, "ol": {"start"}}
# Images are left out on purpose: a remote image in a message tells its sender who read it, and when.
SCHEMES = {"http", "https", "mailto", "tel"}


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True}).enable(
        ["linkify", "table", "strikethrough"]
    )


# Most of what people write is one line of words in which nothing is mark-up, a link or to be escaped.
_SENTENCES = re.compile(r"[^\W\d_](?:[^\W_]|[ ,;!?'()%$€-]|\.(?= |$))*(?<! )")
# Browsers move misplaced parts of tables and lists as they read, and what was moved may move again: three
# times is the most that sixty thousand random mixtures of tags needed.
ROUNDS = 10
# The cleaner's time grows with the square of how deep tags stand in each other.
MAX_TAGS = 40_000


def clean_html(html: str) -> str:
    """Returns the HTML with nothing left that runs, loads or styles; cleaning twice changes nothing.

    Returns "" for more tags than any page has: nobody may keep a worker busy for minutes.
    """
    if html.count("<") > MAX_TAGS:
        return ""
    clean = _cleaned(html)
    for _ in range(ROUNDS):
        before, clean = clean, _cleaned(clean)
        if clean == before:
            break
    return clean


def _cleaned(html: str) -> str:
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener noreferrer nofollow"
    )


def markdown_to_html(text: str) -> str:
    """Renders Markdown (CommonMark, tables, bare links) to safe HTML; HTML in the source is shown as text."""
    return f"<p>{text}</p>\n" if _SENTENCES.fullmatch(text) else _cleaned(_parser().render(text))


def plain_to_html(text: str) -> str:
    """Shows text exactly as typed: escaped, with line breaks and links, no Markdown."""
    if _SENTENCES.fullmatch(text):
        return f"<p>{text}</p>"
    paragraphs = (f"<p>{_linked(part)}</p>" for part in text.replace("\r\n", "\n").split("\n\n"))
    return _cleaned("".join(paragraphs))


def _linked(text: str) -> str:
    """Escapes a paragraph and turns what looks like a web address into a link."""
    found = _parser().linkify
    matches = found.match(text) if found is not None else None
    pieces, position = [], 0
    for match in matches or []:
        pieces.append(escape(text[position : match.index]))
        pieces.append(f'<a href="{escape(match.url)}">{escape(match.text)}</a>')
        position = match.last_index
    pieces.append(escape(text[position:]))
    return "".join(pieces).replace("\n", "<br>")
