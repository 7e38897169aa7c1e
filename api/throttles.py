"""How often one may ask: counted for each key, user and address, by all processes together."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiKey
from api.authentication import actor_of
from core import limits
from core.errors import TooMany


class PerMinute(BaseThrottle):
    """Counts requests in the running minute. A cache that is away lets everybody pass."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Counts one more and says whether it is still within what the caller may."""
        del view
        limit = limit_of(request)
        if not limit:
            return True
        count = limits.count(f"api:{caller_of(request)}")
        request.rate = (limit, max(limit - count, 0))  # type: ignore[attr-defined]
        return count <= limit

    def wait(self) -> float:
        """Returns the seconds until the next minute."""
        return limits.seconds_left()


class ChatPerMinute(PerMinute):
    """Counts questions beside requests: each of them makes a model speak."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Counts one more and says whether it is still within what the caller may ask."""
        del view
        own = getattr(request.auth, "per_minute", None) if isinstance(request.auth, ApiKey) else None
        return limits.count(f"ask:{caller_of(request)}") <= int(own or settings.RATE_LIMIT_PER_MINUTE)


def limit_of(request: Request) -> int:
    """Returns how many requests a minute the caller may send; 0 for as many as they like."""
    own = getattr(request.auth, "per_minute", None) if isinstance(request.auth, ApiKey) else None
    return int(own or settings.API_REQUESTS_PER_MINUTE)


def caller_of(request: Request) -> str:
    """Returns who is counted: the key, the user, or the address of a stranger."""
    actor = actor_of(request)
    return f"{actor.kind}:{actor.id}" if actor else f"ip:{address_of(request)}"


def address_of(request: Request) -> str:
    """Returns the address of the client; a proxy in front is the server's business."""
    return str(request.META.get("REMOTE_ADDR", ""))


def count_refusal(request: Request) -> None:
    """Counts a key or token that was wrong; raises TooMany for an address that goes on guessing."""
    limit = settings.API_REFUSALS_PER_MINUTE
    if limit and limits.count(f"api:refused:{address_of(request)}") > limit:
        raise TooMany(retry_after=limits.seconds_left())


def rate_headers(request: Request) -> dict[str, str]:
    """Returns what the caller may still ask in this minute, where that is limited.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (the three fields of its first
    drafts, which clients know).
    """
    rate = getattr(request, "rate", None)
    if rate is None:
        return {}
    limit, left = rate
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": str(limits.seconds_left()),
    }
