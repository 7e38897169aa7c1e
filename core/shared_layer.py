"""The channel layer of many processes, fit to lose its Redis."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import decode_hosts
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
# The wait for one message; a new group is heard at once whatever it is.
LISTEN_SECONDS = 1.0
NOBODY_SECONDS = 0.1


class SharedLayer(RedisPubSubChannelLayer):
    """Channels' pub/sub layer for groups, whose callers never notice that Redis is away.

    Sockets then open, join and leave as always; what is said is lost, and `is_away` says so to whoever can
    look instead. When Redis is back, all groups are heard again. A single channel of another process cannot
    be sent to: nobody here does, and each socket would cost a subscription.
    """

    def _get_layer(self) -> "_LoopLayer":
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            super()._get_layer()  # sees to the end of the loop
            self._layers[loop] = _LoopLayer(*self._args, **self._kwargs, channel_layer=self)
        found: _LoopLayer = self._layers[loop]
        return found


class _LoopLayer(RedisPubSubLoopLayer):
    """The layer of one event loop."""

    def __init__(self, hosts: Any = None, **options: Any) -> None:
        super().__init__(hosts, **options)
        self._shards = [_Shard(host, self) for host in decode_hosts(hosts)]

    @property
    def is_away(self) -> bool:
        """Whether what is said now would be lost."""
        return any(shard.is_away for shard in self._shards)

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = asyncio.Queue()


class _Shard(RedisSingleShardConnection):
    """The connection to one Redis."""

    is_away = False
    _failed_at = 0.0

    async def publish(self, channel: str, message: bytes) -> None:
        """Publishes, unless Redis was away a moment ago: each try may take until its time-out."""
        if self.is_away and time.monotonic() < self._failed_at + RETRY_SECONDS:
            return
        with self._noticing():
            await super().publish(channel, message)
            self._is_back()

    async def subscribe(self, channel: str) -> None:
        """Subscribes now, or leaves it to the receiver, which subscribes once Redis is there."""
        self._ensure_redis()
        self._ensure_receiver()
        if not self.is_away:
            with self._noticing():
                await super().subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        """Leaves it to the receiver: one who joins again just now must not be cut off by one who leaves."""

    async def _do_receiving(self) -> None:
        while True:
            with self._noticing():
                await self._tune()
                if self._pubsub.subscribed:
                    self._receive_message(await self._next())
                    self._is_back()
                    continue
            await asyncio.sleep(RETRY_SECONDS if self.is_away else NOBODY_SECONDS)

    async def _next(self) -> Any:
        return await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)

    async def _tune(self) -> None:
        """Hears the groups that have members, and no others."""
        groups = self.channel_layer.groups
        for group in groups.keys() - self._subscribed_to:
            await super().subscribe(group)
        for group in self._subscribed_to - groups.keys():
            async with self._lock:
                if group not in groups:
                    await self._pubsub.unsubscribe(group)
                    self._subscribed_to.discard(group)

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError):
            if not self.is_away:
                logger.warning("Redis is away; open connections look for news by themselves", exc_info=True)
            self.is_away, self._failed_at = True, time.monotonic()

    def _is_back(self) -> None:
        if self.is_away:
            logger.warning("Redis is back")
            self.is_away = False
