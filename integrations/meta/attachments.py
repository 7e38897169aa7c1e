"""What customers attach: files to fetch, links to show, and what can only be told.

https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages
https://developers.facebook.com/docs/messenger-platform/instagram/features/webhook
"""

import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from conversations.exchange import Details, File
from integrations.meta.values import mapping, number, text, web_address

# Where Meta keeps what people uploaded; other addresses are pages.
CDN = ("fbsbx.com", "fbcdn.net", "cdninstagram.com")
THUMBS = {"369239263222822", "369239343222814", "369239383222810"}
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Bit:
    """What one attachment adds to a message."""

    text: str = ""
    file: File | None = None
    details: Details = field(default_factory=dict)


def read(attachment: Any) -> Bit:
    """Translates one attachment; a kind nobody has heard of is told by its name."""
    given = mapping(attachment)
    kind = text(given.get("type")) or "unknown"
    payload = {"url": given.get("url"), "title": given.get("title"), **mapping(given.get("payload"))}
    return READERS.get(kind, _unknown)(kind, payload)


def file_at(url: str, kind: str) -> File:
    """Announces a file; it is fetched by its address alone, without our token."""
    path = PurePosixPath(unquote(urlsplit(url).path))
    name = path.name[-LONGEST_NAME:] if path.suffix else ""
    return File(
        reference={"url": url, "kind": kind}, name=name, content_type=mimetypes.guess_type(name)[0] or ""
    )


def distinct(bits: Iterable[Bit]) -> list[Bit]:
    """Drops what is told twice: a shared post comes as `share` and as `ig_post`, with one address."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for bit in bits:
        mark = ("file", bit.file.reference["url"]) if bit.file else ("text", bit.text)
        if mark not in seen:
            kept.append(bit)
        seen.add(mark)
    return kept


def _media(kind: str, payload: Mapping[str, Any]) -> Bit:
    sticker = text(payload.get("sticker_id"))
    if sticker in THUMBS:
        return Bit("👍", details={"kind": "sticker", "sticker_id": sticker})
    url = web_address(payload.get("url"))
    if not url:
        return _untold(kind)
    return Bit(file=file_at(url, kind), details={"kind": "sticker", "sticker_id": sticker} if sticker else {})


def _shared(kind: str, payload: Mapping[str, Any]) -> Bit:
    """A post, reel or story: Instagram gives its media, Messenger the address of its page."""
    title = text(payload.get("title"))
    url = web_address(payload.get("url") or payload.get("story_media_url"))
    details = {"kind": "share", "type": kind}
    said = {
        "ig_reel": _("Shared a reel"),
        "reel": _("Shared a reel"),
        "ig_story": _("Shared a story"),
        "share": _("Shared a post or a link"),
    }.get(kind, _("Shared a post"))
    line = f"{said}: {title}" if title else said
    # What stands elsewhere is shown as a link: nobody asked to fetch a page.
    if url and _is_media(url):
        return Bit(line, file_at(url, kind), details)
    return Bit(f"{line}\n{url}" if url else line, details={**details, "url": url} if url else details)


def _story_mention(kind: str, payload: Mapping[str, Any]) -> Bit:
    """A story in which the account is named; its media is there for a day at most."""
    url = web_address(payload.get("url"))
    file = file_at(url, kind) if url else None
    return Bit(_("Mentioned you in a story."), file, {"kind": "story_mention"})


def _location(kind: str, payload: Mapping[str, Any]) -> Bit:
    place = mapping(payload.get("coordinates"))
    latitude, longitude = number(place.get("lat")), number(place.get("long"))
    if latitude is None or longitude is None:
        return _unknown(kind, payload)
    title = text(payload.get("title"))
    details = {"kind": "location", "latitude": latitude, "longitude": longitude, "name": title}
    return Bit(f"{title or _('Location')}: {latitude}, {longitude}", details=details)


def _fallback(kind: str, payload: Mapping[str, Any]) -> Bit:
    """A link that Messenger shows with a preview."""
    parts = [text(payload.get("title")), web_address(payload.get("url")) or text(payload.get("url"))]
    return Bit("\n".join(part for part in parts if part)) if any(parts) else _untold(kind)


def _template(kind: str, payload: Mapping[str, Any]) -> Bit:
    """Cards, buttons and products: their words, and what was sold."""
    product = mapping(payload.get("product"))
    elements = [mapping(each) for each in payload.get("elements") or product.get("elements") or []]
    lines = [text(payload.get("text")) or text(payload.get("title"))]
    for element in elements:
        lines += [text(element.get("title")), text(element.get("subtitle"))]
    ids = [text(element.get("id")) for element in elements if element.get("id")]
    said = "\n".join(line for line in lines if line)
    details = {"kind": "product", "products": ids} if product else {"kind": "template"}
    return Bit(said or _untold(kind).text, details=details)


def _heart(_kind: str, _payload: Mapping[str, Any]) -> Bit:
    return Bit("❤️")


def _untold(kind: str, _payload: Mapping[str, Any] | None = None) -> Bit:
    """What Meta says was sent, and does not hand out: view-once pictures, stickers, polls."""
    said = _("(Something of the kind “%s”, which Meta does not pass on; look at it in the app.)") % kind
    return Bit(said, details={"kind": "unsupported", "type": kind})


def _unknown(kind: str, payload: Mapping[str, Any]) -> Bit:
    url = web_address(payload.get("url"))
    if url and _is_media(url):
        return Bit(file=file_at(url, kind))
    told = _untold(kind)
    return Bit(f"{told.text}\n{url}" if url else told.text, details=told.details)


def _is_media(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == each or host.endswith(f".{each}") for each in CDN)


READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Bit]] = {
    **dict.fromkeys(("image", "video", "audio", "file", "animated_image"), _media),
    **dict.fromkeys(("share", "post", "ig_post", "reel", "ig_reel", "ig_story", "media_share"), _shared),
    **dict.fromkeys(("ephemeral", "unsupported_type"), _untold),
    "story_mention": _story_mention,
    "location": _location,
    "fallback": _fallback,
    "template": _template,
    "like_heart": _heart,
}
