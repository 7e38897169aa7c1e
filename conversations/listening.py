"""Hearing what happens in one conversation without a socket: what event streams read from."""

import asyncio
import time
from typing import Any, Self
from uuid import UUID

from channels.layers import get_channel_layer

from conversations.groups import conversation_group
from core.errors import Unavailable


class Listener:
    """A member of the channel layer: hears hints, text that is being written, and who types.

    What it should hear may be lost; whoever listens reads the events from Postgres, and looks by itself too.
    """

    def __init__(self, layer: Any, channel: str) -> None:
        """Takes the layer and a channel of its own there; `begin` makes both."""
        self.layer, self.channel = layer, channel
        self.group = ""
        # One wait for as long as it takes: layers forget the channel of a reader who gives up.
        self.hearing = asyncio.ensure_future(layer.receive(channel))

    @classmethod
    async def begin(cls) -> Self:
        """Returns a listener that hears nothing yet; raises Unavailable where there is no channel layer."""
        layer = get_channel_layer()
        if layer is None:
            raise Unavailable
        return cls(layer, await layer.new_channel())

    async def follow(self, conversation_id: UUID) -> bool:
        """Hears a conversation from now on; says whether that is new. What came before is to be read."""
        if self.group:
            return False
        self.group = conversation_group(conversation_id)
        await self.layer.group_add(self.group, self.channel)
        return True

    async def hear(self, *, until: float) -> dict[str, Any] | None:
        """Returns the next message; None when none came until then, by the monotonic clock."""
        await asyncio.wait({self.hearing}, timeout=max(0, until - time.monotonic()))
        if not self.hearing.done():
            return None
        message = dict(self.hearing.result())
        self.hearing = asyncio.ensure_future(self.layer.receive(self.channel))
        return message

    async def leave(self) -> None:
        """Hears nothing any more."""
        self.hearing.cancel()
        if self.group:
            await self.layer.group_discard(self.group, self.channel)
