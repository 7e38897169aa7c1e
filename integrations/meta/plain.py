"""Markdown as people read it in an app that shows text exactly as it is sent."""

from html.parser import HTMLParser

from core.html import markdown_to_html

BLOCKS = {"p", "h1", "h2", "h3", "h4", "blockquote", "pre", "table", "ul", "ol", "hr"}
CELLS = {"td", "th"}


def plain(markdown: str) -> str:
    """Returns the words without marks: lists keep their bullets and numbers, links their addresses."""
    words = _Words()
    words.feed(markdown_to_html(markdown))
    words.close()
    return words.text.strip()


class _Words(HTMLParser):
    """Writes down what the HTML of `core.html` says; its tags are few and well nested."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        # The number of the next item, or None in a list without numbers; the innermost list stands last.
        self._lists: list[int | None] = []
        self._is_fresh = False
        self._is_code = 0
        self._link = ("", 0)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in BLOCKS:
            self._break(1 if self._lists else 2)
        if tag == "br":
            self.text += "\n"
        elif tag in {"ul", "ol"}:
            self._lists.append(int(given.get("start") or 1) if tag == "ol" else None)
        elif tag == "li":
            self._bullet()
        elif tag == "tr":
            self._break(1)
        elif tag in CELLS and self.text and not self.text.endswith("\n"):
            self.text += " | "
        elif tag == "a":
            self._link = (given.get("href") or "", len(self.text))
        self._is_code += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"ul", "ol"}:
            self._lists.pop()
        elif tag == "a":
            self._address()
        if tag in BLOCKS:
            self._is_code -= tag == "pre"
            self._break(1 if self._lists else 2)

    def handle_data(self, data: str) -> None:
        # Between tags stand line breaks that nobody means.
        kept = data if self._is_code else data.strip("\n")
        self._is_fresh = self._is_fresh and not kept
        self.text += kept

    def _bullet(self) -> None:
        self._break(1)
        indent = "  " * (len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            self.text += f"{indent}- "
        else:
            self._lists[-1] = number + 1
            self.text += f"{indent}{number}. "
        self._is_fresh = True

    def _break(self, lines: int) -> None:
        """Ends the line, and leaves one empty for a paragraph; an item's first paragraph stays beside it."""
        if self._is_fresh:
            return
        self.text = self.text.rstrip(" ")
        have = len(self.text) - len(self.text.rstrip("\n"))
        self.text += "\n" * max(0, lines - have if self.text else 0)

    def _address(self) -> None:
        """Shows where a link leads, unless its words say so."""
        href, start = self._link
        words = self.text[start:]
        if href and href.removeprefix("mailto:").rstrip("/") not in {words.rstrip("/"), f"http://{words}"}:
            self.text += f" ({href.removeprefix('mailto:')})"
