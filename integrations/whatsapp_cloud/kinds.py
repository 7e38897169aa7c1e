"""What each kind of message says: text for people, files to fetch, and details for the desk.

Kinds: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages.
One that is not known here still becomes a line that people can read, with what came in `details`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from conversations.exchange import File

Row = Mapping[str, Any]
# What our own buttons carry in front of the text that they say.
SAY = "say:"
SHOWN_VALUES = 20


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `is_automatic`: WhatsApp wrote it, not the person."""

    text: str = ""
    files: tuple[File, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    is_automatic: bool = False


def content_of(message: Row) -> Content:
    """Returns what a message of any kind says, and at least that it came where its form is not known."""
    kind = str(message.get("type") or "unknown")
    if kind not in KINDS:
        return _unknown(message, kind)
    try:
        return KINDS[kind](message.get(kind))
    except (LookupError, TypeError, ValueError, AttributeError):
        return _unknown(message, kind)


def _text(body: Row) -> Content:
    return Content(str(body["body"]))


def _media(kind: str) -> Callable[[Row], Content]:
    """Reads images, videos, audio, documents and stickers, which differ in little."""

    def read(body: Row) -> Content:
        reference = {"id": str(body["id"]), "sha256": str(body.get("sha256") or "")}
        mime = str(body.get("mime_type") or "").partition(";")[0].strip().lower()
        file = File(reference=reference, name=str(body.get("filename") or "")[:200], content_type=mime)
        details = {name: True for name in ("voice", "animated") if body.get(name) is True}
        return Content(
            str(body.get("caption") or ""),
            (file,),
            {"kind": kind, **details} if details or kind == "sticker" else {},
        )

    return read


def _location(body: Row) -> Content:
    latitude, longitude = float(body["latitude"]), float(body["longitude"])
    told = {name: str(body[name]) for name in ("name", "address", "url") if body.get(name)}
    lines = [*told.values(), f"{latitude:g}, {longitude:g}"]
    details = {"kind": "location", "latitude": latitude, "longitude": longitude, **told}
    return Content("\n".join(lines), details=details)


def _contacts(body: Any) -> Content:
    cards = [each for each in body if isinstance(each, dict)]
    return Content("\n".join(map(_card, cards)), details={"kind": "contacts", "contacts": cards})


def _card(card: Row) -> str:
    """One visiting card in a line."""
    name = card.get("name") or {}
    company = (card.get("org") or {}).get("company")
    reach = [row.get("phone") or row.get("wa_id") for row in card.get("phones") or ()]
    reach += [row.get("email") for row in card.get("emails") or ()]
    shown = name.get("formatted_name") or name.get("first_name") or _("Contact")
    shown += f" ({company})" if company else ""
    return ": ".join(filter(None, [shown, ", ".join(str(each) for each in reach if each)]))


def _interactive(body: Row) -> Content:
    kind = str(body["type"])
    answer = body.get(kind)
    answer = answer if isinstance(answer, dict) else {}
    if kind in {"button_reply", "list_reply"}:
        return _choice(str(answer.get("title") or ""), str(answer.get("id") or ""))
    if kind == "nfm_reply":
        return _form(answer)
    details = {"kind": kind, "data": answer}
    return Content(_("Answer of a kind that is not known here (%s)") % kind, details=details)


def _choice(title: str, value: str) -> Content:
    """A tap on one of our buttons says what the button stands for; on any other, what is written on it."""
    text = value.removeprefix(SAY) if value.startswith(SAY) else title or value
    return Content(text, details={"kind": "choice", "title": title, "value": value.removeprefix(SAY)})


def _form(answer: Row) -> Content:
    """A form that was filled in (a Flow): its values come as JSON in a string."""
    try:
        values = json.loads(answer.get("response_json") or "{}")
    except ValueError:
        values = {}
    values = {name: value for name, value in values.items() if name != "flow_token"}
    lines = [str(answer.get("body") or _("Form"))]
    lines += [f"{name}: {_shown(value)}" for name, value in list(values.items())[:SHOWN_VALUES]]
    return Content("\n".join(lines), details={"kind": "form", "values": values})


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _button(body: Row) -> Content:
    """A tap on a quick reply of a template."""
    title, payload = str(body.get("text") or ""), str(body.get("payload") or "")
    details = {"kind": "choice", "title": title, "value": payload}
    return Content(title or payload, details=details)


def _order(body: Row) -> Content:
    lines = [str(body["text"])] if body.get("text") else []
    lines += [
        f"{item.get('quantity', 1)} × {item.get('product_retailer_id', '?')}"
        f" ({item.get('item_price', '?')} {item.get('currency', '')})"
        for item in body["product_items"]
    ]
    return Content("\n".join(lines), details={"kind": "order", **body})


def _system(body: Row) -> Content:
    """WhatsApp's own word about the person: a new number, a new identity."""
    text = str(body.get("body") or body.get("type") or "")
    return Content(text, details={"kind": "system", **body}, is_automatic=True)


def _unknown(message: Row, kind: str) -> Content:
    """A kind that WhatsApp does not pass on (a poll, a message that is seen once), or that came after us."""
    inner = message.get("unsupported")
    inner = str(inner.get("type") or "") if isinstance(inner, dict) else ""
    errors = [row for row in message.get("errors") or () if isinstance(row, dict)]
    shown = inner or kind
    text = _("Message of a kind that cannot be shown here (%s)") % shown
    kept = {name: message[name] for name in (kind, "errors") if name in message}
    reason = next((str(row.get("title") or "") for row in errors), "")
    return Content(text, details={"kind": "unsupported", "type": shown, "reason": reason, "data": kept})


def _welcome(_body: Any) -> Content:
    return Content(_("Opened the chat"), details={"kind": "opened"}, is_automatic=True)


KINDS: Mapping[str, Callable[[Any], Content]] = {
    "text": _text,
    **{kind: _media(kind) for kind in ("image", "video", "audio", "voice", "document", "sticker")},
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "system": _system,
    "request_welcome": _welcome,
}
