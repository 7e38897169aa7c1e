"""What the spine and a channel's adapter exchange: plain data, no rows, nothing of any provider.

An adapter turns a provider's bytes into `Parsed` items and an `Outgoing` into a call; what they mean for a
conversation is decided here, once for all channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from conversations.enums import DeliveryStatus, Light

Details = Mapping[str, Any]


# --- Coming in ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Webhook:
    """One request of a provider as it came. Header names are in lower case; `url` is the public address."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote, as the channel knows it. `external_id` is unique in the inbox; the rest may be empty.

    `aliases` are other ids of the same person in the same inbox (a number beside a user id).
    `is_verified`: the channel has proof of the identity (a signature), not just a claim.
    """

    external_id: str
    name: str = ""
    email: str = ""
    locale: str = ""
    is_verified: bool = False
    phone: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file that a provider announced. `reference` is all that the adapter needs to fetch it later.

    `content` is given instead when the bytes came along. `content_id` names an inline image of a mail.
    """

    reference: Details = field(default_factory=dict)
    name: str = ""
    content_type: str = ""
    size: int = 0
    content: bytes | None = None
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a message says it belongs, in a channel whose threads are not one per person.

    `conversation_id` only with proof (our signed address). `answers` are external or provider ids of earlier
    messages in the inbox, nearest first. Where nothing is found a new conversation begins with `subject`.
    """

    subject: str = ""
    conversation_id: UUID | None = None
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A customer's message. `external_id` is unique in the inbox and the same each time it is told.

    `text` is what people read; `html` (unsafe, optional) replaces its rendering once cleaned. `details` holds
    what is more than text: `{"kind": "location", "latitude": …, "longitude": …}`, and as `proven` whether it
    is its sender's, where a channel can tell that of each message. `reply_to` is the external or provider id
    of the message it answers. `is_automatic`: a machine wrote it, and no machine may answer.
    `is_awaited`: the sender's app waits until `acknowledge` has told the provider that it came.
    """

    external_id: str
    sender: Sender
    text: str = ""
    html: str = ""
    files: tuple[File, ...] = ()
    sent_at: datetime | None = None
    reply_to: str = ""
    details: Details = field(default_factory=dict)
    thread: Thread | None = None
    is_automatic: bool = False
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Echo:
    """Something said to a customer from this endpoint: by us and told back, or by somebody on the phone."""

    external_id: str
    to: Sender
    text: str = ""
    files: tuple[File, ...] = ()
    sent_at: datetime | None = None
    reply_to: str = ""
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of something we sent: found by `provider_id`, or by `key` where the provider returns ours.

    Or by `upto` with `reader` (an external id): all that was sent to that person until then. `error` is for
    people.
    """

    status: DeliveryStatus
    provider_id: str = ""
    key: str = ""
    at: datetime | None = None
    reader: str = ""
    upto: datetime | None = None
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Edited:
    """The sender changed a message that is stored under `external_id`.

    `sender`: who says so, where the provider does not make sure that it is their own message.
    """

    external_id: str
    text: str
    at: datetime | None = None
    sender: Sender | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The sender took a message back: its content is to be forgotten. `sender` as with `Edited`."""

    external_id: str
    at: datetime | None = None
    sender: Sender | None = None


@dataclass(frozen=True, slots=True)
class Reacted:
    """Somebody put an emoji to a message (external or provider id); an empty one takes it away."""

    external_id: str
    sender: Sender
    emoji: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """The provider tells how the endpoint itself stands; `details` is shown in the admin (a QR code)."""

    light: Light
    detail: str = ""
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and nothing to do; `reason` for the log of receipts."""

    reason: str


Parsed = Incoming | Echo | Receipt | Edited | Deleted | Reacted | Connection | Ignored


@dataclass(frozen=True, slots=True)
class Pulled:
    """One thing that was fetched rather than told: what a webhook would have carried."""

    event_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a pull brought, and the cursor from which to go on once it is stored."""

    events: tuple[Pulled, ...]
    cursor: Details


# --- Going out ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to send. `read` returns its bytes; `url` is a signed public address, valid for an hour."""

    name: str
    content_type: str
    size: int
    url: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One thing for one provider call. A long message, or one with files, becomes several (`part`).

    `key` is the same at each attempt, and another once people send a failed one again: for providers that
    know idempotency keys or return one of ours.
    `text` is Markdown as written, `html` its safe rendering. `reply_to` is the provider's id of the message
    answered. `thread` are the provider's ids of the conversation's messages so far, oldest first.
    """

    key: str
    part: int
    attempt: int
    to: str
    text: str
    html: str
    files: tuple[OutFile, ...]
    choices: tuple[Mapping[str, str], ...]
    details: Details
    reply_to: str
    thread: tuple[str, ...]
    subject: str
    author: str
    author_kind: str
    conversation_id: UUID
    message_id: UUID
    created_at: datetime
    contact_name: str = ""
    contact_email: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has it. `provider_id` is what its receipts will name.

    `note`: what people should know all the same (who got no copy).
    """

    provider_id: str
    status: DeliveryStatus = DeliveryStatus.SENT
    note: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """The content of a file that an adapter fetched."""

    content: bytes
    content_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A message approved by the provider beforehand. `body` has variables as `{{1}}` or `{{name}}`.

    `header_format`: IMAGE, VIDEO or DOCUMENT where a file stands above the text, given with each message.
    """

    name: str
    language: str
    status: str
    category: str
    body: str
    variables: tuple[str, ...] = ()
    details: Details = field(default_factory=dict)
    header_format: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What a test of the connection found; `detail` for people."""

    light: Light
    detail: str
    details: Details = field(default_factory=dict)
