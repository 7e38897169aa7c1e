"""Few, long-lived threads for blocking code under ASGI.

Django makes a one-thread executor for every request otherwise, and every new thread opens its own database
connection: measured as a factor of two to six on small requests. Here each request, socket or job borrows
one of a small, fixed set of single-thread executors; borrowing holds nothing, so that a stream of an hour
blocks nobody.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async
from django.conf import settings

P = ParamSpec("P")
R = TypeVar("R")
Asgi = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Any]

_executors: list[ThreadPoolExecutor] = []
_turn = itertools.count()


def borrowed() -> ThreadSensitiveContext:
    """Returns a context in which blocking calls run on the next executor in turn; enter it once."""
    if not _executors:
        _executors.extend(
            ThreadPoolExecutor(1, thread_name_prefix=f"database-{number}")
            for number in range(settings.DATABASE_THREADS)
        )
    return ThreadSensitiveContext(executor=_executors[next(_turn) % len(_executors)])


async def in_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs blocking code, ORM included, off the event loop and returns its result."""
    result: R = await database_sync_to_async(call)(*args, **kwargs)
    return result


class BorrowedThreads:
    """ASGI wrapper that gives every request and socket a borrowed thread."""

    def __init__(self, app: Asgi) -> None:
        """Takes the ASGI application to wrap."""
        self.app = app

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Serves one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        async with borrowed():
            await self.app(scope, receive, send)
