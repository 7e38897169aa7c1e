"""The channel layer of one process, fit for many sockets."""

import contextlib
import time
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer, get_channel_layer

CLEAN_SECONDS = 5.0


def hints_are_lost() -> bool:
    """Says whether what is published now reaches nobody; readers then look by themselves."""
    return bool(getattr(get_channel_layer(), "is_away", False))


class OneProcessLayer(InMemoryChannelLayer):
    """Channels' in-memory layer without the search through all sockets at each message and each receiver.

    That search makes a hint to a hundred sockets ten thousand steps. Here it is made every few seconds, and a
    group is served without a task for each member. What is delivered, kept and dropped stays the same.
    """

    def __init__(self, **options: Any) -> None:
        """Takes Channels' options."""
        super().__init__(**options)
        self._clean_at = 0.0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Puts the message before every member; one that does not keep up misses it."""
        self.require_valid_group_name(group)
        self._clean_expired()
        for channel in list(self.groups.get(group, ())):
            with contextlib.suppress(ChannelFull):
                await self.send(channel, message)

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now >= self._clean_at:
            self._clean_at = now + CLEAN_SECONDS
            super()._clean_expired()
