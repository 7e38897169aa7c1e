"""Channels by name: the adapters named in settings, found by dotted path so that this app imports none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict

from conversations.exchange import (
    Batch,
    Check,
    Details,
    File,
    Media,
    Outgoing,
    Parsed,
    Sender,
    Sent,
    Template,
    Webhook,
)
from core.errors import HelpdeskError
from core.reasons import reason
from core.retry_after import LONGEST


class Repeat(StrEnum):
    """What may be done with a message of which nobody knows whether the provider took it.

    SAFE: send again, the other side recognises it (a Message-ID, an idempotency key). CALLBACK: wait for a
    receipt that carries our key, and send again when none has come. ECHO: wait a little for the provider to
    tell of the message itself, then as DOUBTFUL: send again and count it, since a message twice is better
    than none.
    """

    SAFE = "safe"
    CALLBACK = "callback"
    ECHO = "echo"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do; the spine splits, paces, waits and refuses by these.

    `text_limit` in characters, or in bytes of UTF-8 where `text_bytes`. `per_second`: messages that the
    provider takes for one inbox. `window`: how long after the customer's last message free text may be sent,
    where the inbox's own `window(config)` says no other; `repeat(config)` likewise. `file_types`: prefixes
    such as `image/`, empty for all; `file_limit` in bytes. `whole`: text and files go in one piece (e-mail).
    `captions`: the first file carries the text, of `caption_limit` characters at most. `receipts`: the
    provider tells of delivery and reading. `marks_read`: it can be told that we have read. `quotes`: it shows
    which message ours answers. `copies`: others can get our messages as well.
    `opens`: somebody who never wrote can be written to, at an address (`recipient`). `subjects`: a
    conversation begins with a subject, and one person may have several. `unwanted`: the provider's codes of
    failures that say that the person wants no messages of the kind.
    """

    sends: bool = True
    text_limit: int = 4096
    text_bytes: bool = False
    per_second: float = 20.0
    window: timedelta | None = None
    templates: bool = False
    file_types: tuple[str, ...] = ()
    file_limit: int = 10 * 1024 * 1024
    whole: bool = False
    captions: bool = False
    caption_limit: int = 1024
    receipts: bool = False
    marks_read: bool = False
    quotes: bool = False
    copies: bool = False
    opens: bool = False
    subjects: bool = False
    unwanted: frozenset[str] = frozenset()
    repeat: Repeat = Repeat.DOUBTFUL


class ChannelConfig(BaseModel):
    """Settings of one inbox. Secrets are `SecretStr`; titles and descriptions are shown in the admin.

    `sent_to` names, for each setting that says which server is asked, the secrets that server gets. Where
    it changes they are entered again: else whoever may change settings could send them to a server of theirs.
    """

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, hide_input_in_errors=True)
    sent_to: ClassVar[Mapping[str, tuple[str, ...]]] = {}


