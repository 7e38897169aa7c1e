"""What we say: text, one file, an answer to a message; buttons become numbered lines.

Buttons of its own WhatsApp shows only from business accounts. Sources:
https://doc.evolution-api.com/v2/api-reference/message-controller/send-text and …/send-media
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from conversations.adapters import SEND_SECONDS, answer_json
from conversations.channels import SendRefused, SendUnclear
from conversations.exchange import OutFile, Outgoing, Sent
from integrations.evolution.calls import ask
from integrations.evolution.fields import mapping, string
from integrations.evolution.markup import to_whatsapp

# The server answers once WhatsApp has the file.
FILE_SECONDS = 20.0


def send(outgoing: Outgoing, config: Any) -> Sent:
    """Sends one thing; the key of the message at WhatsApp is what receipts and echoes will name."""
    path, said = _call(outgoing)
    payload = {"number": outgoing.to, **said, **_quoted(outgoing.reply_to)}
    deadline = FILE_SECONDS if outgoing.files else SEND_SECONDS
    answer = ask(config, "POST", path, payload, deadline=deadline)
    provider_id = string(mapping(answer_json(answer).get("key")).get("id"))
    if not provider_id:
        raise SendUnclear(provider_code="no_id")
    return Sent(provider_id)


def read_receipt(external_ids: Sequence[str], chat: str, config: Any) -> None:
    """Marks messages of a chat as read, each by itself: WhatsApp takes none for those before it.

    https://doc.evolution-api.com/v2/api-reference/chat-controller/mark-as-read
    """
    # Calls and messages without an id bear names of ours, which nobody knows there.
    keys = [{"remoteJid": chat, "fromMe": False, "id": each} for each in external_ids if ":" not in each]
    if keys:
        ask(config, "POST", "chat/markMessageAsRead", {"readMessages": keys})


def text_of(outgoing: Outgoing) -> str:
    """Returns the text as WhatsApp shows it, with its choices as lines to answer by number."""
    lines = [f"{number}. {choice['label']}" for number, choice in enumerate(outgoing.choices, 1)]
    return "\n\n".join(filter(None, (to_whatsapp(outgoing.text), "\n".join(lines))))


def _call(outgoing: Outgoing) -> tuple[str, Mapping[str, Any]]:
    text = text_of(outgoing)
    if outgoing.files:
        return _file_call(outgoing.files[0], text)
    if not text:
        raise SendRefused(provider_code="empty")
    return "message/sendText", {"text": text}


def _file_call(file: OutFile, caption: str) -> tuple[str, Mapping[str, Any]]:
    family = file.content_type.partition("/")[0]
    content = base64.b64encode(file.read()).decode()
    # Audio has no caption; with one it goes as a document, so that no word is lost.
    if family == "audio" and not caption:
        return "message/sendWhatsAppAudio", {"audio": content}
    said = {
        "mediatype": family if family in {"image", "video"} else "document",
        "mimetype": file.content_type,
        "media": content,
        "fileName": file.name,
    }
    return "message/sendMedia", {**said, **({"caption": caption} if caption else {})}


def _quoted(reply_to: str) -> dict[str, Any]:
    return {"quoted": {"key": {"id": reply_to}}} if reply_to else {}
