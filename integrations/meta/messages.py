"""The content of a message: words, files, what it answers and what came with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from conversations.exchange import Details, File
from integrations.meta import attachments
from integrations.meta.attachments import Bit
from integrations.meta.values import is_true, listed, mapping, message_id, text, web_address

REFERRAL_FIELDS = ("ref", "source", "type", "ad_id", "referer_uri")


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says; `text` is never empty unless files speak for it."""

    text: str
    files: tuple[File, ...]
    details: Details
    reply_to: str


def content(message: Mapping[str, Any]) -> Content:
    """Reads a message of a customer, or one of ours as it is told back."""
    bits = attachments.distinct(attachments.read(each) for each in listed(message.get("attachments")))
    answered = mapping(message.get("reply_to"))
    if story := mapping(answered.get("story")):
        bits.append(_story(story))
    files = tuple(bit.file for bit in bits if bit.file)
    said = _words(message, bits)
    details = _details(message, bits)
    if not said and not files:
        said = attachments.read({"type": "unsupported_type"}).text
        details = {"kind": "unsupported", **details}
    return Content(said, files, details, message_id(answered.get("mid")))


def referral(value: Any) -> Details:
    """What led here: an advertisement, a link, a product."""
    given = mapping(value)
    known = {name: text(given[name]) for name in REFERRAL_FIELDS if text(given.get(name))}
    if title := text(mapping(given.get("ads_context_data")).get("ad_title")):
        known["ad_title"] = title
    if product := text(mapping(given.get("product")).get("id")):
        known["product"] = product
    return known


def _words(message: Mapping[str, Any], bits: list[Bit]) -> str:
    own = _chosen(message) or text(message.get("text"))
    # A preview of a link repeats the link that stands in the text.
    told = {own, *own.split()}
    extra = [line for bit in bits for line in bit.text.splitlines() if line not in told]
    return "\n".join(part for part in (own, *extra) if part)


def _chosen(message: Mapping[str, Any]) -> str:
    """The whole of a choice of ours whose title had to be shortened, or nothing."""
    title = text(message.get("text"))
    payload = text(mapping(message.get("quick_reply")).get("payload"))
    return payload if title.endswith("…") and payload.startswith(title[:-1]) else ""


def _details(message: Mapping[str, Any], bits: list[Bit]) -> Details:
    found: dict[str, Any] = {}
    # The first attachment has the last word.
    for bit in reversed(bits):
        found.update(bit.details)
    if payload := text(mapping(message.get("quick_reply")).get("payload")):
        found = {"kind": "choice", "payload": payload, **found}
    if origin := referral(message.get("referral")):
        found["referral"] = origin
    if is_true(message.get("is_unsupported")):
        found.setdefault("kind", "unsupported")
    return found


def _story(story: Mapping[str, Any]) -> Bit:
    """The story of ours that is answered; its media is there for a day at most."""
    url = web_address(story.get("url"))
    details = {"kind": "story_reply", "story": text(story.get("id"))}
    return Bit(
        "" if url else _("(An answer to your story)"),
        attachments.file_at(url, "story") if url else None,
        details,
    )
