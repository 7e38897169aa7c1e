"""How many sockets and streams of the chat one address may hold open: nobody takes all memory."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings

from core.errors import TooMany
from core.limits import Places
from core.threads import Asgi

logger = logging.getLogger(__name__)
# What one customer of a provider has of IPv6, and fills with addresses as they like.
NETWORK_BITS = 64
_places = Places()


def require_line(address: str) -> None:
    """Raises TooMany for an address that holds `LINES_PER_ADDRESS` in this process.

    Addresses that are not of the internet are not counted: from there come proxies that do not say for whom
    they ask. Of those who come at the same moment a few more may pass.
    """
    who = _counted(address)
    if not settings.LINES_PER_ADDRESS or who is None:
        return
    try:
        _places.require(who, most=settings.LINES_PER_ADDRESS)
    except TooMany:
        logger.warning("%s holds %d lines already", who, settings.LINES_PER_ADDRESS)
        raise


@contextlib.contextmanager
def line_held(address: str) -> Iterator[None]:
    """Counts one more of the address for as long as the block runs."""
    with _places.taken(_counted(address) or address):
        yield


def few_for_each(app: Asgi) -> Callable[..., Any]:
    """Wraps the ASGI application of a socket: one too many is refused, and its browser told 403."""

    async def wrapped(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        address = (scope.get("client") or ("", 0))[0]
        try:
            require_line(address)
        except TooMany:
            await receive()  # the wish to connect, before which nothing may be said
            await send({"type": "websocket.close"})
            return
        with line_held(address):
            await app(scope, receive, send)

    return wrapped


def _counted(address: str) -> str | None:
    """Returns by what an address is counted, None for one that is not of the internet."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if not found.is_global:
        return None
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> NETWORK_BITS << NETWORK_BITS))
    return str(found)
