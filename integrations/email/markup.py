"""HTML of mails: its text, and where the quoted history begins.

A scanner of its own, since its time must grow with the length alone: Python's parser, and those that build a
tree, take very long for what is made for that. Nothing here makes HTML safe; `core.html` does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import islice

MAX_HTML = 2 * 1024 * 1024
TAG = re.compile(r"[a-zA-Z][a-zA-Z0-9:]{0,30}")
# Their content is no text.
SKIPPED = ("script", "style", "title", "xml")
BLOCKS = frozenset(
    {
        *(
            "address",
            "article",
            "blockquote",
            "center",
            "div",
            "dl",
            "dt",
            "dd",
            "fieldset",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
        ),
        *(
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "tbody",
            "thead",
            "tr",
            "ul",
        ),
    }
)
PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "table", "ul", "ol", "blockquote"])
HREF = re.compile(r"href\s{0,5}=\s{0,5}[\"']?(https?://[^\s\"'>]{1,2000})", re.IGNORECASE)
ALT = re.compile(r"\salt\s{0,5}=\s{0,5}(?:\"([^\"]{1,200})\"|'([^']{1,200})')", re.IGNORECASE)
# Elements that hold the quoted history: Gmail, Apple Mail and Thunderbird, Yahoo, Proton, Zoho.
HOLDS_QUOTE = re.compile(
    r"class\s*=\s*[\"']?[^\"'>]{0,80}(gmail_quote|yahoo_quoted|protonmail_quote|zmail_extra|tutanota_quote)|"
    r"type\s*=\s*[\"']?cite",
    re.IGNORECASE,
)
# Elements after which it follows: Outlook of each kind, Thunderbird.
BEFORE_QUOTE = re.compile(
    r"id\s*=\s*[\"']?(x_)?(appendonsend|divRplyFwdMsg|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION)|"
    r"class\s*=\s*[\"']?[^\"'>]{0,80}(moz-cite-prefix|OutlookMessageHeader|gmail_attr)|"
    r"border-top:\s*solid\s+#(E1E1E1|B5C4DF)\s+1",
    re.IGNORECASE,
)
MAX_DEPTH = 50
MAX_TAGS = 40_000
MAX_TOKENS = 200_000
# Outlook's tables in tables come to about a hundred.
MAX_NESTING = 400
# Elements that are empty, or end where the next one begins.
UNCLOSED = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"),
        *("p", "li", "dt", "dd", "option", "td", "th", "tr", "tbody", "thead", "html", "head", "body"),
    }
)
LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of HTML: text, or a tag with its name; `start` and `end` are its place."""

    kind: str
    name: str
    source: str
    start: int
    end: int


def tokens(html: str) -> Iterator[Token]:
    """Yields tags and the text between them; comments and what holds no text are left out."""
    ends = _Ends(html)
    position = 0
    while position < len(html):
        start = html.find("<", position)
        if start < 0 or (end := html.find(">", start)) < 0:
            yield Token("text", "", html[position:], position, len(html))
            return
        if start > position:
            yield Token("text", "", html[position:start], position, start)
        token = _tag(html, start, end + 1)
        position = token.end
        if token.kind == "comment":
            if html.startswith("<!--", start):
                position = ends.after("-->", start + 4, token.end)
            continue
        yield token
        if token.kind == "open" and token.name in SKIPPED and not token.source.endswith("/>"):
            position = ends.before(f"</{token.name}", token.end)


class _Ends:
    """Finds where something ends, and does not look again for what is not there."""

    def __init__(self, html: str) -> None:
        # Python's own lower() makes some letters two, and places would no longer agree.
        self.lower = html.translate(LOWER)
        self.missing: set[str] = set()

    def before(self, mark: str, position: int) -> int:
        found = -1 if mark in self.missing else self.lower.find(mark, position)
        if found < 0:
            self.missing.add(mark)
        return max(found, position)

    def after(self, mark: str, position: int, default: int) -> int:
        found = self.before(mark, position)
        return found + len(mark) if mark not in self.missing else default


def _tag(html: str, start: int, end: int) -> Token:
    source = html[start:end]
    closing = source.startswith("</")
    name = TAG.match(html, start + 1 + closing)
    if name:
        return Token("close" if closing else "open", name[0].lower(), source, start, end)
    if source[1] in "!?/":
        return Token("comment", "", source, start, end)
    # A lone "<" is what somebody wrote.
    return Token("text", "", "<", start, start + 1)


