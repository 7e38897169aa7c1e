"""Mail that machines write: bounces, receipts, answers of absence, lists.

Formats: RFC 3464 (delivery), RFC 8098 (reading), RFC 3834 (automatic answers), RFC 2919 and 2369 (lists).
"""

import re
from collections.abc import Iterator

from conversations.enums import DeliveryStatus
from conversations.exchange import Ignored, Parsed, Receipt
from integrations.email.charsets import decoded
from integrations.email.config import EmailConfig
from integrations.email.headers import Headers, addresses, date, ids, read_headers
from integrations.email.marks import own_key, short_id
from integrations.email.mime import Entity

MAX_REPORT = 64 * 1024
DAEMON = re.compile(r"(mailer-daemon|postmaster|mail-daemon|mdaemon|bounces?)(\+[^@]*)?@", re.IGNORECASE)
FAILURE = re.compile(
    r"undeliver|returned mail|delivery (status notification|failure|has failed)|failure notice|"
    r"mail delivery (failed|failure|system)|delivery notification|could not be delivered|"
    r"n[aã]o (foi )?(entregue|possível entregar)|falha na entrega|"
    r"no se (pudo|ha podido) entregar|unzustellbar",
    re.IGNORECASE,
)
DELAY = re.compile(
    r"\bdelay(ed)?\b|will be retried|still being retried|warning: message|not yet been delivered|atraso|"
    r"temporarily deferred",
    re.IGNORECASE,
)
ABSENCE = re.compile(
    r"\s*(re:\s*)?((out of (the )?office|automatic reply|autoreply|"
    r"auto(matic)?[- ]?(reply|response|respuesta|resposta)|resposta autom[aá]tica|"
    r"respuesta autom[aá]tica|fuera de la oficina|"
    r"abwesenheitsnotiz|automatische antwort|réponse automatique)\b|"
    # Alone or with such a word: a customer may have a vacation to book, or an absence to excuse.
    r"(vacation|on holiday|ausência)( (message|reply|response|notice|temporária))?\s*([:!.]|$))",
    re.IGNORECASE,
)
ORIGINAL_ID = re.compile(r"^[> \t]*Message-ID:\s*<([^<>\s]{3,255})>", re.IGNORECASE | re.MULTILINE)
REASON = re.compile(r"\b([45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b.{0,200}|[45]\d\d[ -].{3,200})")
STATUSES = {
    "failed": DeliveryStatus.FAILED,
    "delivered": DeliveryStatus.DELIVERED,
    "relayed": DeliveryStatus.SENT,
    "expanded": DeliveryStatus.SENT,
}
ORIGINALS = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")


def reported(mail: Entity, config: EmailConfig) -> list[Parsed]:
    """Returns what a report tells of our mails; empty for a mail that is none."""
    kind = mail.params.get("report-type", "").lower()
    # A customer may send on, as a file, what a machine has told; only a machine's own mail is a report.
    parts = {each.content_type for each in mail.walk()} if is_automatic(mail.headers) else set()
    if kind == "disposition-notification" or "message/disposition-notification" in parts:
        return list(_read_receipts(mail, config))
    if kind == "delivery-status" or parts & {"message/delivery-status", "message/global-delivery-status"}:
        return list(_delivery(mail, config))
    if kind == "feedback-report":
        return [Ignored("A complaint report")]
    return _plain_bounce(mail, config)


def is_automatic(headers: Headers) -> bool:
    """Whether a machine wrote a mail, or asks that none answers it."""
    if any(headers.get(name) for name in ("list-id", "list-unsubscribe", "list-post", "list-help")):
        return True
    if any(headers.get(name) for name in ("x-autoreply", "x-autorespond", "x-autoreply-from", "x-loop")):
        return True
    submitted = headers.get("auto-submitted").partition(";")[0].strip().lower()
    precedence = headers.get("precedence").strip().lower()
    silence = headers.get("x-auto-response-suppress").lower()
    return (
        submitted not in {"", "no"}
        or precedence in {"bulk", "junk", "list", "auto_reply"}
        or any(word in silence for word in ("all", "oof", "autoreply"))
        or headers.get("return-path").replace(" ", "") == "<>"
        or bool(ABSENCE.match(headers.text("subject")))
        or any(DAEMON.match(address) for _, address in addresses(headers, "from")[:1])
    )


