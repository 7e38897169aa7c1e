"""From Markdown to the plain passages that are searched and quoted. Pure: no model, no database.

A passage ends where a sentence does, so that whoever quotes it quotes something that was said.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

# The embedding model is weak on long text in one vector. 500 was best of 150 to 1500, if not by much.
PASSAGE_CHARACTERS = 500
# A pasted book must not fill the table; its first hundred pages are found.
MAX_PASSAGES = 200

_SENTENCE_END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”)\]]))\s+(?=[\"'“(¿¡]?[A-ZÀ-Þ0-9])")
# What ends with a full stop and no sentence: numbers of list items, and abbreviations before a capital.
_GOES_ON = re.compile(
    r"(?:^\d+|\b(?:sr|sra|dr|dra|mr|mrs|ms|av|tel|nº|no|art|ex|vs|aprox|máx|mín|inc|ltd))\.$", re.IGNORECASE
)
# A comment that nobody ends goes on to the end, as in a browser: looked for once, not from each beginning.
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<[^<>]*>", re.DOTALL)
_NOT_WORDS = re.compile(r"[\W_]+")
_LIST_MARKER = "•"
_DEEPEST_SECTION = 3


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the plain text under it, block by block; the text before any heading has none."""

    heading: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageText:
    """A piece of an article: the heading it stands under (or none) and its plain text."""

    heading: str
    text: str


def title_key(text: str) -> str:
    """Returns what two spellings of one title share: case, accents, punctuation and spaces do not count."""
    # NFKC first: a ligature or a full-width letter has to become plain before its case is folded.
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text[:500]).casefold())
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return _NOT_WORDS.sub(" ", kept).strip()[:300].strip()


def first_heading(markdown: str) -> str:
    """Returns the plain text of the first heading, or an empty string."""
    return next((heading for heading, _blocks in _outline(markdown) if heading), "")


def without_first_heading(markdown: str) -> str:
    """Returns the Markdown without its first heading if nothing but blank lines stands before it."""
    tokens = _parser().parse(markdown)
    if not tokens or tokens[0].type != "heading_open" or tokens[0].map is None:
        return markdown
    return "\n".join(markdown.splitlines()[tokens[0].map[1] :]).strip("\n")


def plain_text(markdown: str) -> str:
    """Returns the text without any mark-up, paragraphs separated by blank lines, list items on their own."""
    return _joined(
        block for section in sections(markdown) for block in (section.heading, *section.blocks) if block
    )


def sections(markdown: str) -> list[Section]:
    """Splits at headings of the first three levels."""
    cleaned = (
        (heading, tuple(filter(None, map(str.strip, blocks)))) for heading, blocks in _outline(markdown)
    )
    return [Section(heading, blocks) for heading, blocks in cleaned if heading or blocks]


def passages(markdown: str) -> list[PassageText]:
    """Cuts an article into passages of at most 500 characters, the opening first.

    A short article is one passage. A long one has its opening (from the start, across headings) and its
    sections, cut between blocks or sentences. An article without text has one empty passage, so that its
    title can be found.
    """
    found = sections(markdown)
    whole = _joined(block for section in found for block in (section.heading, *section.blocks) if block)
    if len(whole) <= PASSAGE_CHARACTERS:
        return [PassageText("", whole)]
    opening = PassageText("", _opening(whole, {section.heading for section in found}))
    pieces = (
        PassageText(section.heading, text)
        for section in found
        for text in _cut(section.blocks, PASSAGE_CHARACTERS)
        if section.heading or not opening.text.startswith(text)
    )
    return [opening, *pieces][:MAX_PASSAGES]


def _opening(whole: str, headings: set[str]) -> str:
    """Returns the beginning of a text; not a heading whose section did not fit any more."""
    lines = next(_cut(whole.split("\n"), PASSAGE_CHARACTERS)).split("\n")
    while len(lines) > 1 and lines[-1] in headings:
        lines.pop()
    return "\n".join(lines)


def sentences(text: str) -> list[str]:
    """Splits plain text where sentences and lines end; nothing is lost but the space between."""
    found: list[str] = []
    for line in text.splitlines():
        begun = ""
        for part in _SENTENCE_END.split(line.strip()):
            begun = f"{begun} {part}" if begun else part
            if not _GOES_ON.search(begun):
                found.append(begun)
                begun = ""
        found.append(begun)
    return [sentence for sentence in found if sentence]


def _cut(blocks: Iterable[str], limit: int) -> Iterator[str]:
    """Joins pieces into texts of at most `limit` characters."""
    text = ""
    for piece, glue in _pieces(blocks, limit):
        if text and len(text) + len(glue) + len(piece) > limit:
            yield text
            text = ""
        text = f"{text}{glue}{piece}" if text else piece
    if text:
        yield text


def _pieces(blocks: Iterable[str], limit: int) -> Iterator[tuple[str, str]]:
    """Gives blocks whole where they fit, else their sentences, else their words; each with what joins it."""
    for block in blocks:
        glue = "\n"
        for sentence in [block] if len(block) <= limit else sentences(block):
            for part in [sentence] if len(sentence) <= limit else _words(sentence, limit):
                yield part, glue
                glue = " "


def _words(sentence: str, limit: int) -> Iterator[str]:
    text = ""
    for word in sentence.split():
        for start in range(0, len(word), limit):
            part = word[start : start + limit]
            if text and len(text) + 1 + len(part) > limit:
                yield text
                text = ""
            text = f"{text} {part}".strip()
    yield text


def _joined(blocks: Iterable[str]) -> str:
    return "\n".join(blocks)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _outline(markdown: str) -> Iterator[tuple[str, list[str]]]:
    """Walks the document once and gives each heading with the plain blocks under it."""
    heading, marker, in_heading = "", "", False
    blocks: list[str] = []
    row: list[str] | None = None
    for token in _parser().parse(markdown):
        match token.type:
            case "heading_open" if int(token.tag[1]) <= _DEEPEST_SECTION:
                yield heading, blocks
                heading, blocks, in_heading = "", [], True
            case "inline" if in_heading:
                heading, in_heading = _inline(token), False
            case "tr_open":
                row = []
            case "tr_close":
                blocks.append(" | ".join(row or ()))
                row = None
            case "list_item_open":
                marker = f"{token.info}. " if token.info else f"{_LIST_MARKER} "
            case "inline":
                (blocks if row is None else row).append(f"{marker}{_inline(token)}")
                marker = ""
            # Mark-up that people pasted: what a reader would see of it, without the tags.
            case "fence" | "code_block" | "html_block":
                blocks.append(_TAG.sub(" ", token.content) if token.type == "html_block" else token.content)
    yield heading, blocks


def _inline(token: Token) -> str:
    """Returns the text of a paragraph, heading or cell as a reader sees it."""
    parts = (
        "\n" if part.type == "hardbreak" else " " if part.type == "softbreak" else _shown(part)
        for part in token.children or ()
    )
    return re.sub(r"[ \t]+", " ", "".join(parts)).strip()


def _shown(part: Token) -> str:
    return part.content if part.type in {"text", "code_inline", "image"} else ""
