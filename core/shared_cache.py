"""The cache of many processes, fit to lose its Redis."""

import time
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as Silent

AWAY_SECONDS = 5.0
# One round trip; Django's own way of it takes three.
COUNT = (
    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n"
)


class SharedCache(RedisCache):
    """Django's cache in Redis that fails at once for a while after Redis was away.

    A Redis that hangs would otherwise cost its time-out at each use, one after the other. Every caller takes
    a failure for an empty cache.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        """Takes Django's arguments."""
        super().__init__(server, params)
        self._class = _CacheClient

    def count(self, key: str, timeout: int) -> int:
        """Counts one more under the key, which ends so many seconds after the first; returns the count."""
        client: _CacheClient = self._cache  # type: ignore[assignment]
        return client.count(self.make_and_validate_key(key), timeout)


class _CacheClient(RedisCacheClient):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: dict[int, _Client] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> "_Client":
        """Returns a client that is made once: redis-py takes longer to make one than to ask."""
        del key
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]
        return self._kept.get(id(pool)) or self._kept.setdefault(id(pool), _Client(connection_pool=pool))

    def count(self, key: str, timeout: int) -> int:
        return int(self.get_client(write=True).execute_command("EVAL", COUNT, 1, key, timeout))


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
