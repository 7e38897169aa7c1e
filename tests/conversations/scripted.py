"""A channel that says and does what a test wants: the spine and any adapter, without a provider."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from conversations.adapters import BaseAdapter
from conversations.channels import Capabilities, ChannelConfig, Repeat, SendFailed
from conversations.enums import Light
from conversations.exchange import (
    Batch,
    Check,
    Connection,
    Deleted,
    Details,
    Echo,
    Edited,
    File,
    Ignored,
    Incoming,
    Media,
    Outgoing,
    Parsed,
    Pulled,
    Reacted,
    Receipt,
    Sender,
    Sent,
    Thread,
    Webhook,
)
from core.errors import Unauthenticated

KINDS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind
    for kind in (Incoming, Echo, Receipt, Edited, Deleted, Reacted, Connection, Ignored)
}


class ScriptedConfig(ChannelConfig):
    """Settings of the channel."""

    secret: str = "s3cret"
    is_pulled: bool = False
    repeats: Repeat | None = None


class ScriptedAdapter(BaseAdapter):
    """Bodies are `{"id": …, "items": [{"kind": "incoming", …}]}`; sending takes the next of `outcomes`."""

    label = "Scripted"
    capabilities: ClassVar[Capabilities] = Capabilities(
        text_limit=100, per_second=1000, captions=True, quotes=True
    )
    config = ScriptedConfig
    outcomes: ClassVar[deque[Sent | SendFailed | Exception]] = deque()
    calls: ClassVar[list[Outgoing]] = []
    media: ClassVar[deque[Media | Exception]] = deque()
    batches: ClassVar[deque[Batch | SendFailed]] = deque()
    cursors: ClassVar[list[Details]] = []

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        return [self.setup_text(key=key, public_url=public_url)]

    def verify(self, webhook: Webhook, config: ScriptedConfig) -> None:
        if webhook.headers.get("x-secret") != config.secret:
            raise Unauthenticated

    def handshake(self, webhook: Webhook, config: ScriptedConfig) -> str | None:
        return webhook.query.get("challenge") if webhook.query.get("token") == config.secret else None

    def event_id(self, webhook: Webhook) -> str:
        try:
            return str(json.loads(webhook.body).get("id", ""))
        except (ValueError, AttributeError):
            return ""

    def parse(self, webhook: Webhook, config: ScriptedConfig) -> Iterable[Parsed]:
        del config
        for item in json.loads(webhook.body)["items"]:
            yield _item(item)

    def send(self, outgoing: Outgoing, config: ScriptedConfig) -> Sent:
        del config
        self.calls.append(outgoing)
        outcome = self.outcomes.popleft() if self.outcomes else Sent(f"p-{outgoing.key}")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def repeat(self, config: ScriptedConfig) -> Repeat:
        return config.repeats or self.capabilities.repeat

    def fetch(self, file: File, config: ScriptedConfig, *, max_bytes: int) -> Media:
        del file, config, max_bytes
        found = self.media.popleft()
        if isinstance(found, Exception):
            raise found
        return found

    def pulls(self, config: ScriptedConfig) -> bool:
        return config.is_pulled

    def pull(self, config: ScriptedConfig, cursor: Details) -> Iterator[Batch]:
        del config
        self.cursors.append(cursor)
        while self.batches:
            batch = self.batches.popleft()
            if isinstance(batch, SendFailed):
                raise batch
            yield batch

    def test(self, config: ScriptedConfig) -> Check:
        del config
        return Check(Light.GREEN, "fine")


class SafeAdapter(ScriptedAdapter):
    """A provider that recognises what it was sent before."""

    capabilities = Capabilities(repeat=Repeat.SAFE, whole=True, per_second=1000)


class CallbackAdapter(ScriptedAdapter):
    """A provider whose receipts carry our key."""

    capabilities = Capabilities(repeat=Repeat.CALLBACK, receipts=True, per_second=1000)


class SlowAdapter(ScriptedAdapter):
    """A provider that takes two messages a second."""

    capabilities = Capabilities(per_second=2)


def _item(told: dict[str, Any]) -> Parsed:
    fields = {name: value for name, value in told.items() if name != "kind"}
    for name in ("sender", "to"):
        if name in fields and isinstance(fields[name], str):
            fields[name] = Sender(fields[name], name=fields[name].title())
        elif name in fields:
            fields[name] = Sender(**{**fields[name], "aliases": tuple(fields[name].get("aliases", ()))})
    if "files" in fields:
        fields["files"] = tuple(
            File(**{**file, **({"content": file["content"].encode()} if "content" in file else {})})
            for file in fields["files"]
        )
    if "thread" in fields:
        fields["thread"] = Thread(**fields["thread"])
    item: Parsed = KINDS[told["kind"]](**fields)
    return item


def pulled(number: int, *items: dict[str, Any]) -> Pulled:
    """One event of a pull."""
    return Pulled(f"pull-{number}", json.dumps({"items": items}).encode())
