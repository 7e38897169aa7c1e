"""Counting requests per minute through the cache, shared by all processes that share the cache."""

import logging
import time

from django.core.cache import cache

logger = logging.getLogger(__name__)


def count(key: str, *, seconds: int = 60) -> int:
    """Counts one more under the key in the current window and returns the count; 0 when the cache is away.

    Windows are fixed (aligned to the clock), so twice the limit can pass at an edge: exact enough to stop
    floods, one round trip cheap. A caller that must fail closed treats 0 as a refusal.
    """
    name = _name(key, seconds)
    try:
        cache.add(name, 0, timeout=seconds * 2)
        return int(cache.incr(name))
    except Exception:
        logger.warning("the cache is away; %s is not counted", key, exc_info=True)
        return 0


def counted(key: str, *, seconds: int = 60) -> int:
    """Returns the count in the current window without adding to it; 0 when the cache is away."""
    try:
        return int(cache.get(_name(key, seconds)) or 0)
    except Exception:
        logger.warning("the cache is away; %s is not read", key, exc_info=True)
        return 0


def _name(key: str, seconds: int) -> str:
    return f"limit:{key}:{int(time.time() // seconds)}"
