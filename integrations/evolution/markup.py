"""From Markdown to what WhatsApp marks up: *bold*, _italic_, ~struck~, ```code```, and nothing else.

Source: https://faq.whatsapp.com/539178204879377
"""

from collections.abc import Callable, Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def to_whatsapp(text: str) -> str:
    """Returns Markdown as WhatsApp shows it; a link keeps its address, a list its numbers."""
    return _blocks(SyntaxTreeNode(_parser().parse(text)).children).strip()


def _blocks(nodes: Iterable[SyntaxTreeNode], between: str = "\n\n") -> str:
    return between.join(filter(None, (_block(node) for node in nodes)))


def _block(node: SyntaxTreeNode) -> str:
    write = BLOCKS.get(node.type)
    return write(node) if write else _inline(node)


def _list(node: SyntaxTreeNode) -> str:
    start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    lines = []
    for position, item in enumerate(node.children):
        mark = f"{start + position}." if start else "•"
        lines.append(f"{mark} {_blocks(item.children, chr(10)).replace(chr(10), chr(10) + '   ')}")
    return "\n".join(lines)


def _heading(node: SyntaxTreeNode) -> str:
    return f"*{_inline(node)}*"


def _quote(node: SyntaxTreeNode) -> str:
    return "\n".join(f"> {line}" for line in _blocks(node.children).split("\n"))


def _code(node: SyntaxTreeNode) -> str:
    return f"```{node.content.rstrip()}```"


def _inline(node: SyntaxTreeNode) -> str:
    return "".join(_span(child) for child in node.children)


def _span(node: SyntaxTreeNode) -> str:
    if node.type in {"softbreak", "hardbreak"}:
        return "\n"
    if node.type == "link":
        return _link(_inline(node), str(node.attrs.get("href", "")))
    if node.type == "image":
        return _link(node.content, str(node.attrs.get("src", "")))
    mark = MARKS.get(node.type, "")
    return f"{mark}{_inline(node) if node.children else node.content}{mark}"


def _link(text: str, address: str) -> str:
    bare = address.removeprefix("mailto:").removeprefix("tel:")
    return text if not bare or text in {address, bare} else f"{text} ({bare})"


MARKS = {"strong": "*", "em": "_", "s": "~", "code_inline": "`"}
BLOCKS: dict[str, Callable[[SyntaxTreeNode], str]] = {
    "bullet_list": _list,
    "ordered_list": _list,
    "heading": _heading,
    "blockquote": _quote,
    "fence": _code,
    "code_block": _code,
    "hr": lambda _node: "—",
}
