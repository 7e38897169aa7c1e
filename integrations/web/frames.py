"""Client frames of the protocol, parsed and checked at the door."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.errors import TooLarge
from integrations.web.errors import BadFrame

MAX_FRAME_BYTES = 64 * 1024
MAX_ATTACHMENTS = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """What the host site says of its logged-in customer; true only with a right `hash`."""

    external_id: str
    email: str = ""
    name: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of every connection."""

    inbox: str
    token: str = ""
    locale: str = ""
    since: int | None = None
    identity: Claim | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """A message of the customer; `client_id` makes sending it again harmless."""

    client_id: UUID
    text: str
    attachments: tuple[UUID, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Show:
    """The page is about to show an invitation of the config."""

    invitation: UUID


@dataclass(frozen=True, slots=True)
class Accept:
    """The customer takes up an invitation: its id is the `client_id` of the message that it becomes."""

    client_id: UUID


@dataclass(frozen=True, slots=True)
class Typing:
    """The customer began or ceased to type."""

    on: bool


@dataclass(frozen=True, slots=True)
class Read:
    """The customer has seen everything up to `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What the customer thinks of an answer of the agent, as a whole: it replaces what they said before."""

    message: UUID
    helpful: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The agent should stop writing."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


Frame = Hello | Send | Show | Accept | Typing | Read | Rate | Stop | Pong


def parse(raw: str | bytes) -> dict[str, Any]:
    """Returns the JSON object of a text frame; raises TooLarge and BadFrame."""
    if len(raw) > MAX_FRAME_BYTES:
        raise TooLarge
    try:
        data = _sayable(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise BadFrame from error
    if not isinstance(data, dict):
        raise BadFrame
    return data


def _sayable(value: Any) -> Any:
    """Replaces halves of characters, which JSON can escape but neither a socket nor Postgres can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_sayable(item) for item in value]
    if isinstance(value, dict):
        return {_sayable(name): _sayable(item) for name, item in value.items()}
    return value


def to_frame(data: dict[str, Any]) -> Frame:
    """Returns the typed frame; raises BadFrame that names the first wrong field."""
    kind = data.get("type")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        detail = "Unknown type of frame."
        raise BadFrame(detail, field="type")
    return reader(data)


def _hello(data: dict[str, Any]) -> Hello:
    if data.get("v") != 1:
        detail = "This server speaks version 1."
        raise BadFrame(detail, field="v")
    return Hello(
        inbox=_value(data, "inbox", str),
        token=_optional(data, "token", ""),
        locale=_optional(data, "locale", "").replace("\x00", "")[:12],
        since=None if data.get("since") is None else _number(data, "since"),
        identity=None if data.get("identity") is None else _claim(_value(data, "identity", dict)),
    )


def _claim(data: dict[str, Any]) -> Claim:
    external_id = data.get("external_id")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        external_id = str(external_id)
    if not isinstance(external_id, str):
        raise BadFrame(field="identity.external_id")
    return Claim(
        external_id=external_id.replace("\x00", "")[:150],
        email=_optional(data, "email", "").replace("\x00", "")[:254],
        name=_optional(data, "name", "").replace("\x00", "")[:120],
        hash=_optional(data, "hash", ""),
    )


def _send(data: dict[str, Any]) -> Send:
    attachments = data.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > MAX_ATTACHMENTS:
        raise BadFrame(field="attachments")
    return Send(
        client_id=_uuid(data.get("client_id"), "client_id"),
        text=_optional(data, "text", ""),
        attachments=tuple(_uuid(item, "attachments") for item in attachments),
    )


def _value(data: dict[str, Any], name: str, kind: type) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        raise BadFrame(field=name)
    return value


def _optional(data: dict[str, Any], name: str, default: str) -> str:
    value = data.get(name)
    if value is None:
        return default
    return str(_value(data, name, str))


def _number(data: dict[str, Any], name: str) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise BadFrame(field=name)
    return value


def _uuid(value: object, name: str) -> UUID:
    try:
        return UUID(value) if isinstance(value, str) else _refuse(name)
    except ValueError:
        return _refuse(name)


def _refuse(name: str) -> UUID:
    raise BadFrame(field=name)


# What a visitor may send, and how it is read.
READERS: dict[str, Callable[[dict[str, Any]], Frame]] = {
    "hello": _hello,
    "send": _send,
    "show": lambda d: Show(_uuid(d.get("invitation"), "invitation")),
    "accept": lambda d: Accept(_uuid(d.get("client_id"), "client_id")),
    "typing": lambda d: Typing(_value(d, "on", bool)),
    "read": lambda d: Read(_number(d, "seq")),
    "rate": lambda d: Rate(
        _uuid(d.get("message"), "message"), _value(d, "helpful", bool), _optional(d, "reason", "")
    ),
    "stop": lambda _d: Stop(),
    "pong": lambda _d: Pong(),
}
