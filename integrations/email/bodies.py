"""What a mail says and what it carries: one text, perhaps HTML, and files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import islice

from conversations.exchange import Details, File
from integrations.email.charsets import decoded
from integrations.email.headers import read_headers
from integrations.email.markup import MAX_HTML, to_text
from integrations.email.mime import Entity

MAX_FILES = 100
# Bytes that are read as text; a part that is longer comes as a file too.
MAX_TEXT = 2 * 1024 * 1024
MAX_LEAVES = 50
EXTENSIONS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/x-vcard": ".vcf",
    "text/vcard": ".vcf",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/ms-tnef": ".dat",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
}
# What an invitation says in fields of its own (RFC 5545).
EVENT_FIELDS = {"METHOD", "SUMMARY", "DTSTART", "DTEND", "LOCATION", "UID"}


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text, and its HTML where it came as such."""

    plain: str
    html: str = ""

    def as_html(self) -> str:
        return self.html or f"<p>{escape(self.plain).replace(chr(10), '<br>')}</p>"


@dataclass(frozen=True, slots=True)
class Body:
    """`left_out` counts files beyond the limit; `event` is what an invitation says."""

    text: Text
    files: tuple[File, ...] = ()
    left_out: int = 0
    event: Details = field(default_factory=dict)


def read_body(mail: Entity) -> Body:
    """Returns what a mail says and carries."""
    files = list(islice(_files(mail), MAX_FILES))
    leaves = [each for each in mail.walk() if not each.children]
    read = min(MAX_LEAVES, sum(map(_is_body, leaves)))
    calendar = next((each for each in mail.walk() if each.content_type == "text/calendar"), None)
    return Body(
        _joined([text for text in _texts(mail, [MAX_LEAVES, MAX_TEXT]) if text.plain.strip() or text.html]),
        tuple(files),
        max(0, len(leaves) - read - len(files)) if len(leaves) > MAX_LEAVES else 0,
        _event(calendar) if calendar else {},
    )


def _is_body(entity: Entity) -> bool:
    """Whether a part is text to be read rather than a file."""
    if entity.content_type not in {"text/plain", "text/html", "text/enriched", "text/markdown"}:
        return False
    return entity.disposition != "attachment" and not (entity.disposition == "inline" and entity.name)


def _texts(entity: Entity, left: list[int]) -> Iterator[Text]:
    """Yields what is to be read, in order; of alternatives one, the plain one with the HTML of the other."""
    if entity.content_type == "multipart/alternative":
        yield _chosen([list(_texts(child, left)) for child in entity.children])
    elif entity.children:
        for child in entity.children:
            yield from _texts(child, left)
    elif min(left) > 0 and _is_body(entity):
        content = entity.content()[: left[1]]
        left[:] = left[0] - 1, left[1] - len(content)
        yield _leaf(entity, content)


def _leaf(entity: Entity, content: bytes) -> Text:
    text = decoded(content, entity.charset)
    if entity.content_type == "text/html":
        return Text(to_text(text), text[:MAX_HTML])
    if entity.params.get("format", "").lower() == "flowed":
        text = _unflowed(text)
    return Text(text.strip("\n"))


def _chosen(alternatives: list[list[Text]]) -> Text:
    """The first alternative in plain text that says anything, with the HTML of the last that has some."""
    joined = [_joined(texts) for texts in alternatives]
    plain = next((text.plain for text in joined if text.plain.strip() and not text.html), "")
    html = next((text for text in reversed(joined) if text.html), Text(""))
    return Text(plain or html.plain, html.html)


def _joined(texts: list[Text]) -> Text:
    plain = "\n\n".join(text.plain for text in texts if text.plain.strip())
    if not any(text.html for text in texts):
        return Text(plain)
    return Text(plain, "\n".join(text.as_html() for text in texts))


def _unflowed(text: str) -> str:
    """Joins the lines that a program has wrapped (RFC 3676, without quotes, which stay as they are)."""
    lines: list[str] = []
    flowing = False
    for line in text.split("\n"):
        if flowing and not line.startswith(">"):
            lines[-1] += line.removeprefix(" ")
        else:
            lines.append(line if line.startswith(">") else line.removeprefix(" "))
        flowing = line.endswith(" ") and line != "-- " and not line.startswith(">")
    return "\n".join(lines)


def _leaves(entity: Entity) -> Iterator[Entity]:
    for each in entity.walk():
        if not each.children and (not _is_body(each) or each.end - each.start > MAX_TEXT):
            yield each


def _files(mail: Entity) -> Iterator[File]:
    for number, entity in enumerate(_leaves(mail), 1):
        if not entity.start < entity.end and entity is mail:
            continue
        content = entity.content()
        yield File(
            name=entity.name or _invented_name(entity, number),
            content_type=entity.content_type,
            size=len(content),
            content=content,
            content_id=entity.content_id,
        )


def _invented_name(entity: Entity, number: int) -> str:
    extension = EXTENSIONS.get(entity.content_type, ".bin")
    if entity.content_type == "message/rfc822":
        headers, _ = read_headers(entity.raw, entity.start, entity.end)
        subject = "".join(
            sign if sign.isalnum() or sign in " -_." else " " for sign in headers.text("subject")
        )
        return f"{' '.join(subject.split())[:80] or 'message'}{extension}"
    if entity.content_type == "text/calendar":
        return f"invitation{extension}"
    return f"attachment-{number}{extension}"


def _event(entity: Entity) -> dict[str, str]:
    text = decoded(entity.content()[: 64 * 1024], entity.charset or "utf-8").replace("\n ", "")
    found: dict[str, str] = {}
    in_event = False
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        key = name.partition(";")[0].upper()
        in_event = in_event or line.upper() == "BEGIN:VEVENT"
        if key in EVENT_FIELDS and (in_event or key == "METHOD"):
            found.setdefault(key.lower(), value.replace("\\,", ",").replace("\\n", " ")[:300])
    return found
