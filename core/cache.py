"""The cache of one process."""

from django.core.cache.backends.locmem import LocMemCache


class OneProcessCache(LocMemCache):
    """Django's cache in memory that counts as the shared one does."""

    def count(self, key: str, timeout: int) -> int:
        """Counts one more under the key, which ends so many seconds after the first; returns the count."""
        self.add(key, 0, timeout)
        return self.incr(key)
