"""The job queue: Procrastinate on Django's own connection, so that the job table is the outbox.

A job deferred inside `atomic()` exists exactly if the transaction commits. A body can run twice (a worker may
die after the effect and before the mark), so bodies are idempotent.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, ParamSpec, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, transaction
from procrastinate import App
from procrastinate.app import WorkerOptions
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.signals import on_stop
from procrastinate.tasks import Task
from procrastinate.worker import Worker

from core import rescuing
from core.threads import Kind, borrowed, take_short_turns

logger = logging.getLogger(__name__)
P = ParamSpec("P")
task = app.task
periodic = app.periodic

# A notice of a new job can be lost; looking each second costs a query and bounds what a customer then waits.
POLL_SECONDS = 1
GRACE_SECONDS = 10
# The queue of jobs that mostly wait for somebody else's server: many at once cost little, and a provider that
# hangs holds up nobody else.
WAITING = "waiting"
WAITING_CONCURRENCY = 200
# Seconds between two starts of a worker whose database is away.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 15.0

_long: set[str] = set()


def takes_long(job: Task[P, Any, Any]) -> Task[P, Any, Any]:
    """Marks a job whose calls to the database last for seconds: no other job waits behind it for a thread."""
    _long.add(job.name)
    return job


def defer(
    job: Task[..., Any, Any],
    *,
    lock: str | None = None,
    queueing_lock: str | None = None,
    delay: float = 0,
    at: datetime | None = None,
    priority: int = 0,
    **arguments: Any,
) -> None:
    """Adds a job in the current transaction.

    `lock`: jobs with the same one run one after the other. `queueing_lock`: nothing is added while a job with
    the same one waits. `delay` in seconds, or the moment `at` which it runs. Higher `priority` runs first.
    """
    deferrer = job.configure(
        lock=lock,
        queueing_lock=queueing_lock,
        schedule_in={"seconds": int(delay)} if delay else None,
        schedule_at=at,
        priority=priority,
    )
    if queueing_lock is None:
        deferrer.defer(**arguments)
        return
    # The unique violation behind AlreadyEnqueued would poison the caller's transaction.
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        deferrer.defer(**arguments)


async def _in_borrowed_thread(process: Callable[[], Awaitable[Any]], context: Any, worker: Any) -> Any:
    """Lets what an asynchronous job does with the database run on one of the shared threads.

    A synchronous job, which may compute for long, gets a thread of asyncio's pool from Procrastinate instead.
    """
    this = asyncio.current_task()
    if context.job.lock is not None and this is not None:
        # PostgreSQL tells of jobs that are added, not of those whose lock has come free: without this a
        # customer who wrote during a run would wait for the next poll.
        this.add_done_callback(lambda _: worker._new_job_event.set())  # noqa: SLF001
    async with borrowed(Kind.LONG if context.job.task_name in _long else Kind.DATABASE):
        return await process()


class Bell(asyncio.Event):
    """Procrastinate's sign that there may be jobs, cleared after each look for one.

    What is told during a look that finds nothing would be forgotten with it, and the job wait for the next
    poll. Here the first clearing after a ring leaves the bell ringing, so that one more look follows.
    """

    _is_fresh = False

    def set(self) -> None:
        """Rings."""
        self._is_fresh = True
        super().set()

    def clear(self) -> None:
        """Notes that a look has ended."""
        if not self._is_fresh:
            super().clear()
        self._is_fresh = False


class _Worker(Worker):
    """Procrastinate's, with the bell above, and known to have stopped as soon as it takes no more jobs."""

    def __init__(self, worker_app: App, name: str, places: int) -> None:
        """Takes the queue to work for, and how many of its jobs run beside each other."""
        options: WorkerOptions = {
            **worker_app.worker_defaults,
            "queues": [name],
            "concurrency": places,
            "install_signal_handlers": False,
            "update_heartbeat_interval": rescuing.HEARTBEAT_SECONDS,
            "stalled_worker_timeout": rescuing.STALLED_SECONDS * 4,
            "shutdown_graceful_timeout": GRACE_SECONDS,
            "fetch_job_polling_interval": POLL_SECONDS,
            "worker_middleware": [_in_borrowed_thread],
        }
        super().__init__(worker_app, **options)
        self._new_job_event = Bell()

    async def _run_loop(self) -> None:
        # Until the last job in hand has ended, which is later than the last heartbeat.
        living = asyncio.create_task(rescuing.stay_alive(self.app, cast("int", self.worker_id)))
        try:
            await super()._run_loop()  # type: ignore[no-untyped-call]
        finally:
            living.cancel()

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        # One whose look for jobs failed would wait for those in hand before it tells anybody.
        self.stop()  # type: ignore[no-untyped-call]
        await super()._shutdown(side_tasks)


