"""What every adapter is tested with: each channel has a `CASE` in `tests/integrations/<kind>/case.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conversations.exchange import Webhook
from tests.fakes.provider import Provider


@dataclass(frozen=True)
class Case:
    """A channel under test.

    `config(url)` are settings that work against the simulator at that address. `genuine` are webhooks as the
    provider sends them, signed for these settings; `signs_body`: the proof covers the bytes. `credentials`
    are headers (lower case) without which nothing is believed. `to`: an external id that can be written to.
    `simulator` is None where the provider has no HTTP interface.
    """

    config: Callable[[str], Mapping[str, Any]]
    genuine: tuple[Webhook, ...]
    credentials: tuple[str, ...]
    to: str
    simulator: type[Provider] | None
    signs_body: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
