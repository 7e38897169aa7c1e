"""Formatted text of a message: its entities, counted in UTF-16, as Markdown for people and as HTML.

https://core.telegram.org/bots/api#messageentity. The HTML is not safe by itself; the spine cleans it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

# What stands before and after, in Markdown and in HTML; everything else is shown as it is.
MARKS = {
    "bold": ("**", "strong"),
    "italic": ("*", "em"),
    "strikethrough": ("~~", "s"),
    "code": ("`", "code"),
}
BLOCKS = {"blockquote", "expandable_blockquote"}
KNOWN = {*MARKS, *BLOCKS, "pre", "text_link"}
WEB = ("http://", "https://", "tg://", "mailto:", "tel:")


@dataclass(frozen=True, slots=True)
class Span:
    """A formatted stretch, in UTF-16 units; `more` is the address of a link or the language of code."""

    kind: str
    start: int
    end: int
    more: str = ""


def units(text: str) -> int:
    """Returns how long Telegram thinks a text is: an emoji counts twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def to_markdown(text: str, entities: Any) -> str:
    """Returns the text with its formatting as Markdown; what people typed is not escaped."""
    return _written(text, _spans(text, entities), lambda piece: piece, _markdown)


def to_html(text: str, entities: Any) -> str:
    """Returns the text as HTML, or "" where there is no formatting to show."""
    spans = _spans(text, entities)
    if not spans:
        return ""
    return _written(text, spans, lambda piece: escape(piece).replace("\n", "<br>"), _html)


def _spans(text: str, entities: Any) -> list[Span]:
    """Reads the entities that show, outermost first; nonsense is left out rather than believed."""
    length = units(text)
    found = []
    for entity in entities if isinstance(entities, list) else ():
        span = _span(entity) if isinstance(entity, Mapping) else None
        if span and 0 <= span.start < span.end <= length:
            found.append(span)
    return sorted(found, key=lambda span: (span.start, -span.end))


def _span(entity: Mapping[str, Any]) -> Span | None:
    kind, start, length = entity.get("type"), entity.get("offset"), entity.get("length")
    if kind not in KNOWN or type(start) is not int or type(length) is not int:
        return None
    more = entity.get("url" if kind == "text_link" else "language")
    more = more if isinstance(more, str) else ""
    if kind == "text_link" and not more.startswith(WEB):
        return None
    return Span(str(kind), start, start + length, more)


def _written(
    text: str, spans: Iterable[Span], plain: Callable[[str], str], mark: Callable[[Span, str], str]
) -> str:
    """Writes the text from the outside in. Spans that overlap without nesting are cut where they cross."""
    raw = text.encode("utf-16-le", "surrogatepass")

    def write(start: int, end: int, inside: list[Span]) -> str:
        pieces, position = [], start
        while inside:
            span = inside.pop(0)
            if span.start < position:
                continue
            pieces.append(plain(_cut(raw, position, span.start)))
            position = span.end
            nested = [
                Span(each.kind, each.start, min(each.end, position), each.more)
                for each in inside
                if each.start < position
            ]
            inside = inside[len(nested) :]
            pieces.append(mark(span, write(span.start, position, nested)))
        return "".join([*pieces, plain(_cut(raw, position, end))])

    return write(0, len(raw) // 2, list(spans))


def _cut(raw: bytes, start: int, end: int) -> str:
    return raw[start * 2 : end * 2].decode("utf-16-le", "replace")


def _markdown(span: Span, inner: str) -> str:
    if not inner.strip():
        return inner
    if span.kind in BLOCKS:
        return "\n".join(f"> {line}" for line in inner.split("\n"))
    if span.kind == "pre":
        return f"```{span.more}\n{inner}\n```"
    # Marks stand next to letters: `** word **` would be shown as stars.
    bare = inner.strip()
    before, _, after = inner.partition(bare)
    if span.kind == "text_link":
        return f"{before}[{bare}]({span.more}){after}"
    sign = MARKS[span.kind][0]
    return f"{before}{sign}{bare}{sign}{after}"


def _html(span: Span, inner: str) -> str:
    if span.kind in BLOCKS:
        return f"<blockquote>{inner}</blockquote>"
    if span.kind == "pre":
        return f"<pre><code>{inner.replace('<br>', chr(10))}</code></pre>"
    if span.kind == "text_link":
        return f'<a href="{escape(span.more)}">{inner}</a>'
    tag = MARKS[span.kind][1]
    return f"<{tag}>{inner}</{tag}>"
