"""How many sockets and streams one address may hold open: nobody takes the memory of everybody."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from core.errors import TooMany
from core.limits import Places

Asgi = Callable[[Any, Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[Any]]
TRY_AGAIN = 1013
_places = Places()


def require_line(address: str) -> None:
    """Raises TooMany for an address that holds `LINES_PER_ADDRESS` in this process.

    Addresses that are not of the internet are not counted: from there come proxies that do not say for whom
    they ask, and staff.
    """
    if settings.LINES_PER_ADDRESS and _is_of_the_internet(address):
        _places.require(address, most=settings.LINES_PER_ADDRESS)


@contextlib.contextmanager
def line_held(address: str) -> Iterator[None]:
    """Counts one more of the address for as long as the block runs."""
    with _places.taken(address):
        yield


class FewForEach:
    """ASGI wrapper of sockets that refuses one too many: its browser is told 403 before anything else."""

    def __init__(self, app: Asgi) -> None:
        """Takes the ASGI application to wrap."""
        self.app = app

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Serves one socket."""
        address = (scope.get("client") or ("", 0))[0]
        try:
            require_line(address)
        except TooMany:
            await receive()  # the wish to connect, before which nothing may be said
            await send({"type": "websocket.close", "code": TRY_AGAIN})
            return
        with line_held(address):
            await self.app(scope, receive, send)


def _is_of_the_internet(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