def _delivery(mail: Entity, config: EmailConfig) -> Iterator[Parsed]:
    subject = mail.headers.text("subject")[:100]
    original = _original(mail)
    status = next((each for each in mail.walk() if each.content_type.endswith("delivery-status")), None)
    groups = list(_groups(status)) if status else []
    told = [group for group in groups if group.get("action")]
    if not told:
        yield (
            _failed(original, config, subject, "")
            if not DELAY.search(subject)
            else Ignored(f"Delay: {subject}")
        )
    for group in told:
        action = group.get("action").split()[0].lower()
        reason = group.text("diagnostic-code").partition(";")[2].strip() or group.text("status") or subject
        if action == "failed":
            yield _failed(original, config, reason, group.get("status"))
        elif action in STATUSES and original:
            key = own_key(config, original)
            yield Receipt(STATUSES[action], provider_id=short_id(original), key=key, at=date(mail.headers))
        else:
            yield Ignored(f"Delivery report ({action}): {subject}")


def _failed(original: str, config: EmailConfig, reason: str, code: str) -> Parsed:
    if not original:
        return Ignored(f"Bounce of an unknown mail: {reason[:200]}")
    return Receipt(
        DeliveryStatus.FAILED,
        provider_id=short_id(original),
        key=own_key(config, original),
        error=reason[:300],
        error_code=code.strip()[:20],
    )


def _read_receipts(mail: Entity, config: EmailConfig) -> Iterator[Parsed]:
    for part in mail.walk():
        for group in _groups(part) if part.content_type.endswith("disposition-notification") else ():
            original = next(iter(ids(group, "original-message-id")), "")
            if original and "displayed" in group.get("disposition").lower():
                key = own_key(config, original)
                yield Receipt(
                    DeliveryStatus.READ, provider_id=short_id(original), key=key, at=date(mail.headers)
                )
                return
    yield Ignored(f"Receipt: {mail.headers.text('subject')[:100]}")


def _groups(entity: Entity) -> Iterator[Headers]:
    """The groups of fields of a report."""
    content = entity.content()[:MAX_REPORT].strip(b"\r\n") + b"\n"
    position = 0
    for _ in range(50):
        if position >= len(content):
            return
        headers, after = read_headers(content, position, len(content))
        if headers.fields:
            yield headers
        position = max(after, position + 1)


def _original(mail: Entity) -> str:
    """The Message-ID of the mail that a report is about."""
    for part in mail.walk():
        if part.content_type in ORIGINALS:
            content = part.content()[:MAX_REPORT].lstrip(b"\r\n")
            headers, _ = read_headers(content, 0, len(content))
            if found := ids(headers, "message-id"):
                return found[0]
    return _named(mail)


def _named(mail: Entity) -> str:
    """The Message-ID that the text of a report names, or the one that it answers."""
    for part in mail.walk():
        if part.content_type.startswith("text/") and not part.children:
            text = decoded(part.content()[:MAX_REPORT], part.charset)
            if match := ORIGINAL_ID.search(text):
                return match[1]
    return next(iter(ids(mail.headers, "in-reply-to") + ids(mail.headers, "references")), "")


def _plain_bounce(mail: Entity, config: EmailConfig) -> list[Parsed]:
    """Bounces in nobody's format: qmail, older Exim and others."""
    subject = mail.headers.text("subject")
    by_daemon = any(DAEMON.match(address) for _, address in addresses(mail.headers, "from")[:1])
    failed_to = mail.headers.get("x-failed-recipients")
    if not (by_daemon and (FAILURE.search(subject) or failed_to or DELAY.search(subject))):
        return []
    if DELAY.search(subject):
        return [Ignored(f"Delay: {subject[:100]}")]
    text = "\n".join(
        decoded(part.content()[:MAX_REPORT], part.charset)
        for part in mail.walk()
        if part.content_type == "text/plain"
    )[:MAX_REPORT]
    reason = REASON.search(text)
    return [_failed(_original(mail), config, reason[1] if reason else subject, "")]
