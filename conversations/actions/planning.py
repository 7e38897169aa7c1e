"""What has to happen next, written in the transaction that makes it necessary."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from conversations.channels import Capabilities, adapter
from conversations.enums import FileStatus
from conversations.models import Attachment, ContactIdentity, Conversation, Delivery, Message
from conversations.tasks import ask_who, fetch_file, plan_delivery
from core import queue, rows


def plan_sending(conversation: Conversation, message: Message, files: Iterable[Attachment]) -> None:
    """Writes what has to be sent for a message, one row for each provider call, and plans the work."""
    capabilities = adapter(conversation.inbox.channel).capabilities
    if not capabilities.sends:
        return
    parts = [
        Delivery(
            message=message,
            conversation=conversation,
            inbox_id=conversation.inbox_id,
            seq=message.seq,
            part=part,
            text=text,
            attachment=file,
        )
        for part, (text, file) in enumerate(_parts_of(message, list(files), capabilities))
    ]
    rows.insert(*parts)
    plan_delivery(str(conversation.pk))


def plan_fetching(file: Attachment) -> None:
    """Plans the download of a file that was only announced."""
    if file.status == FileStatus.PENDING:
        queue.defer(fetch_file, queueing_lock=f"fetch:{file.pk}", attachment_id=str(file.pk))


def plan_asking(identity: ContactIdentity) -> None:
    """Plans to ask the provider who somebody is, where it has an answer to that."""
    inbox = identity.inbox
    if adapter(inbox.channel).capabilities.sends:
        queue.defer(ask_who, queueing_lock=f"who:{identity.pk}", identity_id=identity.pk)


def _parts_of(
    message: Message, files: list[Attachment], capabilities: Capabilities
) -> Iterator[tuple[str, Attachment | None]]:
    """Splits a message into what the channel takes at a time; a template goes whole, with its file."""
    if message.details.get("kind") == "template":
        yield message.text, next(iter(files), None)
    else:
        yield from _parts(message.text, files, capabilities)


def _parts(
    text: str, files: list[Attachment], capabilities: Capabilities
) -> Iterator[tuple[str, Attachment | None]]:
    """Splits a message into what the channel takes at a time: text and file."""
    if capabilities.whole:
        yield text, None
        return
    captioned = capabilities.captions and len(files) == 1 and len(text) <= capabilities.caption_limit
    in_bytes = capabilities.text_bytes
    pieces = [] if captioned else list(split_text(text, capabilities.text_limit, in_bytes=in_bytes))
    yield from ((piece, None) for piece in pieces)
    for number, file in enumerate(files):
        yield (text if captioned and number == 0 else ""), file
    if not pieces and not files:
        yield _("(no text)"), None


def split_text(text: str, limit: int, *, in_bytes: bool = False) -> Iterator[str]:
    """Cuts a text into pieces of at most `limit` characters: at paragraphs, lines, words, else anywhere.

    `in_bytes` counts those of UTF-8 instead, and cuts no character in two.
    """
    rest = text.strip()
    while len(head := beginning(rest, limit, in_bytes=in_bytes)) < len(rest):
        size = len(head)
        # A cut in the first half would make many small pieces.
        cut = next((at for mark in ("\n\n", "\n", " ") if (at := head.rfind(mark)) > size // 2), size)
        yield rest[:cut].rstrip()
        rest = rest[cut:].lstrip()
    if rest:
        yield rest


def beginning(text: str, limit: int, *, in_bytes: bool) -> str:
    """Returns as much of the text as fits, one character at least."""
    if not in_bytes:
        return text[:limit]
    return text[:limit].encode()[:limit].decode("utf-8", "ignore") or text[:1]
