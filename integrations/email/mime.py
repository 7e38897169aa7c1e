"""The tree of a mail's parts (RFC 2045 and 2046), read within limits from mail that keeps no rule.

Parts are places in the one buffer of the mail, copied only when their content is asked for: forty levels of
a mail of fifty megabytes cost no more than one. Whatever is too deep, too many or has no boundary is kept as
the text or the file it looks like.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice

from integrations.email.headers import Headers, parameters, read_headers, words

MAX_DEPTH = 25
MAX_PARTS = 2000
# Of 45 bytes each.
MAX_UU_LINES = 500_000
TYPE = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,90}", re.ASCII)
GUESSED_BOUNDARY = re.compile(rb"--([^\r\n]{4,70}?)(?:--)?[ \t]*\r?\n")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


@dataclass(frozen=True, slots=True)
class Entity:
    """A mail or one of its parts. `raw[start:end]` is its body, not yet decoded."""

    headers: Headers
    content_type: str
    params: Mapping[str, str]
    disposition: str
    name: str
    raw: bytes = field(repr=False)
    start: int = 0
    end: int = 0
    children: tuple["Entity", ...] = ()

    @property
    def content_id(self) -> str:
        """The id by which HTML of the same mail names it."""
        return self.headers.get("content-id").strip("<> ")[:200]

    @property
    def charset(self) -> str:
        """What the part says of its text."""
        return self.params.get("charset", "")

    def content(self) -> bytes:
        """Returns the body decoded as far as it can be."""
        return _decoded(self.raw[self.start : self.end], self.headers.get("content-transfer-encoding"))

    def walk(self) -> Iterator["Entity"]:
        """Yields itself and everything below, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


class _Budget:
    """How many parts may still be made."""

    def __init__(self) -> None:
        self.left = MAX_PARTS


def read(raw: bytes) -> Entity:
    """Reads a mail; never raises."""
    if b"\n" not in raw[:65536] and b"\r" in raw[:65536]:
        raw = raw.replace(b"\r", b"\n")
    start = len(raw) - len(raw.lstrip(b"\r\n \t\xef\xbb\xbf"))
    return _entity(raw, start, len(raw), 0, _Budget(), "text/plain")


def _entity(raw: bytes, start: int, end: int, depth: int, budget: _Budget, default: str) -> Entity:  # noqa: PLR0917
    budget.left -= 1
    headers, body = read_headers(raw, start, end)
    content_type, params = parameters(headers.get("content-type"))
    if not TYPE.fullmatch(content_type):
        content_type = default
    disposition, more = parameters(headers.get("content-disposition"))
    children: tuple[Entity, ...] = ()
    if content_type.startswith("multipart/"):
        children = _children(raw, (body, end), (depth, budget), content_type, params.get("boundary", ""))
        # Without parts it is what stands there.
        content_type = content_type if children else "text/plain"
    name = " ".join(words(more.get("filename") or params.get("name", "")).split())[:200]
    return Entity(headers, content_type, params, disposition, name, raw, body, end, children)


def _children(
    raw: bytes, place: tuple[int, int], state: tuple[int, _Budget], content_type: str, boundary: str
) -> tuple[Entity, ...]:
    depth, budget = state
    if depth >= MAX_DEPTH:
        return ()
    default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    found = []
    for start, end in _sections(raw, *place, boundary.encode("utf-8", "replace")):
        if budget.left <= 0:
            break
        found.append(_entity(raw, start, end, depth + 1, budget, default))
    return tuple(found)


def _sections(raw: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yields where parts begin and end; a last part whose end is missing goes to the end of the whole."""
    if not boundary:
        guess = GUESSED_BOUNDARY.search(raw, start, min(end, start + 4096))
        if guess is None:
            return
        boundary = guess[1]
    opened = -1
    for match in _marks(raw, start, end, b"--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)"):
        if opened >= 0:
            yield min(opened, match.start()), _before_line_end(raw, opened, match.start())
        opened = min(end, raw.find(b"\n", match.end(), end) + 1 or end)
        if match[1]:
            return
    if 0 <= opened < end:
        yield opened, end


def _marks(raw: bytes, start: int, end: int, mark: bytes) -> Iterator[re.Match[bytes]]:
    """Boundaries at the beginning of lines; found from the line end before, which is quick to search for."""
    if first := re.compile(mark).match(raw, start, end):
        yield first
    yield from re.compile(b"\n" + mark).finditer(raw, start, end)


def _before_line_end(raw: bytes, start: int, end: int) -> int:
    """The line end before a boundary belongs to the boundary; `end` is where its last character stands."""
    if end > start and raw[end - 1] == ord("\r"):
        end -= 1
    return end


def _decoded(body: bytes, encoding: str) -> bytes:
    name = encoding.strip().strip("\"'").lower()
    if name == "base64":
        return _from_base64(body)
    if name == "quoted-printable":
        return binascii.a2b_qp(body)
    if name in {"x-uuencode", "uuencode", "uue", "x-uue"}:
        return _from_uuencode(body)
    return body


def _from_base64(body: bytes) -> bytes:
    """Reads base64 with holes, wrong padding or text around it."""
    with suppress(binascii.Error):
        return b64decode(body)
    kept = NOT_BASE64.sub(b"", body)
    return b64decode(kept[: len(kept) // 4 * 4] + _tail(kept))


def _tail(kept: bytes) -> bytes:
    rest = kept[len(kept) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _from_uuencode(body: bytes) -> bytes:
    found = bytearray()
    for line in islice(BytesIO(body), MAX_UU_LINES):
        line = line.rstrip(b"\r\n")  # noqa: PLW2901
        if line.startswith((b"begin ", b"end")) or not line:
            continue
        with suppress(binascii.Error):
            found += binascii.a2b_uu(line)
    return bytes(found)
