"""From a raw mail (RFC 5322) to what it means. Pure: the same bytes are read alike each time."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from conversations.exchange import File, Ignored, Incoming, Parsed, Sender, Thread
from integrations.email.bodies import Body, read_body
from integrations.email.charsets import plain
from integrations.email.config import EmailConfig
from integrations.email.headers import Headers, addresses, date, ids
from integrations.email.marks import LOOP_HEADER, conversation_of, is_own, own_key, short_id
from integrations.email.markup import is_monstrous, to_text, without_quote
from integrations.email.mime import Entity, read
from integrations.email.quotes import Trimmed, trim
from integrations.email.reports import is_automatic, reported

MAX_TEXT = 200_000
MAX_SUBJECT = 300
MAX_ANSWERS = 50
PREFIX = re.compile(
    r"\s*(?:(?:re|fwd?|aw|wg|res|enc|rv|sv|vs|tr|antw|ynt|odp|r|i)\s?(?:\[\d{1,3}\]|\(\d{1,3}\))?\s?[:\uff1a]\s*)+",
    re.IGNORECASE,
)
TOKENS = re.compile(r"\s*\[#[a-z2-7]{52}\]", re.IGNORECASE)
# Ids that broken programs give to every mail: nothing before or behind the @, or a single letter.
POOR_ID = re.compile(r"@?|[^@]*@|@.*|[^@]{0,2}@.{0,3}|[^@]{0,7}|.*\s.*")
RECIPIENTS = (
    "to",
    "cc",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
    "resent-to",
)
NOBODY = re.compile(r"(no|do[-_.]?not)[-_.]?reply|nao[-_.]?responda", re.IGNORECASE)
METHODS = re.compile(r"\b(spf|dkim|dmarc|arc)\s*=\s*([a-z]{3,12})", re.IGNORECASE)
# Without any of these it is something else.
TELLING = ("from", "sender", "return-path", "to", "subject", "date", "message-id", "received")
# What stays the same however often, and on whatever way, a mail comes.
STABLE = ("from", "date", "subject", "to", "reply-to", "in-reply-to")


def parse_mail(raw: bytes, config: EmailConfig, *, whole_size: int = 0, to: str = "") -> Iterator[Parsed]:
    """Yields what a mail means: a message, what a report tells, or that nothing is to be done.

    `whole_size`: the bytes of a mail of which only the beginning is here. `to`: the envelope's recipient,
    where a provider tells it.
    """
    mail = read(raw)
    headers = mail.headers
    if not any(headers.get(name) for name in TELLING):
        raise ValueError("This is no mail: it says neither from whom nor what about.")
    if is_own(config, headers.get(LOOP_HEADER)) or any(
        own_key(config, each) for each in ids(headers, "message-id")
    ):
        yield Ignored("A mail of our own that came back")
        return
    if found := reported(mail, config):
        yield from found
        return
    yield _message(mail, config, whole_size, to)


def _message(mail: Entity, config: EmailConfig, whole_size: int, to: str) -> Incoming:
    headers, body = mail.headers, read_body(mail)
    subject = headers.text("subject")[:1000]
    files = body.files[:-1] if whole_size else body.files
    trimmed, html = _trimmed(body, subject)
    sender = _sender(headers, config)
    authentication = _authentication(headers, config)
    # DMARC vouches for who stands in From (RFC 7489), never for a Reply-To.
    is_proven = authentication.get("dmarc") == "pass" and sender in addresses(headers, "from")
    details = {
        **_details(headers, subject),
        **({"kind": "calendar", "event": dict(body.event)} if body.event else {}),
        **({"authentication": authentication} if authentication else {}),
        **({"proven": is_proven} if config.trusted_authserv_id else {}),
        **({"full_text": body.text.plain[:MAX_TEXT]} if trimmed.quote or trimmed.signature else {}),
        **({"left_out": body.left_out} if body.left_out else {}),
        **({"whole_size": whole_size} if whole_size else {}),
        "digest": _digest(mail),
    }
    recipients = [address for name in RECIPIENTS for _name, address in addresses(headers, name)]
    message_id = next(iter(ids(headers, "message-id")), "")
    return Incoming(
        external_id=_external_id(message_id, details["digest"]),
        sender=Sender(
            external_id=sender[1],
            name=sender[0][:200],
            email=sender[1] if "@" in sender[1] else "",
            is_verified=is_proven,
        ),
        text=_shown(trimmed.text, body, subject, whole_size, files),
        html=html,
        files=(*files, *_overflow(body)),
        sent_at=date(headers),
        details=details,
        thread=Thread(
            subject=bare_subject(subject),
            conversation_id=conversation_of(config, [*recipients, to], subject),
            answers=_answers(headers, message_id),
        ),
        is_automatic=is_automatic(headers) or sender[1] == config.address,
    )


def bare_subject(subject: str) -> str:
    """Returns a subject without Re:, Fwd: and their like in other languages, and without our mark."""
    bare = TOKENS.sub("", PREFIX.sub("", subject, count=1))
    return " ".join(PREFIX.sub("", bare, count=1).split())[:MAX_SUBJECT]


def _trimmed(body: Body, subject: str) -> tuple[Trimmed, str]:
    """The text without history and signature, and HTML that shows no more of the history than it."""
    html = "" if is_monstrous(body.text.html) else body.text.html
    trimmed = trim(body.text.plain, subject)
    if not html or trimmed.forwarded:
        return trimmed, html
    kept = without_quote(html)
    if trimmed.quote:
        # Where the history cannot be found in the HTML, the text is shown.
        return trimmed, kept if len(kept) < len(html) else ""
    if len(kept) < len(html):
        return replace(trim(to_text(kept)), quote=True), kept
    return trimmed, html


def _shown(text: str, body: Body, subject: str, whole_size: int, files: tuple[File, ...]) -> str:
    """What people read, with a word on what is missing."""
    notes = []
    if whole_size:
        size = f"{whole_size / 1024 / 1024:.1f}"
        notes.append(_("[This mail has %s MB, too many to take in. Only its beginning is here.]") % size)
    if body.left_out:
        notes.append(_("[%s more parts are in the original mail.]") % body.left_out)
    text = text.strip("\n")
    if not text.strip() and not files:
        text = subject or _("[Empty mail]")
    return "\n\n".join([*filter(None, [text[:MAX_TEXT]]), *notes])


def _overflow(body: Body) -> tuple[File, ...]:
    """A text that is too long to show, as a file."""
    if len(body.text.plain) <= MAX_TEXT:
        return ()
    content = body.text.plain.encode()
    return (File(name="message.txt", content_type="text/plain", size=len(content), content=content),)


def _sender(headers: Headers, config: EmailConfig) -> tuple[str, str]:
    """Name and address of who wrote, with the address as the contact's id.

    A form that writes in the name of the shop, or of nobody, puts the customer into Reply-To.
    """
    found = addresses(headers, "from") or addresses(headers, "sender") or addresses(headers, "return-path")
    answer_to = addresses(headers, "reply-to")
    if answer_to and (not found or found[0][1] == config.address or NOBODY.match(found[0][1])):
        own = config.local
        others = [pair for pair in answer_to if not pair[1].startswith((f"{own}@", f"{own}+"))]
        return others[0] if others else (found or answer_to)[0]
    if found:
        return found[0]
    # Nobody says who wrote: kept apart from everybody else's.
    unknown = hashlib.sha256(headers.get("from").encode()).hexdigest()[:16]
    return headers.text("from")[:200], f"unknown:{unknown}"


def _details(headers: Headers, subject: str) -> dict[str, Any]:
    people = {
        name.replace("-", "_"): [{"name": label, "address": address} for label, address in found]
        for name in ("from", "reply-to", "to", "cc")
        if (found := addresses(headers, name))
    }
    message_id = next(iter(ids(headers, "message-id")), "")
    return {"kind": "email", "subject": subject[:MAX_SUBJECT], "message_id": message_id[:900], **people}


def _external_id(message_id: str, digest: str) -> str:
    """The Message-ID; a digest of what it says for a mail without one that tells it apart."""
    if not message_id or POOR_ID.fullmatch(message_id):
        return f"sha256:{digest}"
    return short_id(message_id)


def _digest(mail: Entity) -> str:
    """What a mail is known by whatever it is called: its people, date, subject and content."""
    found = hashlib.sha256()
    for name in STABLE:
        found.update(mail.headers.get(name).encode() + b"\0")
    # Line ends change on the way from server to server.
    found.update(mail.raw[mail.start : mail.end].translate(None, b" \t\r\n"))
    return found.hexdigest()


def _answers(headers: Headers, message_id: str) -> tuple[str, ...]:
    """What a mail answers, nearest first."""
    named = [*ids(headers, "in-reply-to"), *reversed(ids(headers, "references"))]
    return tuple(short_id(each) for each in dict.fromkeys(named) if each != message_id)[:MAX_ANSWERS]


def _authentication(headers: Headers, config: EmailConfig) -> dict[str, str]:
    """What the trusted server found (RFC 8601): the topmost of its fields, and those directly below.

    Further down stands what others have written, under whatever name.
    """
    trusted = config.trusted_authserv_id.lower()
    found: dict[str, str] = {}
    started = False
    for name, value in headers.fields if trusted else ():
        text = plain(value[:4000].decode("utf-8", "replace"))
        server = text.partition(";")[0].split()[:1]
        if name == "authentication-results" and server and server[0].lower() == trusted:
            started = True
            for method, result in METHODS.findall(text.partition(";")[2]):
                found.setdefault(method.lower(), result.lower())
        elif started:
            break
    return found
