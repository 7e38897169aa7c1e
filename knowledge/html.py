"""From a web page to Markdown: its text with headings, lists, links, tables; nothing that loads or runs.

nh3 (a browser's parser) first makes any tag soup well-formed and drops what is no article: scripts, menus,
forms. What is left is simple enough for the parser of the standard library.
"""

import re
from collections import deque
from dataclasses import dataclass
from html.parser import HTMLParser

import nh3

# What stands apart from what is around it, and is nothing else to Markdown.
_BOXES = {
    *("div", "section", "article", "main", "address", "figure", "figcaption", "details", "summary"),
    *("fieldset", "legend", "center", "hgroup", "caption"),
}
_KEPT = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "ul", "ol", "li", "a", "strong", "b", "em", "i"),
    *("code", "pre", "blockquote", "table", "tr", "th", "td", "dt", "dd"),
    *_BOXES,
}
_DROPPED = {
    *("script", "style", "nav", "header", "footer", "aside", "form", "noscript", "template", "svg", "math"),
    *("title", "button", "select", "iframe", "object"),
}
_INLINE = {"a", "strong", "b", "em", "i", "code", "br"}
_BREAK = "\\\n"
_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*"}
_MAIN = {tag: re.compile(rf"<{tag}\b", re.IGNORECASE) for tag in ("main", "article")}
_MAIN_END = {tag: re.compile(rf"</{tag}\s*>", re.IGNORECASE) for tag in _MAIN}
# What Markdown would take for mark-up, were it not written by hand.
_SPECIAL = re.compile(r"([\\`*_\[\]<>])")
_LINE_START = re.compile(r"^(\d*)([#+.)-])(?=\s)")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says: its title, its text as Markdown, and the language it declares (or none)."""

    title: str
    body: str
    language: str


def page_from_html(html: str) -> Page:
    """Reads a page. The title is the first h1, which is then left out of the text, else the <title>."""
    head = _Head()
    head.feed(html[:20_000])
    cleaned = nh3.clean(
        _main(html),
        tags=_KEPT,
        clean_content_tags=_DROPPED,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
    )
    writer = _Writer()
    writer.feed(cleaned)
    writer.close()
    body = re.sub(r"\n{3,}", "\n\n", "".join(writer.parts)).strip()
    title = writer.title.strip() or head.title
    return Page(" ".join(title.split()), body, head.language)


def _main(html: str) -> str:
    """Returns what the page says is its article, without the menus and related links around it; else all.

    From the first beginning to the last end, each looked for once: a page may have any number of them.
    """
    found: list[tuple[int, str]] = []
    for tag, opening in _MAIN.items():
        first = opening.search(html)
        start = html.find(">", first.end()) + 1 if first else 0
        if first and start:
            ends = deque(_MAIN_END[tag].finditer(html, start), maxlen=1)
            found += [(start, html[first.start() : end.start()]) for end in ends]
    return min(found)[1] if found else html


class _Head(HTMLParser):
    """Reads the language and the title off the top of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = self.language = ""
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = dict(attrs).get("lang") or ""
        self._in_title = tag == "title" and not self.title

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data


@dataclass
class _List:
    ordered: bool
    count: int = 0


