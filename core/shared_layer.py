"""The channel layer of many processes, fit to lose its Redis."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import decode_hosts
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
# The wait for one message; a new group is heard at once whatever it is.
LISTEN_SECONDS = 1.0
NOBODY_SECONDS = 0.1
# So long nothing comes, not even the answer to a ping.
SILENT_SECONDS = 3.0


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
    """The connection to one Redis. Who subscribes or publishes gives way while it is away.

    The receiver finds out when it is back.
    """

    is_away = False
    _heard_at = 0.0
    # Groups that came while Redis was away, or lost their last member, are seen to by the receiver.
    _is_out_of_tune = False

    async def publish(self, channel: str, message: bytes) -> None:
        """Publishes, unless Redis is away."""
        self._ensure_redis()
        self._ensure_receiver()
        with self._noticing():
            async with self._lock:
                # Asked under the lock: who waited for it has waited for a time-out.
                if not self.is_away:
                    await self._redis.publish(channel, message)

    async def subscribe(self, channel: str) -> None:
        """Subscribes now, or leaves it to the receiver, which subscribes once Redis is there."""
        self._ensure_redis()
        self._ensure_receiver()
        self._is_out_of_tune |= self.is_away
        with self._noticing():
            await self._hear(channel)

    async def unsubscribe(self, channel: str) -> None:  # noqa: ARG002 (the receiver looks at all of them)
        """Leaves it to the receiver: one who joins again just now must not be cut off by one who leaves."""
        self._is_out_of_tune = True

    async def _hear(self, channel: str) -> None:
        async with self._lock:
            if not self.is_away and channel not in self._subscribed_to:
                await self._pubsub.subscribe(channel)
                self._subscribed_to.add(channel)

    async def _do_receiving(self) -> None:
        this, self._heard_at = asyncio.current_task(), time.monotonic()
        # redis-py makes an answer or an error of a cancellation that comes at the wrong moment.
        while this is not None and not this.cancelling():
            with self._noticing():
                if self.is_away:
                    await self._redis.ping()
                    self._is_back()
                await self._tune()
                if self._pubsub.subscribed:
                    await self._listen()
                    continue
            await asyncio.sleep(RETRY_SECONDS if self.is_away else NOBODY_SECONDS)
            self._heard_at = time.monotonic()

    async def _listen(self) -> None:
        """Passes on one message. A server that answers nothing, or a dead line, is noticed within seconds."""
        message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
        now = time.monotonic()
        if message is not None:
            self._heard_at = now
            self._receive_message(message)
        elif now < self._heard_at + SILENT_SECONDS:
            await self._pubsub.ping()
        else:
            await self._pubsub.connection.disconnect(nowait=True)
            message = "Redis answers nothing."
            raise RedisConnectionError(message)

    async def _tune(self) -> None:
        """Hears the groups that have members, and no others."""
        if not self._is_out_of_tune:
            return
        self._is_out_of_tune = False
        groups = self.channel_layer.groups
        for group in groups.keys() - self._subscribed_to:
            await self._hear(group)
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
            self.is_away = self._is_out_of_tune = True

    def _is_back(self) -> None:
        logger.warning("Redis is back")
        self.is_away, self._heard_at = False, time.monotonic()
