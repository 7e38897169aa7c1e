"""From an answer to a mail: heads that nobody can smuggle lines into, text and HTML, files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from html import escape
from typing import Any

from conversations.channels import SendRefused
from conversations.enums import AuthorKind
from conversations.exchange import Outgoing, Sender
from core.reasons import reason
from integrations.email.config import EmailConfig
from integrations.email.headers import ADDRESS
from integrations.email.incoming import bare_subject
from integrations.email.marks import LOOP_HEADER, loop_mark, message_id, reply_address, token

MAX_SUBJECT = 250
# Enough for every mail program to find the thread, and short enough for every server.
MAX_REFERENCES = 20
ID_FIELDS = frozenset({"message-id", "in-reply-to", "references", "list-unsubscribe"})
MACHINES = frozenset({AuthorKind.AGENT, AuthorKind.SYSTEM})
MAIL_ID = re.compile(r"[^\s<>]{1,250}@[^\s<>]{1,250}")
PAGE = '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{content}{signature}</body></html>'


class _Policy(EmailPolicy):
    """Python encodes long ids and links as if they were words, and no mail program knows them again."""

    def fold(self, name: str, value: Any) -> str:
        """Folds ids between them, everything else as Python does."""
        if name.lower() in ID_FIELDS:
            return f"{name}: {f'{self.linesep} '.join(str(value).split())}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The same for bytes, which are what is sent."""
        if name.lower() in ID_FIELDS:
            return self.fold(name, value).encode("ascii", "replace")
        folded: bytes = super().fold_binary(name, value)
        return folded