class ChannelAdapter(Protocol):
    """What a channel must offer. An adapter translates; it takes no decision about a conversation.

    None of its methods touches the database; `send`, `fetch`, `test`, `connect` and `templates` are called on
    a thread of their own, outside any transaction, and end by their own deadline (20 s at most).
    """

    label: Any
    capabilities: Capabilities
    config: type[ChannelConfig]

    def setup_text(self, *, key: str, public_url: str) -> str:
        """Returns what the owner of the inbox must copy elsewhere to connect it, as plain text."""
        ...

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """Returns, in order and in the active language, what has to be done to connect it."""
        ...

    def handshake(self, webhook: Webhook, config: Any) -> str | None:
        """Answers a GET by which a provider asks whether the address is ours; None refuses it."""
        ...

    def verify(self, webhook: Webhook, config: Any) -> None:
        """Raises Unauthenticated unless the raw bytes come from the provider; compares in constant time."""
        ...

    def event_id(self, webhook: Webhook) -> str:
        """Returns the provider's id of this delivery, or "" where it has none (the body's digest is taken).

        Must not raise, whatever the bytes.
        """
        ...

    def max_body(self, config: Any) -> int:
        """Returns how many bytes a webhook of this inbox may have, where the door must take more than usual.

        0: no more than of any channel (`MAX_WEBHOOK_BYTES`).
        """
        ...

    def stored(self, webhook: Webhook) -> Webhook:
        """Returns the request as it is kept: without secrets that `parse` has no need of.

        Pure, and must not raise, whatever the bytes.
        """
        ...

    def pulls(self, config: Any) -> bool:
        """Says whether this inbox is asked for what is new, since nobody tells us."""
        ...

    def pull(self, config: Any, cursor: Details) -> Iterator[Batch]:
        """Yields what is new since the cursor ({} at the very first), for as long as the connection lives.

        Blocks 25 s at most between two batches and yields an empty one when nothing came. Going on to the
        next one means that the last is stored: only then may the provider be told to forget it. Each event is
        given to `parse` as the body of a Webhook, with its headers. Raises as `send`.
        """
        ...

    def for_any_account(self, config: Any) -> Any:
        """Returns settings with which `parse` reads what was meant for any account, fed in by hand."""
        ...

    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """Translates every entry, change, message and receipt. Pure.

        May raise anything for bytes it cannot read; what it yielded before is kept, the rest is quarantined.
        """
        ...

    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Hands one thing to the provider. Raises SendRefused, SendLater, SendUnclear or InboxBroken."""
        ...

    def mark_read(self, external_ids: Sequence[str], config: Any, *, to: str, typing: bool = False) -> None:
        """Shows a customer (`to`, as when sending) what was read; `typing`: that we are writing as well.

        The messages are theirs, oldest first, and new since the last time: a provider that takes one for all
        before it is told the last. Only asked where `marks_read`. May be repeated. Raises as `send`.
        """
        ...

    def acknowledge(self, external_id: str, config: Any) -> None:
        """Tells the provider that a message came whose sender's app waits for that (`Incoming.is_awaited`).

        May be repeated. Raises as `send`.
        """
        ...

    def fetch(self, file: File, config: Any, *, max_bytes: int) -> Media:
        """Fetches an announced file. Raises as `send`, TooLarge for one that is larger than allowed."""
        ...

    def test(self, config: Any) -> Check:
        """Asks the provider whether the settings work; raises nothing but SendFailed's kinds."""
        ...

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Tells the provider the address of our door, where it can be told; else says what is left to do."""
        ...

    def templates(self, config: Any) -> Sequence[Template]:
        """Returns the templates that the provider knows; empty where the channel has none."""
        ...

    def repeat(self, config: Any) -> Repeat:
        """Returns what this inbox may do with a message of which nobody knows whether it was taken."""
        ...

    def window(self, config: Any) -> timedelta | None:
        """Returns how long after the customer's last message this inbox may send free text; None: always."""
        ...

    def recipient(self, address: str, config: Any) -> Sender | None:
        """Returns who is reached at an address that a person typed; None for what is none, or is our own.

        Pure: whether anybody is there shows with the first message.
        """
        ...

    def other_id(self, external_id: str) -> str:
        """Returns another id that the provider may have for the same person; "" where there is none. Pure."""
        ...

    def profile(self, external_id: str, config: Any) -> Sender | None:
        """Asks who somebody is whom webhooks name by an id only; None where there is nothing to ask.

        Called on a thread like `send`, and raises as it does.
        """
        ...


class SendFailed(HelpdeskError):
    """The message could not be sent."""

    code = "send_failed"
    status = 502

    def __init__(self, detail: str = "", *, provider_code: str = "", retry_after: float = 0.0) -> None:
        """Takes what people read (a reason), the provider's own code, and seconds to wait (0: ours)."""
        super().__init__(detail or reason((type(self).__doc__ or "").strip()))
        self.provider_code = provider_code
        # Whatever a provider says, a message is not kept longer than it is tried.
        self.retry_after = min(LONGEST, max(0.0, retry_after))


class SendRefused(SendFailed):
    """The provider refused the message; trying again would not help."""

    code = "send_refused"


class SendLater(SendFailed):
    """The provider did not take the message now; it is tried again."""

    code = "send_later"


class SendUnclear(SendFailed):
    """Nobody knows whether the provider took the message."""

    code = "send_unclear"


class InboxBroken(SendFailed):
    """The inbox is not connected: its settings or its rights at the provider do not work."""

    code = "inbox_broken"


# The default messages again, where the catalogues are made from.
DEFAULTS = (
    gettext_noop("The message could not be sent."),
    gettext_noop("The provider refused the message; trying again would not help."),
    gettext_noop("The provider did not take the message now; it is tried again."),
    gettext_noop("Nobody knows whether the provider took the message."),
    gettext_noop("The inbox is not connected: its settings or its rights at the provider do not work."),
)


@cache
def adapter(kind: str) -> ChannelAdapter:
    """Returns the adapter of a channel; raises KeyError for a channel that settings do not name."""
    return cast("ChannelAdapter", import_string(settings.CHANNEL_ADAPTERS[kind])())


def channel_choices() -> Mapping[str, str]:
    """Returns kind and label of every channel; callable choices, so that a new channel makes no migration."""
    return {kind: adapter(kind).label for kind in settings.CHANNEL_ADAPTERS}
