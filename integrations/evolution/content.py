"""What a message says: every kind that WhatsApp knows, as text for people, files, and details.

The kinds are the fields of `Message` in WhatsApp's protobuf, as Baileys decodes it.
Source: https://github.com/WhiskeySockets/Baileys/blob/master/WAProto/WAProto.proto
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from conversations.exchange import File
from integrations.evolution import media
from integrations.evolution.fields import items, mapping, string, truth

# Each holds the message proper in its own `message`; they nest.
WRAPPERS = frozenset(
    {
        *("ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"),
        *("documentWithCaptionMessage", "editedMessage", "deviceSentMessage", "botInvokeMessage"),
        *("groupMentionedMessage", "lottieStickerMessage", "associatedChildMessage", "groupStatusMessageV2"),
    }
)
# Beside a message, never the message.
COMPANIONS = frozenset(
    {
        *("messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage"),
        *("contextInfo", "base64", "mediaUrl", "speechToText", "chat"),
    }
)
# About the chat, or announcing messages that come by themselves.
SILENT = frozenset({"albumMessage", "pinInChatMessage", "keepInChatMessage", "messageHistoryNotice"})
DEEPEST = 8
LONGEST_RAW = 2000
_TELEPHONE = re.compile(r"^(?:item\d+\.)?TEL[^:\n]*:\s*([+\d][\d ().-]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Content:
    """A message without its envelope. `silent` names a kind that says nothing to anybody."""

    text: str = ""
    files: tuple[File, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str = ""
    silent: str = ""


def unwrapped(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Returns the message proper and the names of what it was wrapped in."""
    seen: set[str] = set()
    for _step in range(DEEPEST):
        name = next((name for name in message if name in WRAPPERS and mapping(message[name])), "")
        if not name:
            break
        inner = mapping(mapping(message[name]).get("message"))
        seen.add(name)
        # What stands beside the wrapper belongs to what is in it: the bytes of a document with a caption.
        message = {**{key: message[key] for key in COMPANIONS & message.keys()}, **inner}
    return message, frozenset(seen)


def kind(message: Mapping[str, Any]) -> str:
    """Returns the field that an unwrapped message is about; "" where there is none."""
    names = [name for name, value in message.items() if name not in COMPANIONS and value not in (None, "")]
    known = [name for name in names if name in KINDS or name in media.KINDS]
    return next(iter(known or names), "")


def read(entry: Mapping[str, Any]) -> Content:
    """Returns what an entry of `messages.upsert` says; a kind that nobody knows is named, not dropped."""
    message, wrappers = unwrapped(mapping(entry.get("message")))
    name = kind(message)
    if not name or name in SILENT:
        return Content(silent=name or "no content")
    body = message[name]
    content = _said(name, body, message, entry)
    context = mapping(mapping(body).get("contextInfo")) or mapping(entry.get("contextInfo"))
    marks = {
        **_marks(context),
        **({"view_once": True} if any("viewOnce" in each for each in wrappers) else {}),
    }
    return replace(
        content, details={**content.details, **marks}, reply_to=string(context.get("stanzaId"))[:255]
    )


def _said(name: str, body: Any, message: Mapping[str, Any], entry: Mapping[str, Any]) -> Content:
    if name in media.KINDS:
        file = media.announced(name, mapping(body), message, mapping(entry.get("key")))
        details = media.details(name, mapping(body), message)
        return Content(string(mapping(body).get("caption")), (file,), details)
    known = KINDS.get(name)
    content = known(body) if known else None
    return content if content and (content.text or content.silent) else _unknown(name, body)


def _marks(context: Mapping[str, Any]) -> dict[str, Any]:
    """What the context of a message adds: that it was forwarded, and the advertisement it answers."""
    marks: dict[str, Any] = {"forwarded": True} if truth(context.get("isForwarded")) else {}
    advertisement = mapping(context.get("externalAdReply"))
    told = {name: string(advertisement.get(name)) for name in ("title", "body", "sourceUrl", "sourceId")}
    return {**marks, "referral": told} if any(told.values()) else marks


def _unknown(name: str, body: Any) -> Content:
    raw = json.dumps(body, ensure_ascii=False, default=str)[:LONGEST_RAW]
    text = _("[A message of a kind that cannot be shown here: %s]") % name[:60]
    return Content(text, details={"kind": "unknown", "type": name[:60], "raw": raw})


def _text(body: Any) -> Content:
    # The text as it was typed: its own spaces and lines are the customer's.
    text = body if isinstance(body, str) else mapping(body).get("text")
    return Content(text) if isinstance(text, str) and text.strip() else Content(silent="an empty text")