class _Writer:
    """Text that is written line by line, quoted lines with their marks."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = self.verbatim = 0
        self.links: list[tuple[str, int]] = []

    def write(self, text: str) -> None:
        if self.verbatim:
            first, *rest = text.split("\n")
            self.line.append(first)
            for each in rest:
                self.end_line()
                self.line.append(each)
        elif text := re.sub(r"[ \t\n\f\r\xa0]+", " ", text):
            self.line.append(text)

    def end_line(self, *, gap: bool = False) -> None:
        text = "".join(self.line)
        text = text.rstrip() if self.verbatim else " ".join(text.split())
        self.line.clear()
        if text:
            self.lines.append(f"{'> ' * self.quotes}{text}")
        if gap and self.lines and self.lines[-1].strip("> "):
            self.lines.append("> " * self.quotes)

    def line_break(self) -> None:
        if "".join(self.line).strip():
            self.end_line()
        else:
            self.lines.append("> " * self.quotes)

    def tag(self, token: Token) -> None:
        opens = token.kind == "open"
        step = 1 if opens else -1
        if token.name in BLOCKS:
            self.end_line(gap=token.name in PARAGRAPHS and (opens or token.name != "blockquote"))
        if token.name == "blockquote":
            self.quotes = min(MAX_DEPTH, max(0, self.quotes + step))
            self.end_line(gap=not opens)
        elif token.name == "pre":
            self.verbatim = max(0, self.verbatim + step)
        elif token.name == "a":
            self.link(token)
        elif opens:
            self.element(token)

    def element(self, token: Token) -> None:
        if token.name == "br":
            self.line_break()
        elif token.name == "li":
            self.line.append("- ")
        elif token.name in {"td", "th"}:
            self.line.append(" ")
        elif token.name == "hr":
            self.lines.append("---")
        elif token.name == "img" and (alt := ALT.search(token.source[:4000])):
            self.write(f"[{unescape(alt[1] or alt[2])}]")

    def link(self, token: Token) -> None:
        if token.kind == "open":
            target = HREF.search(token.source[:4000])
            self.links = [(unescape(target[1]) if target else "", len(self.line))]
        elif self.links:
            target_url, at = self.links.pop()
            shown = "".join(self.line[at:]).strip()
            if target_url and shown and shown.rstrip("/") not in target_url:
                self.line.append(f" ({target_url})")


def to_text(html: str) -> str:
    """Returns the text of HTML as people read it: lines, lists, links with their addresses, quotes marked."""
    writer = _Writer()
    for token in islice(tokens(html[:MAX_HTML]), MAX_TOKENS):
        if token.kind == "text":
            writer.write(unescape(token.source))
        else:
            writer.tag(token)
    writer.end_line()
    text = "\n".join(line.rstrip() if line.strip("> ") else line.strip() for line in writer.lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def is_monstrous(html: str) -> bool:
    """Whether it has so many elements, or so deep in one another, that building a tree takes very long."""
    if html.count("<") > MAX_TAGS:
        return True
    depth = 0
    for token in tokens(html):
        if token.kind == "close":
            depth = max(0, depth - 1)
        elif token.kind == "open" and token.name not in UNCLOSED and not token.source.endswith("/>"):
            depth += 1
            if depth > MAX_NESTING:
                return True
    return False


def without_quote(html: str) -> str:
    """Returns the HTML up to the quoted history; all of it where that is not at its end, or is everything."""
    for token in tokens(html):
        if token.kind != "open":
            continue
        if BEFORE_QUOTE.search(token.source[:2000]):
            end = len(html)
        elif HOLDS_QUOTE.search(token.source[:2000]):
            end = _end_of(html, token)
        else:
            continue
        kept = html[: token.start]
        # Answers between and below what is quoted stay with it.
        below = to_text(html[end:]).split("\n")
        return kept if to_text(kept) and not any(map(_is_said, below)) else html
    return html


def _is_said(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(">")


def _end_of(html: str, opened: Token) -> int:
    """Where an element ends that begins with the tag."""
    depth = 0
    for token in tokens(html[opened.start :]):
        if token.name == opened.name and not token.source.endswith("/>"):
            depth += 1 if token.kind == "open" else -1
            if depth == 0:
                return opened.start + token.end
    return len(html)
