"""Counting requests per minute: through the cache for all processes that share it, or for one connection."""

import contextlib
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator

from django.core.cache import cache

from core.errors import TooMany

logger = logging.getLogger(__name__)
MINUTE = 60


def count(key: str, *, seconds: int = MINUTE) -> int:
    """Counts one more under the key in the current window and returns the count; 0 when the cache is away.

    Windows are fixed (aligned to the clock), so twice the limit can pass at an edge: exact enough to stop
    floods, one round trip cheap. A caller that must fail closed treats 0 as a refusal.
    """
    try:
        return int(cache.count(_name(key, seconds), timeout=seconds * 2))  # type: ignore[attr-defined]
    except Exception:
        logger.warning("the cache is away; %s is not counted", key, exc_info=True)
        return 0


def take(key: str, *, most: int, seconds: int = MINUTE) -> None:
    """Counts one more under the key; raises TooMany beyond `most`, with the seconds until the next window.

    Lets everything pass while the cache is away.
    """
    if count(key, seconds=seconds) > most:
        raise TooMany(retry_after=seconds_left(seconds=seconds))


def uncount(key: str, *, seconds: int = MINUTE) -> None:
    """Takes one off the count of the current window; nothing when the cache is away."""
    try:
        cache.decr(_name(key, seconds))
    except Exception:
        logger.warning("the cache is away; %s is not taken back", key, exc_info=True)


def counted(key: str, *, seconds: int = MINUTE) -> int:
    """Returns the count in the current window without adding to it; 0 when the cache is away."""
    try:
        return int(cache.get(_name(key, seconds)) or 0)
    except Exception:
        logger.warning("the cache is away; %s is not read", key, exc_info=True)
        return 0


def seconds_left(*, seconds: int = MINUTE) -> int:
    """Returns after how many seconds, 1 at least, a count begins anew."""
    return math.ceil(seconds - time.time() % seconds)


class Allowance:
    """How often one connection may do something in a minute; counted in memory, gone with the connection."""

    def __init__(self, number: int) -> None:
        """Starts the first minute, with `number` to spend."""
        self.number = number
        self._left, self._ends = number, time.monotonic() + MINUTE

    def take(self) -> None:
        """Spends one; raises TooMany, with the seconds until the next minute, when none is left."""
        now = time.monotonic()
        if now >= self._ends:
            self._left, self._ends = self.number, now + MINUTE
        if self._left <= 0:
            raise TooMany(retry_after=math.ceil(self._ends - now))
        self._left -= 1


class Places:
    """How much each may hold open at the same time, counted in this process alone.

    It keeps one from taking everything; it is no quota, since processes do not add theirs up.
    """

    def __init__(self) -> None:
        """Starts with nobody."""
        self._taken: Counter[str] = Counter()

    def require(self, who: str, *, most: int) -> None:
        """Raises TooMany for who holds `most` already."""
        if self._taken[who] >= most:
            raise TooMany(retry_after=MINUTE)

    @contextlib.contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """Holds one more for as long as the block runs."""
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]


def _name(key: str, seconds: int) -> str:
    return f"limit:{key}:{int(time.time() // seconds)}"