def _location(body: Any) -> Content:
    place = mapping(body)
    latitude, longitude = place.get("degreesLatitude"), place.get("degreesLongitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return Content()
    name = string(place.get("name")) or string(place.get("caption")) or string(place.get("comment"))
    address = string(place.get("address"))
    told = ", ".join(filter(None, (name, address, f"{latitude:.6f}, {longitude:.6f}")))
    details = {
        "kind": "location",
        "latitude": latitude,
        "longitude": longitude,
        "name": name,
        "address": address,
    }
    return Content(_("Location: %s") % told, details=details)


def _contacts(body: Any) -> Content:
    cards = items(mapping(body).get("contacts")) or [body]
    people, lines = [], []
    for card in map(mapping, cards):
        phones = [each.strip() for each in _TELEPHONE.findall(string(card.get("vcard")).replace("\r", ""))]
        name = string(card.get("displayName"))
        people.append({"name": name, "phones": phones})
        lines.append(" ".join(filter(None, (name, *phones))))
    return Content(_("Contact: %s") % "; ".join(lines), details={"kind": "contacts", "contacts": people})


def _poll(body: Any) -> Content:
    poll = mapping(body)
    options = [string(mapping(each).get("optionName")) for each in items(poll.get("options"))]
    lines = [_("Poll: %s") % string(poll.get("name")), *(f"- {option}" for option in options)]
    return Content("\n".join(lines), details={"kind": "poll", "options": options})


def _vote(body: Any) -> Content:
    vote = mapping(body)
    # A version that cannot decrypt the vote leaves hashes here, as objects.
    chosen = [
        each for each in items(mapping(vote.get("vote")).get("selectedOptions")) if isinstance(each, str)
    ]
    details = {
        "kind": "vote",
        "options": chosen,
        "poll": string(mapping(vote.get("pollCreationMessageKey")).get("id")),
    }
    return Content(_("Voted: %s") % ", ".join(chosen) if chosen else _("Voted in a poll."), details=details)


def _pressed(*texts: str, value: tuple[str, ...]) -> Callable[[Any], Content]:
    """Reads the answer to buttons or a list: what its label was, and its value."""

    def read_answer(body: Any) -> Content:
        pressed: Any = body
        for name in value:
            pressed = mapping(pressed).get(name)
        label = next(filter(None, (string(mapping(body).get(each)) for each in texts)), "")
        return Content(label or string(pressed), details={"kind": "button", "value": string(pressed)})

    return read_answer


def _flow(body: Any) -> Content:
    reply = mapping(mapping(body).get("nativeFlowResponseMessage"))
    value = string(reply.get("paramsJson"))
    try:
        given = mapping(json.loads(value or "{}"))
    except (ValueError, RecursionError):
        given = {}
    label = string(mapping(mapping(body).get("body")).get("text"))
    text = label or string(given.get("display_text")) or string(given.get("id")) or string(reply.get("name"))
    return Content(
        text,
        details={"kind": "button", "value": string(given.get("id")) or text, "given": value[:LONGEST_RAW]},
    )


def _first(*paths: str, label: str = "") -> Callable[[Any], Content]:
    """Reads a kind of which only its first text matters, such as a message with buttons of a business."""

    def read_text(body: Any) -> Content:
        for path in paths:
            value: Any = body
            for name in path.split("."):
                value = mapping(value).get(name)
            if said := string(value):
                return Content(_(label) % said if label else said)
        return Content()

    return read_text


KINDS: dict[str, Callable[[Any], Content]] = {
    "conversation": _text,
    "extendedTextMessage": _text,
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contacts,
    "contactsArrayMessage": _contacts,
    **dict.fromkeys(
        ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5"),
        _poll,
    ),
    "pollUpdateMessage": _vote,
    "buttonsResponseMessage": _pressed("selectedDisplayText", value=("selectedButtonId",)),
    "templateButtonReplyMessage": _pressed("selectedDisplayText", value=("selectedId",)),
    "listResponseMessage": _pressed("title", value=("singleSelectReply", "selectedRowId")),
    "interactiveResponseMessage": _flow,
    "buttonsMessage": _first("contentText", "text"),
    "listMessage": _first("description", "title"),
    "templateMessage": _first(
        "hydratedTemplate.hydratedContentText",
        "hydratedFourRowTemplate.hydratedContentText",
        "interactiveMessageTemplate.body.text",
    ),
    "interactiveMessage": _first("body.text", "header.title"),
    "orderMessage": _first("message", "orderTitle", "orderId", label=gettext_noop("Order: %s")),
    "productMessage": _first("product.title", "product.productId", label=gettext_noop("Product: %s")),
    "groupInviteMessage": _first("groupName", "inviteCode", label=gettext_noop("Invitation to a group: %s")),
    "eventMessage": _first("name", label=gettext_noop("Event: %s")),
    "requestPaymentMessage": _first(
        "noteMessage.extendedTextMessage.text", label=gettext_noop("Request for payment: %s")
    ),
}
