"""One outgoing message as one call to `/messages`, after its file has been uploaded.

https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from conversations.adapters import SEND_SECONDS
from conversations.channels import SendLater, SendRefused, SendUnclear
from conversations.exchange import OutFile, Outgoing, Sent
from core.multipart import FormFile, multipart
from core.reasons import reason
from integrations.whatsapp_cloud.config import WhatsAppConfig
from integrations.whatsapp_cloud.graph import graph
from integrations.whatsapp_cloud.kinds import SAY
from integrations.whatsapp_cloud.markup import to_whatsapp
from integrations.whatsapp_cloud.people import is_user_id

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
BODY_LIMIT = 1024
MEGABYTE = 1024 * 1024
# The two calls of a message with a file share the twenty seconds that a delivery may take.
UPLOAD_SECONDS, AFTER_UPLOAD_SECONDS = 12.0, 7.0

# What WhatsApp shows in place; everything else travels as a document.
SHOWN: Mapping[str, tuple[frozenset[str], int]] = {
    "image": (frozenset({"image/jpeg", "image/png"}), 5 * MEGABYTE),
    "video": (frozenset({"video/mp4", "video/3gpp"}), 16 * MEGABYTE),
    "audio": (
        frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
        16 * MEGABYTE,
    ),
    "sticker": (frozenset({"image/webp"}), 500 * 1024),
}
DOCUMENT_LIMIT = 100 * MEGABYTE
# What Meta calls a file above a template, where it lists templates and where it is sent one.
FILE_HEADERS = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}
MAX_BUTTONS, BUTTON_LETTERS = 3, 20
MAX_ROWS, ROW_LETTERS, ROW_DETAIL_LETTERS = 10, 24, 72
MAX_VALUE = 200


def send(outgoing: Outgoing, config: WhatsAppConfig) -> Sent:
    """Hands one message to WhatsApp. Raises SendRefused, SendLater, SendUnclear or InboxBroken.

    Only the last call can leave a message in doubt: an upload by itself reaches nobody.
    """
    payload = {**envelope(outgoing), **content(outgoing, config)}
    deadline = AFTER_UPLOAD_SECONDS if outgoing.files else SEND_SECONDS
    answer = graph("POST", f"{config.phone_number_id}/messages", config, payload=payload, deadline=deadline)
    try:
        return Sent(str(answer["messages"][0]["id"]))
    except (LookupError, TypeError) as error:
        raise SendUnclear(reason("WhatsApp took the message without naming it.")) from error


def envelope(outgoing: Outgoing) -> dict[str, Any]:
    """Whom it goes to, what it answers, and our key, which each receipt will bring back.

    An id in `to` would be taken for a number, accepted, and lost: it goes into `recipient`.
    """
    address = "recipient" if is_user_id(outgoing.to) else "to"
    envelope: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        address: outgoing.to,
        "biz_opaque_callback_data": outgoing.key,
    }
    if outgoing.reply_to:
        envelope["context"] = {"message_id": outgoing.reply_to}
    return envelope


def content(outgoing: Outgoing, config: WhatsAppConfig) -> dict[str, Any]:
    """Returns type and content; uploads a file on the way."""
    if outgoing.details.get("kind") == "template":
        return {"type": "template", "template": template(outgoing.details, header(outgoing, config))}
    text = to_whatsapp(outgoing.text)
    if len(outgoing.files) > 1:
        raise SendRefused(reason("WhatsApp takes one file at a time."))
    if outgoing.files:
        return media(outgoing, with_lines(text, outgoing.choices), config)
    if interactive := choices(text, outgoing.choices):
        return {"type": "interactive", "interactive": interactive}
    text = with_lines(text, outgoing.choices)
    if not text:
        raise SendRefused(reason("There is nothing to send."))
    if len(text) > TEXT_LIMIT:
        raise SendRefused(reason("WhatsApp takes %s characters at most.", TEXT_LIMIT))
    return {"type": "text", "text": {"body": text, "preview_url": "https://" in text}}


def template(details: Mapping[str, Any], above: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Returns a template with its places filled in: by number, or by name as newer templates have them.

    `above` is what `header` returns for it.
    """
    components = details.get("components")
    if components is None:
        components = [*above, *body_parameters(details.get("variables") or {})]
    return {
        "name": str(details["name"]),
        "language": {"code": str(details["language"])},
        **({"components": list(components)} if components else {}),
    }


def header(outgoing: Outgoing, config: WhatsAppConfig) -> list[dict[str, Any]]:
    """Uploads the file that stands above a template's text and returns the component that shows it."""
    wanted = FILE_HEADERS.get(str(outgoing.details.get("header_format") or ""))
    if not outgoing.files:
        return []
    (file,) = outgoing.files
    types, limit = SHOWN.get(wanted or "", (frozenset({plain_type(file)}), DOCUMENT_LIMIT))
    if wanted is None or plain_type(file) not in types or file.size > limit:
        raise SendRefused(reason("WhatsApp does not show this file above a template."))
    body = {"id": upload(file, config)}
    if wanted == "document":
        body["filename"] = file.name[:240] or "file"
    return [{"type": "header", "parameters": [{"type": wanted, wanted: body}]}]