class _Writer(HTMLParser):
    """Writes well-formed, known tags as Markdown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self._lists: list[_List] = []
        self._links: list[str] = []
        self._in_title = self._in_pre = False
        self._cells: list[str] | None = None
        # How many links and emphases are open, what parts the next words from the last, and whether any were
        # said since the last mark; the code that is being read.
        self._inline = 0
        self._gap = ""
        self._said = False
        self._code: str | None = None
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A title that nobody closed ends where the text begins.
        self._in_title = self._in_title and tag in _INLINE | _BOXES
        match tag:
            case "h1" if not self.title:
                self._part()
                self._in_title = True
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._open(f"\n\n{'#' * int(tag[1])} ")
            case "br":
                self._break()
            case "ul" | "ol":
                self._lists.append(_List(tag == "ol"))
                self._write("\n\n" if len(self._lists) == 1 else "")
            case "li":
                self._item()
            case "a":
                self._links.append("" if self._literal else dict(attrs).get("href") or "")
                self._open_inline("[" if self._links[-1] else "")
            case "strong" | "b" | "em" | "i":
                self._open_inline("" if self._literal else _MARKS[tag])
            case _:
                self._open_block(tag)

    def _open_block(self, tag: str) -> None:
        match tag:
            case "pre":
                self._in_pre = True
                self._open("\n\n```\n")
            case "code" if not self._in_pre and self._code is None:
                self._fill_gap()
                self._code = ""
            case "table":
                self._rows = 0
                self._write("\n\n")
            case "tr":
                self._cells = []
            case "td" | "th":
                (self._cells if self._cells is not None else self.parts).append("")
                self._open("")
            case "blockquote":
                self._open("\n\n> ")
            case "hr":
                self._open("\n\n---\n\n")
            case "p" | "dt" | "dd" if self._flows:
                self._write("\n\n" if not self.parts or not self.parts[-1].endswith("> ") else "")
            case _ if tag in _BOXES | {"p", "dt", "dd"}:
                self._part()

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "h1" if self._in_title:
                self._in_title = False
            case "a":
                target = self._links.pop() if self._links else ""
                self._close_inline(f"](<{target}>)" if target else "")
            case "strong" | "b" | "em" | "i":
                self._close_inline("" if self._literal else _MARKS[tag])
            case "code" if not self._in_pre and self._code is not None:
                code, self._code = self._code, None
                self._write(_code(code))
            case _:
                self._close_block(tag)

    def _close_block(self, tag: str) -> None:
        match tag:
            case "pre":
                self._in_pre = False
                self._open("\n```\n\n")
            case "ul" | "ol" if self._lists:
                self._lists.pop()
                self._write("" if self._lists else "\n\n")
                self._part()
            case "tr":
                self._row()
            case "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "table" if self._flows:
                self._write("\n\n")
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "table":
                self._part("\n\n")
            case _ if tag in _BOXES | {"p", "dt", "dd"}:
                self._part()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            return
        if self._in_pre:
            self._fill_gap()
            self._write(data)
            self._said = True
            return
        if self._gap and not data.strip():
            return
        if self._code is not None:
            self._code += f" {data}" if self._gap else data
            self._gap, self._said = "", True
            return
        if self._gap:
            self._fill_gap()
            data = data.lstrip()
        self._said = self._said or bool(data.strip())
        # What the page shows as a star or a bracket must not turn into mark-up.
        text = _SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", data))
        at_line_start = not self.parts or self.parts[-1].endswith("\n")
        self._write(_LINE_START.sub(r"\1\\\2", text.lstrip()) if at_line_start else text)

    def _write(self, text: str) -> None:
        if self._in_title:
            return
        if self._cells:
            self._cells[-1] += text.replace("\n", " ").replace("|", "\\|")
        elif text:
            self.parts.append(text)

    @property
    def _flows(self) -> bool:
        """Whether a paragraph here is one of Markdown: in items and cells there is room for lines only."""
        return not self._lists and self._cells is None

    @property
    def _literal(self) -> bool:
        """Whether code is read, in which marks would show."""
        return self._in_pre or self._code is not None

    def _break(self) -> None:
        if self._code is not None and not self._in_pre:
            self._code += " "
        elif self._in_pre:
            self._write("\n")
        else:
            self._write(_BREAK if self._cells is None and not self._in_title else " ")

    def _open(self, mark: str) -> None:
        """Writes what begins something; nothing parts it from its first words."""
        self._gap, self._said = "", False
        self._write(mark)

    def _open_inline(self, mark: str) -> None:
        self._fill_gap()
        self._inline += 1
        self._said = False
        self._write(mark)

    def _close_inline(self, mark: str) -> None:
        self._inline -= 1
        self._said = True
        self._write(mark)

    def _part(self, gap: str = "") -> None:
        """Notes that what follows, if anything does, stands apart from what was said."""
        if self._in_title:
            self.title += " "
        elif self._said:
            # In an item as a line break is: whatever the depth of the list, it goes on.
            self._gap = self._gap or gap or (_BREAK if self._lists else "\n\n")

    def _fill_gap(self) -> None:
        if not self._gap or self._in_title:
            return
        gap, self._gap = self._gap, ""
        if self._in_pre:
            gap = "\n"
        elif self._inline or self._cells:
            gap = " "
        # A break at the end of a paragraph shows as a backslash.
        while not self._in_pre and self.parts and self.parts[-1] == _BREAK:
            self.parts.pop()
        self._write(gap)

    def _item(self) -> None:
        current = self._lists[-1] if self._lists else _List(ordered=False)
        current.count += 1
        marker = f"{current.count}." if current.ordered else "-"
        self._open(f"\n{'    ' * (len(self._lists) - 1)}{marker} ")

    def _row(self) -> None:
        """Writes a row; the first one is the head that a Markdown table must have."""
        cells, self._cells = self._cells, None
        if not cells:
            return
        self._write(f"| {' | '.join(cell.strip() for cell in cells)} |\n")
        if self._rows == 0:
            self._write(f"|{' --- |' * len(cells)}\n")
        self._rows += 1


def _code(text: str) -> str:
    """Returns code within a line, in more backticks than it holds itself; nothing in it is mark-up."""
    text = re.sub(r"\s+", " ", text)
    if not text.strip():
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{space}{text}{space}{fence}"