async def work(*, alone: bool, ready: asyncio.Event | None = None, over: asyncio.Event | None = None) -> None:
    """Runs jobs until cancelled, or until the database has failed a worker.

    `alone` says that no other worker can exist (one-process mode): what a killed process left behind is then
    taken up at once instead of after its heartbeat has run out. `over` is set as soon as no more jobs are
    taken; those in hand then get some seconds to end.
    """
    # Periodic jobs are added over Django's connection of this thread, which nobody else looks after: a dead
    # one would end every shift again.
    await sync_to_async(close_old_connections)()
    worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker_app.open_async():
        if alone:
            await rescuing.rescue(worker_app, silent=0, settled=0)
        await rescuing.resume_cut_off(worker_app)
        if ready is not None:
            ready.set()
        await _run_both(worker_app, over or asyncio.Event())


async def _run_both(worker_app: App, over: asyncio.Event) -> None:
    """Runs what computes and what waits for others' servers side by side, each with places of its own."""
    places = {"default": settings.WORKER_CONCURRENCY, WAITING: WAITING_CONCURRENCY}
    workers = [_Worker(worker_app, name, concurrency) for name, concurrency in places.items()]
    running = [asyncio.create_task(worker.run()) for worker in workers]  # type: ignore[no-untyped-call]
    # A worker that lost the database stops by itself, quietly.
    stopped = [asyncio.create_task(worker._stop_event.wait()) for worker in workers]  # noqa: SLF001
    watching = asyncio.create_task(rescuing.keep_rescuing(worker_app))
    try:
        await asyncio.wait({*running, *stopped, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.set()
        for task in (*stopped, watching):
            task.cancel()
        for worker in workers:
            worker.stop()  # type: ignore[no-untyped-call]
        ended = await asyncio.gather(*running, watching, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def keep_working(*, alone: bool, stop_on_signals: bool) -> None:
    """Runs jobs, again and again when the database was away, until cancelled or told to stop by a signal.

    The next shift begins as soon as the last one takes no more jobs: it does not wait for those that are
    still in hand, nor do they for it.
    """
    take_short_turns()
    told = asyncio.Event()
    shifts: set[asyncio.Task[None]] = set()
    delay = SHORTEST_PAUSE
    with on_stop(told.set) if stop_on_signals else contextlib.nullcontext():
        try:
            while not told.is_set():
                ready, over = asyncio.Event(), asyncio.Event()
                shift = asyncio.create_task(_shift(alone=alone, ready=ready, over=over))
                shifts.add(shift)
                shift.add_done_callback(shifts.discard)
                await _first(over, told)
                # What an earlier shift has in hand is no dead process's.
                alone = False
                # A start that came to work ends the row of failures.
                delay = SHORTEST_PAUSE if ready.is_set() else min(delay * 2, LONGEST_PAUSE)
                await _first(told, seconds=delay)
        finally:
            for shift in shifts:
                shift.cancel()
            await asyncio.gather(*shifts, return_exceptions=True)


async def _shift(*, alone: bool, ready: asyncio.Event, over: asyncio.Event) -> None:
    try:
        await work(alone=alone, ready=ready, over=over)
    except Exception:
        logger.exception("the worker stopped; it starts again in a moment")
    finally:
        over.set()


async def _first(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Waits until one of them is set, or for so long."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
