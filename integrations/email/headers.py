"""The head of a mail or of one of its parts: fields, encoded words, addresses, dates and ids.

Python's own parser is not used on strangers' mail: its time grows with the depth of a mail times its length,
and it raises on heads that every mail client shows. Limits here are in bytes or characters.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime

from integrations.email.charsets import decoded

MAX_HEAD = 256 * 1024
MAX_LINE = 64 * 1024
MAX_VALUE = 8 * 1024
MAX_ADDRESSES = 100
FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*(.*)", re.DOTALL)
# RFC 2047, §2, and what people's programs make of it: spaces and question marks inside.
WORD = re.compile(
    r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?(.{0,2000}?)\?=(?![0-9A-F]{2})", re.DOTALL
)
BETWEEN = re.compile(r"(\?=)\s+(=\?[^?\s]{1,80}\?[bBqQ]\?)")
ID = re.compile(r"<([^<>\s]{1,900})>")
ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]{1,190}")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields in their order; names in lower case, values raw and unfolded."""

    fields: tuple[tuple[str, bytes], ...]

    def all(self, name: str) -> list[str]:
        """Returns each value of a field as text, encoded words not yet read."""
        return [decoded(value[:MAX_LINE]).strip() for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """Returns the first value of a field as text, or ""."""
        return next((decoded(value[:MAX_LINE]).strip() for key, value in self.fields if key == name), "")

    def text(self, name: str) -> str:
        """Returns the first value of a field as people read it."""
        return words(self.get(name)[:MAX_VALUE])


def read_headers(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """Reads fields from `start` on; returns them and where the body begins.

    A line that is no field ends the head, as if the blank line before the body had been forgotten.
    """
    fields: list[tuple[str, bytearray]] = []
    position = start
    while position < end:
        if position - start > MAX_HEAD:
            return _headers(fields), _after_blank_line(raw, position, end)
        stop = raw.find(b"\n", position, end) + 1 or end
        line = raw[position : min(stop, position + MAX_LINE)].rstrip(b"\r\n")
        if not line:
            return _headers(fields), stop
        if not _take(fields, line) and not (position == start and line.startswith((b"From ", b">From "))):
            return _headers(fields), position
        position = stop
    return _headers(fields), end


def _take(fields: list[tuple[str, bytearray]], line: bytes) -> bool:
    """Adds a line to the fields; False for one that belongs to no head."""
    if line[:1] in {b" ", b"\t"} and fields:
        fields[-1][1].extend(b" " + line.strip())
    elif match := FIELD.match(line):
        fields.append((match[1].lower().decode("ascii"), bytearray(match[2])))
    else:
        return False
    return True


def _headers(fields: list[tuple[str, bytearray]]) -> Headers:
    return Headers(tuple((name, bytes(value)) for name, value in fields))


def _after_blank_line(raw: bytes, position: int, end: int) -> int:
    found = [at + len(blank) for blank in (b"\n\n", b"\n\r\n") if (at := raw.find(blank, position, end)) >= 0]
    return min(found, default=end)


def words(text: str) -> str:
    """Reads encoded words (RFC 2047); what cannot be read stays as it is."""
    if "=?" not in text:
        return " ".join(text.split())
    pieces: list[str] = []
    for charset, content, literal in _runs(BETWEEN.sub(r"\1\2", text)):
        pieces.append(literal or decoded(content, charset))
    return " ".join("".join(pieces).split())


def _runs(text: str) -> Iterator[tuple[str, bytes, str]]:
    """Yields charset, bytes and literal text.

    Neighbours of one charset go together, since many programs cut a character in two.
    """
    position, charset, content = 0, "", b""
    for match in WORD.finditer(text):
        between = text[position : match.start()]
        if content and (between or match[1].lower() != charset):
            yield charset, content, ""
            content = b""
        if between:
            yield "", b"", between
        charset, position = match[1].lower(), match.end()
        piece = _unpacked(match[2], match[3])
        if piece is None:
            yield "", b"", match[0]
        else:
            content += piece
    if content:
        yield charset, content, ""
    if rest := text[position:]:
        yield "", b"", rest


def _unpacked(encoding: str, content: str) -> bytes | None:
    try:
        if encoding in "bB":
            packed = content.encode("ascii")
            return base64.b64decode(packed + b"=" * (-len(packed.rstrip(b"=")) % 4))
        # Eight-bit text inside a word is against the rules, and common.
        return binascii.a2b_qp(content.encode("utf-8"), header=True)
    except (binascii.Error, ValueError):
        return None


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Returns the first word of a Content-Type or Content-Disposition and its parameters, RFC 2231 read."""
    message = Message()
    message["Content-Type"] = value[:MAX_VALUE]
    found: dict[str, str] = {}
    # Python's reader of parameters stumbles over some that are cut in pieces and numbered wrongly.
    with suppress(Exception):
        for name, content in message.get_params(failobj=[], unquote=True)[1:]:
            found.setdefault(name.lower(), words(collapse_rfc2231_value(content)))
    return value.partition(";")[0].strip().strip("\"'").lower()[:100], found


def addresses(headers: Headers, name: str) -> list[tuple[str, str]]:
    """Returns names and addresses of a field, addresses in lower case; broken ones are searched for."""
    found: list[tuple[str, str]] = []
    for value in headers.all(name):
        text = value[: MAX_VALUE * 2]
        pairs = _pairs(text)
        good = [(words(label), address.lower()) for label, address in pairs if ADDRESS.fullmatch(address)]
        if not good:
            readable = words(text)
            good = [
                (words(readable.partition("<")[0]).strip(' "')[:80], match[0].lower())
                for match in ADDRESS.finditer(readable)
            ]
        found += good
    return found[:MAX_ADDRESSES]


def _pairs(text: str) -> list[tuple[str, str]]:
    # Comments within comments, thousands of them.
    with suppress(RecursionError):
        return getaddresses([text])
    return []


def ids(headers: Headers, name: str) -> list[str]:
    """Returns the message ids in a field, without their brackets, in order; some programs leave these out."""
    found: list[str] = []
    for value in headers.all(name):
        text = value[:MAX_LINE]
        found += ID.findall(text) or [each for each in text.split()[:50] if "@" in each and len(each) < 900]  # noqa: PLR2004
    return list(dict.fromkeys(found))


def date(headers: Headers, name: str = "date") -> datetime | None:
    """Returns a date in UTC, or None for one that cannot be read or lies outside of what a mail can have."""
    try:
        found = parsedate_to_datetime(headers.get(name)[:100])
        aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError, AttributeError):
        return None
    return aware if 1980 <= aware.year < 2100 else None  # noqa: PLR2004 (nobody mailed before)
