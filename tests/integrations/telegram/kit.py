"""What the tests of this channel build again and again."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from conversations.exchange import OutFile, Outgoing, Parsed
from integrations.telegram.adapter import TelegramAdapter
from integrations.telegram.config import TelegramConfig
from tests.integrations.telegram.case import UPDATES, config, webhook

NOWHERE = "http://127.0.0.1:9"
ADAPTER = TelegramAdapter()


def settings_of(url: str = NOWHERE, **more: Any) -> TelegramConfig:
    return TelegramConfig.model_validate({**config(url), **more})


def parsed(update: Any, **more: Any) -> list[Parsed]:
    """What an update says: the name of a fixture, or JSON."""
    body = UPDATES[update] if isinstance(update, str) else json.dumps(update).encode()
    return list(ADAPTER.parse(webhook(body), settings_of(**more)))


def one(update: Any, **more: Any) -> Any:
    (item,) = parsed(update, **more)
    return item


def message(**fields: Any) -> dict[str, Any]:
    """An update with a message of Davi's."""
    davi = {"id": 555, "is_bot": False, "first_name": "Davi"}
    chat = {"id": 555, "type": "private", "first_name": "Davi"}
    return {"update_id": 1, "message": {"message_id": 7, "from": davi, "chat": chat, "date": 1, **fields}}


def outgoing(text: str = "Hello", **more: Any) -> Outgoing:
    given: dict[str, Any] = {
        "key": uuid4().hex,
        "part": 0,
        "attempt": 1,
        "to": "555",
        "text": text,
        "html": "",
        "files": (),
        "choices": (),
        "details": {},
        "reply_to": "",
        "thread": (),
        "subject": "",
        "author": "Bruno",
        "author_kind": "operator",
        "conversation_id": uuid4(),
        "message_id": uuid4(),
        "created_at": datetime.now(UTC),
    }
    return Outgoing(**{**given, **more})


def out_file(content: bytes, name: str, content_type: str, size: int | None = None) -> OutFile:
    length = len(content) if size is None else size
    return OutFile(name, content_type, length, "https://desk.example/f", lambda: content)
