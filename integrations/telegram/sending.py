"""Our messages as calls of the Bot API (https://core.telegram.org/bots/api#available-methods).

Telegram knows no idempotency key: a call of which nobody knows the end may have arrived, and the spine counts
what it sends again. Nearly everything is one call; where it takes two (a caption that is too long, text that
is longer in UTF-16 than it looks) and a later one fails, part of the message is with the customer, and the
whole is reported as unclear rather than as not sent.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conversations.channels import SendFailed, SendLater, SendRefused, SendUnclear
from conversations.exchange import OutFile, Outgoing, Sent
from core.multipart import FormFile
from core.reasons import reason
from integrations.telegram.client import UPLOAD_LIMIT, tell
from integrations.telegram.config import TelegramConfig
from integrations.telegram.markup import CAPTION_LIMIT, TEXT_LIMIT, pieces_of, shown_units, to_telegram
from integrations.telegram.updates import LABEL, VALUE

Payload = dict[str, Any]
Call = Callable[[Payload], Any]
TOTAL_SECONDS = 19.0
# https://core.telegram.org/bots/api#sendphoto: ten megabytes at most.
PHOTO_LIMIT = 10 * 1024 * 1024
BUTTON_BYTES = 64
LABEL_UNITS = 200
# How a file of a type is sent: method and the name of its field. All else is a document.
METHODS = {
    "image/jpeg": ("sendPhoto", "photo"),
    "image/png": ("sendPhoto", "photo"),
    "image/webp": ("sendPhoto", "photo"),
    "image/gif": ("sendAnimation", "animation"),
    "video/mp4": ("sendVideo", "video"),
    "audio/ogg": ("sendVoice", "voice"),
    "audio/mpeg": ("sendAudio", "audio"),
    "audio/mp4": ("sendAudio", "audio"),
}
DOCUMENT = ("sendDocument", "document")
# What Telegram says of formatting and of pictures that it does not take, as far as it has been seen.
UNREADABLE = ("can't parse", "text must be non-empty", "message text is empty")
NO_PICTURE = ("photo_", "image_process_failed", "wrong type of the web page", "wrong file")
FORBIDDEN_HERE = ("voice_messages_forbidden",)


@dataclass(frozen=True, slots=True)
class Line:
    """The bot, for as long as one message may take: all its calls share a deadline (monotonic seconds)."""

    config: TelegramConfig
    ends_at: float

    def tell(self, method: str, payload: Payload, upload: FormFile | None = None) -> Any:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise SendLater(reason("There was no time left to send it."))
        return tell(self.config, method, payload, upload, deadline=left)


@dataclass(frozen=True, slots=True)
class Step:
    """One call: a text, or a file with the text beneath it."""

    text: str = ""
    file: OutFile | None = None


def sent(outgoing: Outgoing, config: TelegramConfig) -> Sent:
    """Sends everything of a message and returns the id of its last part. Raises as `ChannelAdapter.send`."""
    steps = list(_steps(outgoing))
    line = Line(config, time.monotonic() + TOTAL_SECONDS)
    provider_id = ""
    for place, step in enumerate(steps):
        payload = _frame(outgoing, is_first=place == 0, is_last=place == len(steps) - 1)
        try:
            provider_id = _carried_out(step, payload, line, outgoing.to)
        except SendFailed as error:
            if not provider_id:
                raise
            raise SendUnclear(reason("Only a part was sent: %s", error.detail)) from error
    return Sent(provider_id)


def keyboard(choices: tuple[Mapping[str, str], ...]) -> Payload:
    """Returns buttons that send their value back; one that is too long is stood for by its label."""
    return {"inline_keyboard": [[_button(place, choice)] for place, choice in enumerate(choices)]}


def _steps(outgoing: Outgoing) -> Iterator[Step]:
    text, files = outgoing.text.strip(), list(outgoing.files)
    if files and text and _fits(text, CAPTION_LIMIT):
        yield Step(text, files.pop(0))
        text = ""
    yield from (Step(piece) for piece in pieces_of(text, TEXT_LIMIT))
    yield from (Step(file=file) for file in files)
    if not text and not outgoing.files:
        raise SendRefused(reason("There is nothing to send."))


def _fits(text: str, limit: int) -> bool:
    return len(pieces_of(text, limit)) == 1 and shown_units(to_telegram(text)) <= limit


def _frame(outgoing: Outgoing, *, is_first: bool, is_last: bool) -> Payload:
    """Whom it goes to, what it answers (the first part), and its buttons (the last one)."""
    chat, _at, connection = outgoing.to.partition("@")
    payload: Payload = {"chat_id": chat}
    if connection:
        payload["business_connection_id"] = connection
    answered = outgoing.reply_to.rpartition(":")
    if is_first and answered[0] == outgoing.to and answered[2].isdigit():
        # A message that is gone by now is no reason not to answer.
        answer = {"message_id": int(answered[2]), "allow_sending_without_reply": True}
        payload["reply_parameters"] = answer
    if is_last and outgoing.choices:
        payload["reply_markup"] = keyboard(outgoing.choices)
    return payload


def _button(place: int, choice: Mapping[str, str]) -> Payload:
    value = str(choice.get("value") or choice.get("label") or "")
    label = pieces_of(str(choice.get("label") or value), LABEL_UNITS)[:1] or ["…"]
    data = f"{VALUE}{value}"
    if len(data.encode()) > BUTTON_BYTES:
        data = f"{LABEL}{place}"
    return {"text": label[0], "callback_data": data}


def _carried_out(step: Step, payload: Payload, line: Line, to: str) -> str:
    if step.file is None:
        result = _formatted(
            "text", step.text, payload, TEXT_LIMIT, lambda body: line.tell("sendMessage", body)
        )
    else:
        result = _with_file(step.file, step.text, payload, line)
    number = result.get("message_id") if isinstance(result, dict) else None
    if not isinstance(number, int):
        raise SendUnclear(reason("Telegram took the message and did not say under which number."))
    return f"{to}:{number}"


def _formatted(name: str, text: str, payload: Payload, limit: int, call: Call) -> Any:
    """Sends a text with its formatting; as it was typed where Telegram cannot read that."""
    html = to_telegram(text)
    if not html.strip() or shown_units(html) > limit:
        return call({**payload, name: text})
    try:
        return call({**payload, name: html, "parse_mode": "HTML"})
    except SendRefused as error:
        if not _says(error, UNREADABLE):
            raise
    return call({**payload, name: text})


def _with_file(file: OutFile, text: str, payload: Payload, line: Line) -> Any:
    """Sends a file as what it is; as a document where Telegram does not take it as a picture or a voice."""
    if file.size > UPLOAD_LIMIT:
        raise SendRefused(reason("Telegram takes files of 50 MB at most."), provider_code="413")
    content = file.read()

    def upload(method: str, field: str) -> Any:
        part = FormFile(field, file.name or "file", file.content_type or "application/octet-stream", content)
        call: Call = lambda body: line.tell(method, body, part)  # noqa: E731 (bound to this upload)
        return _formatted("caption", text, payload, CAPTION_LIMIT, call) if text else call(payload)

    method, field = _method_of(file)
    try:
        return upload(method, field)
    except SendRefused as error:
        if field == "document" or not _says(error, (*NO_PICTURE, *FORBIDDEN_HERE)):
            raise
    return upload(*DOCUMENT)


def _method_of(file: OutFile) -> tuple[str, str]:
    method = METHODS.get(file.content_type.partition(";")[0].strip().lower(), DOCUMENT)
    return DOCUMENT if method[1] == "photo" and file.size > PHOTO_LIMIT else method


def _says(error: SendRefused, phrases: tuple[str, ...]) -> bool:
    return any(phrase in error.detail.lower() for phrase in phrases)
