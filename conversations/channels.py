"""Channels by name: the adapters named in settings, found by dotted path so that this app imports none."""

from collections.abc import Mapping
from functools import cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string


class ChannelAdapter(Protocol):
    """What a channel must offer. An adapter translates; it takes no decision about a conversation."""

    label: str

    def setup_text(self, *, key: str, public_url: str) -> str:
        """Returns what the owner of the inbox must copy elsewhere to connect it, as plain text."""
        ...


@cache
def adapter(kind: str) -> ChannelAdapter:
    """Returns the adapter of a channel; raises KeyError for a channel that settings do not name."""
    return cast("ChannelAdapter", import_string(settings.CHANNEL_ADAPTERS[kind])())


def channel_choices() -> Mapping[str, str]:
    """Returns kind and label of every channel; callable choices, so that a new channel makes no migration."""
    return {kind: adapter(kind).label for kind in settings.CHANNEL_ADAPTERS}
