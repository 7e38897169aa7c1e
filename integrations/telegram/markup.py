"""Our Markdown in the few tags that Telegram knows, and text cut to the length it takes.

https://core.telegram.org/bots/api#html-style. Headings become bold lines, lists lines with bullets, tables
fixed-width text; images their description and address. Limits count UTF-16 units of what is shown.
"""

from collections.abc import Sequence
from functools import cache
from html import escape, unescape
from re import compile as pattern

from markdown_it import MarkdownIt
from markdown_it.token import Token

from integrations.telegram.entities import units

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
TAGS = {"strong": "b", "em": "i", "s": "s"}
LINKS = ("http://", "https://", "tg://", "mailto:", "tel:")
RULE = "———"
_tag = pattern(r"<[^>]*>")


@cache
def _parser() -> MarkdownIt:
    # The same dialect that the desk and the widget show (`core.html`), but for bare links: Telegram finds
    # these itself.
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def to_telegram(markdown: str) -> str:
    """Returns the HTML that `parse_mode=HTML` takes; every tag is closed and nothing typed becomes one."""
    return _Writer().written(_parser().parse(markdown)).strip("\n")


def shown_units(html: str) -> int:
    """Returns how long Telegram will count our HTML: without its tags."""
    return units(unescape(_tag.sub("", html)))


def pieces_of(text: str, limit: int) -> list[str]:
    """Cuts a text into pieces of at most `limit` UTF-16 units, between lines or words where it can."""
    pieces, rest = [], text
    while units(rest) > limit:
        head = _head(rest, limit)
        cut = max(head.rfind("\n"), head.rfind(" ")) if len(head) < len(rest) else len(head)
        # A cut in the first half would make crumbs of a long word.
        cut = cut if cut > len(head) // 2 else len(head)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [piece for piece in (*pieces, rest) if piece]


def _head(text: str, limit: int) -> str:
    """The longest beginning that fits; no character is cut in two."""
    head = text[:limit]
    while units(head) > limit:
        head = head[: len(head) - max(1, (units(head) - limit) // 2)]
    return head


class _Writer:
    """Writes the tokens of a text one after the other."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.lists: list[int | None] = []
        self.cells: list[str] = []
        self.rows: list[list[str]] = []
        self.links: list[bool] = []
        self.quotes = 0

    def written(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            write = getattr(self, f"_{token.type}", None)
            if write is not None:
                write(token)
            elif token.type.endswith(("_open", "_close")):
                self._mark(token)
        return "".join(self.out)

    def _mark(self, token: Token) -> None:
        if tag := TAGS.get(token.tag):
            self.out.append(f"<{'/' if token.nesting < 0 else ''}{tag}>")

    def _inline(self, token: Token) -> None:
        self.written(token.children or [])

    def _text(self, token: Token) -> None:
        self.out.append(escape(token.content, quote=False))

    def _softbreak(self, token: Token) -> None:
        del token
        self.out.append("\n")

    _hardbreak = _softbreak

    def _code_inline(self, token: Token) -> None:
        self.out.append(f"<code>{escape(token.content, quote=False)}</code>")

    def _fence(self, token: Token) -> None:
        self.out.append(f"<pre>{escape(token.content.rstrip(), quote=False)}</pre>\n\n")

    _code_block = _fence

    def _image(self, token: Token) -> None:
        address = str(token.attrGet("src") or "")
        self.out.append(escape(" ".join(part for part in (token.content, address) if part), quote=False))

    def _link_open(self, token: Token) -> None:
        address = str(token.attrGet("href") or "")
        # Telegram refuses the whole message for an address it does not take.
        self.links.append(address.startswith(LINKS))
        if self.links[-1]:
            self.out.append(f'<a href="{escape(address)}">')

    def _link_close(self, token: Token) -> None:
        del token
        if self.links.pop():
            self.out.append("</a>")

    def _paragraph_close(self, token: Token) -> None:
        self.out.append("\n" if token.hidden or self.lists else "\n\n")

    def _heading_open(self, token: Token) -> None:
        del token
        self.out.append("<b>")

    def _heading_close(self, token: Token) -> None:
        del token
        self.out.append("</b>\n\n")

    def _hr(self, token: Token) -> None:
        del token
        self.out.append(f"{RULE}\n\n")

    def _blockquote_open(self, token: Token) -> None:
        del token
        self.quotes += 1
        # Telegram knows no quote within a quote.
        if self.quotes == 1:
            self.out.append("<blockquote>")

    def _blockquote_close(self, token: Token) -> None:
        del token
        self.quotes -= 1
        if self.quotes == 0:
            while self.out and self.out[-1].isspace():
                self.out.pop()
            self.out.append("</blockquote>\n\n")

    def _bullet_list_open(self, token: Token) -> None:
        del token
        self.lists.append(None)

    def _ordered_list_open(self, token: Token) -> None:
        self.lists.append(int(token.attrGet("start") or 1))

    def _bullet_list_close(self, token: Token) -> None:
        del token
        self.lists.pop()
        if not self.lists:
            self.out.append("\n")

    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, token: Token) -> None:
        del token
        number = self.lists[-1]
        self.out.append("  " * (len(self.lists) - 1))
        self.out.append("• " if number is None else f"{number}. ")
        if number is not None:
            self.lists[-1] = number + 1

    def _tr_open(self, token: Token) -> None:
        del token
        self.rows.append([])

    def _td_open(self, token: Token) -> None:
        del token
        self.cells, self.out = self.out, []

    _th_open = _td_open

    def _td_close(self, token: Token) -> None:
        del token
        # Within fixed-width text Telegram shows no other marks.
        self.rows[-1].append(unescape(_tag.sub("", "".join(self.out))))
        self.out = self.cells

    _th_close = _td_close

    def _table_close(self, token: Token) -> None:
        del token
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=False)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            for row in self.rows
        ]
        self.out.append(
            f"<pre>{escape(chr(10).join(line.rstrip() for line in lines), quote=False)}</pre>\n\n"
        )
        self.rows = []
