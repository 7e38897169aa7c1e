"""Files in messages: what a webhook says of them, and how their bytes are fetched.

Source: https://doc.evolution-api.com/v2/api-reference/chat-controller/get-base64
"""

import base64
import binascii
import mimetypes
from collections.abc import Mapping
from typing import Any

from conversations.adapters import answer_json
from conversations.channels import InboxBroken, SendRefused, SendUnclear
from conversations.channels import SendLater as TryLater
from conversations.exchange import File, Media
from core.errors import TooLarge
from integrations.evolution.calls import ask
from integrations.evolution.fields import mapping, number, string, truth

# Kind: what it is called here, and the type where none is given.
KINDS = {
    "imageMessage": ("image", "image/jpeg"),
    "videoMessage": ("video", "video/mp4"),
    "ptvMessage": ("video", "video/mp4"),
    "audioMessage": ("audio", "audio/ogg"),
    "documentMessage": ("document", "application/octet-stream"),
    "stickerMessage": ("sticker", "image/webp"),
}
# The preview and the waveform are large, and the bytes are found without them.
BULKY = frozenset({"jpegThumbnail", "waveform", "contextInfo", "scansSidecar", "midQualityFileSha256"})
ENVELOPE_BYTES = 64 * 1024
FETCH_SECONDS = 18.0
LARGEST = 2**40


def announced(name: str, body: Mapping[str, Any], message: Mapping[str, Any], key: Mapping[str, Any]) -> File:
    """Returns a file as a webhook tells of it; with its content where the instance sends that along."""
    label, default = KINDS[name]
    content_type = string(body.get("mimetype")).partition(";")[0].strip().lower() or default
    shown = string(body.get("fileName")) or string(body.get("title"))
    lean = {field: value for field, value in body.items() if field not in BULKY}
    return File(
        reference={"key": dict(key), "message": {name: lean}},
        name=(shown or f"{label}{mimetypes.guess_extension(content_type) or ''}")[:200],
        content_type=content_type,
        size=min(max(0, number(body.get("fileLength"))), LARGEST),
        content=_decoded(message.get("base64")),
    )


def details(name: str, body: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is more than the file: that it is a voice note, how long, and what was heard in it."""
    label, _ = KINDS[name]
    is_voice = name == "audioMessage" and truth(body.get("ptt"))
    told: dict[str, Any] = {"kind": "voice" if is_voice else label}
    if seconds := number(body.get("seconds")):
        told["seconds"] = seconds
    if transcript := string(message.get("speechToText")):
        told["transcript"] = transcript
    return told


def fetched(file: File, config: Any, *, max_bytes: int) -> Media:
    """Fetches a file: by the id of its message where the server keeps messages, else by its description.

    Repeating it does no harm, so it is never unclear. Raises SendLater, SendRefused, InboxBroken, TooLarge.
    """
    if file.content is not None:
        return _checked(file.content, file, max_bytes)
    if file.size > max_bytes:
        raise TooLarge
    key = mapping(file.reference.get("key"))
    try:
        return _asked({"key": {"id": string(key.get("id"))}}, file, config, max_bytes)
    except SendRefused:
        return _asked({"key": key, "message": file.reference.get("message")}, file, config, max_bytes)


def _asked(message: Mapping[str, Any], file: File, config: Any, max_bytes: int) -> Media:
    try:
        answer = ask(
            config,
            "POST",
            "chat/getBase64FromMediaMessage",
            {"message": message, "convertToMp4": False},
            # Four characters stand for three bytes.
            max_bytes=max_bytes * 4 // 3 + ENVELOPE_BYTES,
            deadline=FETCH_SECONDS / 2,
        )
        data = answer_json(answer)
    except SendUnclear as error:
        raise TryLater(error.detail) from error
    except InboxBroken as error:
        # No such message is answered like no such instance, which any message to send finds out.
        raise (SendRefused if error.provider_code == "404" else InboxBroken)(error.detail) from error
    content = _decoded(data.get("base64"))
    if not content:
        raise SendRefused(provider_code="no_content")
    return _checked(content, file, max_bytes, string(data.get("mimetype")).partition(";")[0].strip().lower())


def _checked(content: bytes, file: File, max_bytes: int, content_type: str = "") -> Media:
    if len(content) > max_bytes:
        raise TooLarge
    return Media(content, content_type or file.content_type, file.name)


def _decoded(value: Any) -> bytes | None:
    text = string(value)
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None