POLICY = _Policy(linesep="\r\n", cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that can be sent. `sender` and `recipients` are those of the envelope."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]
    message_id: str

    def content(self) -> bytes:
        """The bytes that go over the wire."""
        return self.message.as_bytes(policy=POLICY)


def compose(outgoing: Outgoing, config: EmailConfig) -> Letter:
    """Writes the mail of one answer, the same each time. Raises SendRefused for what is no address."""
    if not ADDRESS.fullmatch(outgoing.to):
        raise SendRefused(reason("%s is no e-mail address.", one_line(outgoing.to)[:100]))
    copies = [each for each in _copies(outgoing) if each != outgoing.to]
    own_id = message_id(config, outgoing.key)
    message = EmailMessage(policy=POLICY)
    message["From"] = _address(config.display_name or outgoing.author, config.address)
    message["To"] = _address(outgoing.contact_name, outgoing.to)
    if copies:
        message["Cc"] = [_address("", each) for each in copies]
    message["Reply-To"] = _address(config.display_name, reply_address(config, outgoing.conversation_id))
    message["Subject"] = subject_of(outgoing, config)
    message["Date"] = outgoing.created_at
    message["Message-ID"] = f"<{own_id}>"
    message[LOOP_HEADER.title()] = loop_mark(config)
    _place(message, outgoing)
    _offer_leaving(message, outgoing)
    if outgoing.author_kind in MACHINES:
        message["Auto-Submitted"] = "auto-replied" if outgoing.thread else "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
    _fill(message, outgoing, config)
    return Letter(message, config.address, (outgoing.to, *copies), own_id)


def reachable(address: str, config: EmailConfig) -> Sender | None:
    """Returns who is reached at an address; None for what is none, and for those of this mailbox."""
    wanted = address.strip().lower()
    if not ADDRESS.fullmatch(wanted) or is_ours(wanted, config):
        return None
    try:
        _address("", wanted)
    except SendRefused:
        return None
    return Sender(external_id=wanted, email=wanted)


def is_ours(address: str, config: EmailConfig) -> bool:
    """Says whether mail to an address comes back here: to the mailbox, or to a reply address of it."""
    local, _, domain = address.rpartition("@")
    return domain == config.domain and f"{local}+".startswith(f"{config.local}+")


def subject_of(outgoing: Outgoing, config: EmailConfig) -> str:
    """The subject of the thread, marked as an answer where it is one."""
    subject = bare_subject(one_line(outgoing.subject))[:MAX_SUBJECT] or config.display_name or config.address
    answered = f"Re: {subject}" if outgoing.thread or outgoing.reply_to else subject
    if config.subject_token:
        return f"{answered} [#{token(config, outgoing.conversation_id)}]"
    return answered


def one_line(text: str) -> str:
    """Returns a text in which no header can begin."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _copies(outgoing: Outgoing) -> Iterable[str]:
    given = outgoing.details.get("cc", ())
    return dict.fromkeys(each.lower() for each in given if isinstance(each, str) and ADDRESS.fullmatch(each))


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    try:
        # Servers that know nothing of UTF-8 in addresses know this form of a domain.
        return Address(one_line(name)[:100], local, domain.encode("idna").decode())
    except (ValueError, IndexError, UnicodeError) as error:
        raise SendRefused(reason("%s is no e-mail address.", one_line(address)[:100])) from error


def _place(message: EmailMessage, outgoing: Outgoing) -> None:
    """Tells mail programs which thread it belongs to."""
    known = [each for each in outgoing.thread if MAIL_ID.fullmatch(each)]
    answered = outgoing.reply_to if MAIL_ID.fullmatch(outgoing.reply_to) else next(reversed(known), "")
    if answered:
        message["In-Reply-To"] = f"<{answered}>"
        # The first one holds a thread together, the last ones place the answer in it.
        named = [*known[:1], *known[1:][-MAX_REFERENCES:], answered]
        kept = [each for each in dict.fromkeys(named) if each != answered]
        message["References"] = " ".join(f"<{each}>" for each in [*kept, answered])


def _offer_leaving(message: EmailMessage, outgoing: Outgoing) -> None:
    """Lets mail programs show a button for those who want no more (RFC 2369; RFC 8058, which wants https)."""
    link = outgoing.details.get("unsubscribe")
    if not isinstance(link, str) or not link:
        return
    message["List-Unsubscribe"] = f"<{link}>"
    if link.startswith("https://"):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _fill(message: EmailMessage, outgoing: Outgoing, config: EmailConfig) -> None:
    choices = [
        str(choice.get("title") or choice.get("label") or choice.get("value", ""))
        for choice in outgoing.choices
    ]
    signature = config.signature.replace("{author}", outgoing.author).strip()
    listed = "".join(f"\n- {choice}" for choice in choices)
    signed = f"\n\n-- \n{signature}" if signature else ""
    message.set_content(f"{outgoing.text}{listed}{signed}\n", charset="utf-8", cte="quoted-printable")
    page = _page(outgoing, config, choices, signature)
    message.add_alternative(page, subtype="html", charset="utf-8", cte="quoted-printable")
    for file in outgoing.files:
        main, _, kind = file.content_type.partition("/")
        # A mail inside a mail or a part with parts would have to be taken apart first.
        is_simple = main in {"image", "audio", "video", "application"} and bool(kind)
        message.add_attachment(
            file.read(),
            maintype=main if is_simple else "application",
            subtype=kind if is_simple else "octet-stream",
            filename=one_line(file.name)[:150] or "file",
        )


def _page(outgoing: Outgoing, config: EmailConfig, choices: list[str], signature: str) -> str:
    listed = "".join(f"<li>{escape(choice)}</li>" for choice in choices)
    content = f"{outgoing.html}{f'<ul>{listed}</ul>' if listed else ''}"
    signed = f"<p>-- <br>{escape(signature).replace(chr(10), '<br>')}</p>" if signature else ""
    template = config.html_template if "{content}" in config.html_template else PAGE
    before, _, after = template.partition("{content}")
    # Filled in place by place: what customers and operators write is never read as a template.
    return f"{before.replace('{signature}', signed)}{content}{after.replace('{signature}', signed)}"