def body_parameters(variables: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    """Returns the parameters of a template's body, in the order of its places."""
    if not isinstance(variables, Mapping):
        variables = {str(number): value for number, value in enumerate(variables, 1)}
    if not variables:
        return []
    by_number = all(name.isdecimal() for name in variables)
    names = sorted(variables, key=int) if by_number else list(variables)
    parameters = [
        {"type": "text", **({} if by_number else {"parameter_name": name}), "text": str(variables[name])}
        for name in names
    ]
    return [{"type": "body", "parameters": parameters}]


def media(outgoing: Outgoing, caption: str, config: WhatsAppConfig) -> dict[str, Any]:
    """Uploads the file and returns the message that shows it."""
    (file,) = outgoing.files
    if len(caption) > CAPTION_LIMIT:
        raise SendRefused(reason("WhatsApp takes %s characters beside a file at most.", CAPTION_LIMIT))
    kind = shown_as(file, caption=caption, wants_sticker=outgoing.details.get("kind") == "sticker")
    body: dict[str, Any] = {"id": upload(file, config)}
    if caption:
        body["caption"] = caption
    if kind == "document":
        body["filename"] = file.name[:240] or "file"
    return {"type": kind, kind: body}


def shown_as(file: OutFile, *, caption: str, wants_sticker: bool) -> str:
    """Returns how a file is shown: as a document where it is too large, or its text would be lost."""
    content_type = plain_type(file)
    for kind, (types, limit) in SHOWN.items():
        if content_type in types and file.size <= limit:
            takes_text = kind in {"image", "video"}
            fits = (takes_text or not caption) and (kind != "sticker" or wants_sticker)
            return kind if fits else "document"
    return "document"


def plain_type(file: OutFile) -> str:
    """The media type without parameters, in lower case."""
    return file.content_type.partition(";")[0].strip().lower() or "application/octet-stream"


def upload(file: OutFile, config: WhatsAppConfig) -> str:
    """Uploads a file and returns its id. Whatever is unclear about it may be tried again."""
    fields = {"messaging_product": "whatsapp", "type": plain_type(file)}
    content_type, form = multipart(fields, FormFile("file", file.name, plain_type(file), file.read()))
    try:
        answer = graph(
            "POST",
            f"{config.phone_number_id}/media",
            config,
            content=form,
            content_type=content_type,
            deadline=UPLOAD_SECONDS,
        )
        return str(answer["id"])
    except (SendUnclear, KeyError) as error:
        raise SendLater(reason("The file could not be uploaded to WhatsApp.")) from error


def choices(text: str, offered: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    """Returns a message with buttons, or a list where there are more; None where neither fits."""
    labels = [each["label"] for each in offered]
    values = [each.get("value") or each["label"] for each in offered]
    fits = 0 < len(text) <= BODY_LIMIT and all(len(each) <= MAX_VALUE for each in values)
    # WhatsApp refuses two buttons with the same label.
    if not offered or not fits or len(set(values)) < len(values) or len(set(labels)) < len(labels):
        return None
    if len(labels) <= MAX_BUTTONS and max(map(len, labels)) <= BUTTON_LETTERS:
        replies = [
            {"type": "reply", "reply": {"id": SAY + value, "title": label}}
            for label, value in zip(labels, values, strict=True)
        ]
        return {"type": "button", "body": {"text": text}, "action": {"buttons": replies}}
    if len(labels) <= MAX_ROWS and max(map(len, labels)) <= ROW_DETAIL_LETTERS:
        rows = [row(label, value) for label, value in zip(labels, values, strict=True)]
        action = {"button": _("Choose")[:BUTTON_LETTERS], "sections": [{"rows": rows}]}
        return {"type": "list", "body": {"text": text}, "action": action}
    return None


def row(label: str, value: str) -> dict[str, str]:
    """One line of a list; a long label stands in full below its beginning."""
    if len(label) <= ROW_LETTERS:
        return {"id": SAY + value, "title": label}
    return {"id": SAY + value, "title": f"{label[: ROW_LETTERS - 1]}…", "description": label}


def with_lines(text: str, offered: Sequence[Mapping[str, str]]) -> str:
    """Returns a text with the choices as lines below it."""
    return "\n".join(filter(None, [text, *(f"• {each['label']}" for each in offered)]))


def read_receipt(external_id: str, config: WhatsAppConfig, *, typing: bool = False) -> None:
    """Shows the customer that a message was read (and all before it); `typing` shows dots for 25 s at most.

    Raises as `send`. May be repeated.
    """
    payload: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": external_id,
    }
    if typing:
        payload["typing_indicator"] = {"type": "text"}
    graph("POST", f"{config.phone_number_id}/messages", config, payload=payload)
