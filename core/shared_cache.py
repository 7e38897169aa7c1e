"""The cache of many processes, fit to lose its Redis."""

import time
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as Silent

AWAY_SECONDS = 5.0


class SharedCache(RedisCache):
    """Django's cache in Redis that fails at once for a while after Redis was away.

    A Redis that hangs would otherwise cost its time-out at each use, one after the other. Every caller takes
    a failure for an empty cache.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        """Takes Django's arguments."""
        super().__init__(server, params)
        self._class = _CacheClient


class _CacheClient(RedisCacheClient):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._client = _Client


class _Client(Redis):
    # For all threads and connections of the process.
    away_until = 0.0

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() < _Client.away_until:
            message = "Redis was away a moment ago."
            raise Unreachable(message)
        try:
            return super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]
        except (Unreachable, Silent):
            _Client.away_until = time.monotonic() + AWAY_SECONDS
            raise
