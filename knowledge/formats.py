"""Markdown, HTML, CSV, PDF and Word, from bytes to documents. Bytes in, documents and rejections out."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from core.storable import storable
from knowledge.documents import Document, Rejected, Unreadable
from knowledge.html import page_from_html
from knowledge.office import unpacked
from knowledge.text import first_heading, title_key, without_first_heading

SUFFIXES = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".txt"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".csv": "csv",
    ".pdf": "pdf",
    ".docx": "docx",
}
MEDIA_TYPES = {
    **dict.fromkeys(("text/html", "application/xhtml+xml"), "html"),
    **dict.fromkeys(("text/markdown", "text/x-markdown", "text/plain"), "markdown"),
    **dict.fromkeys(("text/csv", "application/csv"), "csv"),
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
KNOWN = "Markdown, HTML, CSV, PDF or Word (.docx)"
MAX_BYTES = 2 * 1024 * 1024  # of one page; tables may have ten times as much
MAX_TABLE_BYTES = 10 * MAX_BYTES
MAX_BODY_CHARACTERS = 500_000
MAX_TITLE_CHARACTERS = 200

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)


def read(data: bytes, *, kind: str, key: str, name: str, url: str = "") -> Iterator[Document | Rejected]:
    """Reads one file. `name` is shown to people and gives a title where the text has none."""
    try:
        if kind == "csv":
            yield from _table(_decoded(data, MAX_TABLE_BYTES), key, name)
        elif kind == "html":
            yield _page(_decoded(data, MAX_BYTES, _declared_charset(data)), key, name, url)
        elif kind in {"pdf", "docx"}:
            yield _office(data, kind, key, name, url)
        else:
            yield _markdown(_decoded(data, MAX_BYTES), key, name, url)
    except Unreadable as error:
        yield Rejected(key, name, str(error))


def pasted(text: str, *, key: str, title: str) -> Iterator[Document | Rejected]:
    """Makes one document of a text (Markdown) that somebody has pasted."""
    try:
        yield _checked(Document(key=key, title=title, body=text.strip()))
    except Unreadable as error:
        yield Rejected(key, title, str(error))


def _office(data: bytes, kind: str, key: str, name: str, url: str) -> Document:
    if len(data) > MAX_TABLE_BYTES:
        raise Unreadable(f"larger than {MAX_TABLE_BYTES // 1024} KB")
    if not data:
        raise Unreadable("empty")
    found = unpacked(data, kind)
    if "html" in found:
        return _page(storable(found["html"]), key, name, url)
    text = storable(found["text"])
    return _checked(Document(key=key, title=_name_as_title(name), body=text, url=url))


def _decoded(data: bytes, limit: int, charset: str = "utf-8") -> str:
    """Returns the text, or raises Unreadable with the reason a person can act on."""
    if len(data) > limit:
        raise Unreadable(f"larger than {limit // 1024} KB")
    if not data.strip():
        raise Unreadable("empty")
    # Text has no NUL, and Postgres takes none; UTF-16 is caught here too.
    if b"\0" in data:
        raise Unreadable("binary, not text")
    try:
        text = data.decode("utf-8-sig" if charset == "utf-8" else charset)
    except UnicodeDecodeError:
        raise Unreadable(f"not encoded in {charset.upper()}") from None
    except (LookupError, UnicodeError):
        # Python knows codecs that are none of text (rot13, hex, punycode): a page that names one names none.
        return _decoded(data, limit)
    # Some encodings (UTF-7, unicode_escape) can spell what neither a parser nor a database takes.
    return storable(text).replace("\r\n", "\n").replace("\r", "\n")


def decoded_page(data: bytes) -> str:
    """Returns the text of an HTML page for whoever looks for links; nothing where it cannot be read."""
    try:
        return _decoded(data, MAX_BYTES, _declared_charset(data))
    except Unreadable:
        return ""


def _declared_charset(data: bytes) -> str:
    """The encoding an HTML page claims for itself; UTF-8 where it claims none that is known."""
    found = _CHARSET.search(data[:2048])
    try:
        return codecs.lookup(found[1].decode("ascii")).name if found else "utf-8"
    except LookupError:
        return "utf-8"


def _markdown(text: str, key: str, name: str, url: str) -> Document:
    facts, body = _front_matter(text)
    title = facts.get("title") or first_heading(body) or _name_as_title(name)
    if not facts.get("title") or facts["title"] == first_heading(body):
        # The page shows the title itself; a heading that only repeats it is not shown twice.
        body = without_first_heading(body)
    return _checked(
        Document(
            key=key,
            title=title,
            body=body.strip(),
            language=facts.get("language") or facts.get("lang", ""),
            team=facts.get("team", ""),
            category=facts.get("category", ""),
            tags=_tags(facts.get("tags", "")),
            url=facts.get("url", url),
        )
    )


def _page(text: str, key: str, name: str, url: str) -> Document:
    page = page_from_html(text)
    return _checked(
        Document(
            key=key,
            title=page.title or _name_as_title(name),
            body=page.body,
            language=page.language,
            url=url,
        )
    )


def _table(text: str, key: str, name: str) -> Iterator[Document | Rejected]:
    """Reads the rows of a table: title, text or body, and perhaps language, url, team, category, tags."""
    # strict: a quote that is never closed would otherwise swallow the rest of the file as one answer.
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text), strict=True)
    try:
        columns = {_column(column) for column in reader.fieldnames or ()}
        if "title" not in columns or not columns & {"text", "body"}:
            raise Unreadable("needs the columns title and text (or body) in its first line")
        seen: set[str] = set()
        for row in reader:
            yield _row(row, key, f"{name}, line {reader.line_num}", seen)
    except csv.Error as error:
        raise Unreadable(f"broken CSV after line {reader.line_num}: {error}") from error


def rows(pairs: Iterable[dict[str | None, Any]], *, key: str) -> Iterator[Document | Rejected]:
    """Makes documents of rows that were never a file: titles and texts, known by their titles."""
    seen: set[str] = set()
    for pair in pairs:
        yield _row({**pair}, key, str(pair["title"]), seen)


def _row(row: dict[str | None, Any], key: str, name: str, seen: set[str]) -> Document | Rejected:
    facts = {
        _column(column): value.strip()
        for column, value in row.items()
        if column is not None and isinstance(value, str)
    }
    title, url = facts.get("title", ""), facts.get("url", "")
    # Not the line number: it changes with every line that is put in above.
    identity = f"{key}#{facts.get('language', '')}:{url or title_key(title)}"[:500]
    if row.get(None):
        return Rejected(identity, name, "more fields than columns")
    if not title:
        return Rejected(identity, name, "no title")
    if identity in seen:
        return Rejected(identity, name, "the same title (or url) as a line above")
    seen.add(identity)
    document = Document(
        key=identity,
        title=title,
        body=facts.get("text") or facts.get("body", ""),
        language=facts.get("language", ""),
        team=facts.get("team", ""),
        category=facts.get("category", ""),
        tags=_tags(facts.get("tags", "")),
        url=url,
    )
    try:
        return _checked(document)
    except Unreadable as error:
        return Rejected(identity, name, str(error))


def _column(name: str | None) -> str:
    """Returns what a column holds, by its heading."""
    heading = (name or "").strip().lower()
    return {"question": "title", "answer": "text"}.get(heading, heading)


def _dialect(text: str) -> type[csv.Dialect]:
    """Comma, semicolon or tab, by the first line; the rest as RFC 4180 has it."""
    first_line = text.partition("\n")[0]

    class Found(csv.excel):
        delimiter = max(",;\t", key=first_line.count)

    return Found


def _checked(document: Document) -> Document:
    """Returns the document in the form it is stored in, or raises Unreadable."""
    if not document.body.strip():
        raise Unreadable("no text")
    if len(document.body) > MAX_BODY_CHARACTERS:
        raise Unreadable(f"more than {MAX_BODY_CHARACTERS} characters of text")
    title = " ".join(document.title.split())
    if len(title) > MAX_TITLE_CHARACTERS:
        title = f"{title[: MAX_TITLE_CHARACTERS - 1]}…"
    # A link customers click comes out of a file that somebody sent: nothing but addresses of the web.
    url = document.url if document.url.startswith(("https://", "http://")) else ""
    return replace(document, title=title, url=url[:500])


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """Splits off `name: value` lines between two `---` at the top; nothing more of YAML is read."""
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text
    pairs = (line.partition(":") for line in found[1].splitlines())
    facts = {name.strip().lower(): value.strip().strip("\"'") for name, colon, value in pairs if colon}
    return facts, text[found.end() :]


def _tags(text: str) -> tuple[str, ...]:
    parts = (part.strip().strip("\"'") for part in text.strip("[]").split(","))
    return tuple(dict.fromkeys(part[:40] for part in parts if part))


def _name_as_title(name: str) -> str:
    words = re.sub(r"[-_]+", " ", PurePosixPath(name).stem).strip()
    return words[:1].upper() + words[1:]
