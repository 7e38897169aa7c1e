"""Few, long-lived threads for blocking code under ASGI.

Django makes a one-thread executor for every request otherwise, and every new thread opens its own database
connection: measured as a factor of two to six on small requests. Here each request, socket or job borrows
one of a small, fixed set of single-thread executors; borrowing holds nothing, so that a stream of an hour
blocks nobody.
"""

import asyncio
import itertools
import select
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from enum import StrEnum
from functools import cache, partial
from typing import Any, ParamSpec, Self, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.conf import settings
from django.db import connections
from django.http import HttpRequest

P = ParamSpec("P")
R = TypeVar("R")
View = TypeVar("View", bound=Callable[..., Any])
Asgi = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Any]

NETWORK_THREADS = 256
# Of each kind but the usual one.
FEW_THREADS = 2
TURN_SECONDS = 0.001
# The mark of a view that asks somebody else's server: which kind of thread a request for it needs.
PATIENT = "kind_of_thread"


class Kind(StrEnum):
    """What a borrowed thread is for, and the beginning of its name."""

    DATABASE = "database"
    # Batches that last for seconds: nobody else waits behind them.
    LONG = "long"
    # What must wait behind nobody: what came of a call is forgotten if its worker dies before it is written.
    URGENT = "urgent"
    # Requests that wait for somebody else's server, and would keep all others of a usual thread waiting.
    WAITING = "waiting"
    # The same for files, which may lie with somebody else: pages are full of them.
    FILES = "files"


# Threads cost a connection once they are used, and the first free one is.
COUNTS = {Kind.WAITING: 8, Kind.FILES: 8}
_executors: dict[Kind, list[ThreadPoolExecutor]] = {}
_turns = itertools.count()
_borrowers: Counter[ThreadPoolExecutor] = Counter()
_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("loop", default=None)


def take_short_turns() -> None:
    """Lets threads that compute pass the interpreter on sooner.

    A call over the network needs it a dozen times, and beside three threads that compute each time waits for
    three turns: with Python's 5 ms a request took 153 ms (p99 3 s), with 1 ms 72 ms (p99 0.11 s), for a tenth
    of the computing.
    """
    sys.setswitchinterval(TURN_SECONDS)


def borrowed(kind: Kind = Kind.DATABASE) -> ThreadSensitiveContext:
    """Returns a context in which blocking calls run on one executor; enter it once.

    The usual ones come in turn, since a socket borrows one for hours and hardly uses it; of the others, which
    are borrowed for one thing that takes its time, it is the one that fewest have.
    """
    _loop.set(asyncio.get_running_loop())
    if kind not in _executors:
        count = settings.DATABASE_THREADS if kind == Kind.DATABASE else COUNTS.get(kind, FEW_THREADS)
        _executors[kind] = [ThreadPoolExecutor(1, f"{kind}-{number}") for number in range(count)]
    executors = _executors[kind]
    if kind == Kind.DATABASE:
        return ThreadSensitiveContext(executor=executors[next(_turns) % len(executors)])
    return _Counted(min(executors, key=lambda executor: _borrowers[executor]))


class _Counted(ThreadSensitiveContext):
    """Notes who has borrowed an executor."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor=executor)
        self.lent = executor

    async def __aenter__(self) -> Self:
        await super().__aenter__()  # type: ignore[no-untyped-call]
        _borrowers[self.lent] += 1
        return self

    async def __aexit__(self, *raised: object) -> None:
        _borrowers[self.lent] -= 1
        await super().__aexit__(*raised)  # type: ignore[no-untyped-call]


async def in_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs blocking code, ORM included, off the event loop and returns its result."""
    return await _WithConnection(call)(*args, **kwargs)


async def in_own_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs blocking code that computes for long, and would keep others from a shared thread.

    Its thread is one of asyncio's pool, which nobody looks after: the connection is closed at the end.
    """

    def run() -> R:
        try:
            return call(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def in_network_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs blocking code that waits for somebody else's server; it must not touch the database.

    There are many of these threads, since most of them only wait: a provider that hangs holds up nobody else.
    """
    return await asyncio.get_running_loop().run_in_executor(_network(), partial(call, *args, **kwargs))


@cache
def _network() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(NETWORK_THREADS, thread_name_prefix="network")


def serving_loop() -> asyncio.AbstractEventLoop | None:
    """Returns the event loop for which this thread works, None outside a server or worker."""
    return _loop.get()


def patient(
    view: View, *, when: Callable[[HttpRequest], bool] = lambda _request: True, kind: Kind = Kind.WAITING
) -> View:
    """Has requests for a view wait on threads of their own, since they ask somebody else's server.

    Where only some of them do, `when` tells which; it must not touch the database.
    """
    setattr(view, PATIENT, lambda request: kind if when(request) else Kind.DATABASE)
    return view


def kind_for(view: Callable[..., Any], request: HttpRequest) -> Kind:
    """Returns which thread a request for a view needs."""
    chosen: Callable[[HttpRequest], Kind] | None = getattr(view, PATIENT, None)
    return Kind.DATABASE if chosen is None else chosen(request)


def look_after_connections() -> None:
    """Has this thread's connections work, before they are used.

    Django asks the database for a sign of life before each use: one round trip for every message. But a
    connection that the server has ended has something to read, and that is known without asking.
    """
    wrapper: Any
    for wrapper in connections.all(initialized_only=True):
        # Whoever waits for this inside a transaction needs the connection as it is.
        if wrapper.in_atomic_block:
            continue
        wrapper.close_if_unusable_or_obsolete()
        raw = wrapper.connection
        wrapper.health_check_done = raw is not None and not raw.closed and _is_silent(raw.fileno())


class _WithConnection(SyncToAsync[P, R]):
    """Gives a call a connection that works."""

    def thread_handler(self, *args: Any, **kwargs: Any) -> Any:
        look_after_connections()
        return super().thread_handler(*args, **kwargs)  # type: ignore[no-untyped-call]


def _is_silent(descriptor: int) -> bool:
    """Says whether nothing has come over a connection that nobody uses."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not poll.poll(0)


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
