"""What most adapters share: defaults, and one way to call a provider's HTTP interface.

An adapter extends `BaseAdapter` and replaces what its provider does differently. There is no default for
`verify`: whoever forgets it finds out at once.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from conversations.channels import (
    Capabilities,
    ChannelConfig,
    InboxBroken,
    Repeat,
    SendLater,
    SendRefused,
    SendUnclear,
)
from conversations.enums import Light
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
from core.errors import TooLarge
from core.http import Fetched, OutboundError, fetch
from core.outbound import OutboundTooLarge
from core.retry_after import retry_after

SEND_SECONDS = 15.0
TOO_MANY = {HTTPStatus.TOO_MANY_REQUESTS}
NO_RIGHTS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
# A gateway's answer says nothing of what the server behind it has done.
SECRET_HEADERS = {"authorization", "cookie", "apikey", "x-api-key", "x-telegram-bot-api-secret-token"}
UNCLEAR = {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}


class BaseAdapter(ABC):
    """A channel without receipts, templates, pulling or files to fetch; `ChannelAdapter` explains each."""

    label: Any = ""
    capabilities: ClassVar[Capabilities] = Capabilities()
    config: ClassVar[type[ChannelConfig]] = ChannelConfig

    def setup_text(self, *, key: str, public_url: str) -> str:
        """The address of our door."""
        return f"{public_url}/hooks/{key}"

    @abstractmethod
    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """What the owner does, in order."""

    def handshake(self, webhook: Webhook, config: Any) -> str | None:
        """Refuses: most providers never ask."""
        del webhook, config
        return None

    @abstractmethod
    def verify(self, webhook: Webhook, config: Any) -> None:
        """Who it is from."""

    def event_id(self, webhook: Webhook) -> str:
        """None: the digest of the body will do."""
        del webhook
        return ""

    def max_body(self, config: Any) -> int:
        """No more than any channel: providers tell of files, and send them apart."""
        del config
        return 0

    def stored(self, webhook: Webhook) -> Webhook:
        """Keeps all but the headers that prove who it is from."""
        kept = {name: value for name, value in webhook.headers.items() if name not in SECRET_HEADERS}
        return replace(webhook, headers=kept)

    def pulls(self, config: Any) -> bool:
        """Waits to be told."""
        del config
        return False

    def pull(self, config: Any, cursor: Details) -> Iterator[Batch]:
        """Nothing is pulled."""
        del config, cursor
        return iter(())

    def for_any_account(self, config: Any) -> Any:
        """The same: most providers' webhooks name no account."""
        return config

    @abstractmethod
    def parse(self, webhook: Webhook, config: Any) -> Iterable[Parsed]:
        """What it says."""

    @abstractmethod
    def send(self, outgoing: Outgoing, config: Any) -> Sent:
        """Says something."""

    def mark_read(self, external_ids: Sequence[str], config: Any, *, to: str, typing: bool = False) -> None:
        """Tells nobody."""
        del external_ids, config, to, typing

    def acknowledge(self, external_id: str, config: Any) -> None:
        """Tells nobody."""
        del external_id, config

    def fetch(self, file: File, config: Any, *, max_bytes: int) -> Media:
        """Returns what came along; a channel that only announces files replaces this."""
        del config, max_bytes
        if file.content is None:
            raise SendRefused
        return Media(file.content, file.content_type, file.name)

    @abstractmethod
    def test(self, config: Any) -> Check:
        """Whether the settings work."""

    def connect(self, config: Any, *, url: str, secret: str) -> Check:
        """Leaves it to the owner, who has the steps."""
        del url, secret
        return self.test(config)

    def templates(self, config: Any) -> Sequence[Template]:
        """There are none."""
        del config
        return ()

    def repeat(self, config: Any) -> Repeat:
        """The same for every inbox of the channel."""
        del config
        return self.capabilities.repeat

    def window(self, config: Any) -> timedelta | None:
        """The same for every inbox of the channel."""
        del config
        return self.capabilities.window

    def recipient(self, address: str, config: Any) -> Sender | None:
        """Nobody: most channels reach only those who wrote before."""
        del address, config
        return None

    def other_id(self, external_id: str) -> str:
        """None: most channels have one id for a person."""
        del external_id
        return ""

    def profile(self, external_id: str, config: Any) -> Sender | None:
        """All that is known came with the message."""
        del external_id, config
        return None


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    payload: Any = None,
    content: bytes | None = None,
    content_type: str = "application/json",
    deadline: float = SEND_SECONDS,
    silence: float | None = None,
    max_bytes: int = 5 * 1024 * 1024,
    judge: Callable[[Fetched], Fetched] | None = None,
) -> Fetched:
    """Calls a provider once and returns its answer, whatever its 2xx or 4xx says.

    Raises SendLater for what the provider did not take (no connection, 429, 500, 503), SendUnclear where it
    may have, InboxBroken for 401 and 403; `judge` replaces `raise_for_status` for a provider whose statuses
    mean something else. Retries are the spine's, never made here. The provider may say nothing for as long as
    the call may take, which a film needs, unless `silence` (seconds) allows less.
    """
    body = json.dumps(payload).encode() if payload is not None else content
    sent = {**({"content-type": content_type} if body is not None else {}), **(headers or {})}
    try:
        answer = fetch(
            url,
            method=method,
            headers=sent,
            content=body,
            deadline=deadline,
            silence=deadline if silence is None else silence,
            attempts=1,
            max_bytes=max_bytes,
        )
    except OutboundTooLarge as error:
        raise TooLarge(error.detail) from error
    except OutboundError as error:
        if error.may_have_arrived and method not in {"GET", "HEAD"}:
            raise SendUnclear(error.detail) from error
        raise (SendLater if error.temporary else InboxBroken)(error.detail) from error
    return (judge or raise_for_status)(answer)


def raise_for_status(answer: Fetched) -> Fetched:
    """Returns an answer that the provider meant; raises for those that say to come again or to stay away."""
    detail = f"{answer.status}: {shown(answer)}"
    if answer.status in TOO_MANY:
        raise SendLater(detail, provider_code=str(answer.status), retry_after=asked_pause(answer))
    if answer.status in UNCLEAR:
        raise SendUnclear(detail, provider_code=str(answer.status))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SendLater(detail, provider_code=str(answer.status), retry_after=asked_pause(answer))
    if answer.status in NO_RIGHTS:
        raise InboxBroken(detail, provider_code=str(answer.status))
    return answer


def answer_json(answer: Fetched) -> dict[str, Any]:
    """Returns the object in an answer; raises SendUnclear for a success that cannot be read."""
    try:
        data = json.loads(answer.content)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise SendUnclear(f"{answer.status}: {shown(answer)}")
    return data


def asked_pause(answer: Fetched) -> float:
    """The seconds the provider asks to wait; 0 where it says nothing that can be read."""
    return retry_after(answer.headers) or 0.0


def shown(answer: Fetched) -> str:
    """The beginning of an answer, for people; control characters would forge lines in a log."""
    text = answer.content[:300].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text)


def bright(detail: str, **details: Any) -> Check:
    """A connection that works."""
    return Check(Light.GREEN, detail, details)
