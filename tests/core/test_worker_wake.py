"""What PostgreSQL tells a worker while it looks for jobs is not forgotten."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from procrastinate.contrib.django import app
from procrastinate.manager import JobManager
from procrastinate.worker import Worker

from core import queue
from core.queue import Bell, defer, work
from tests.live import close_database_threads

ran: list[str] = []
pytestmark = pytest.mark.django_db(transaction=True)


@app.task(name="tests.wake")
async def wake(name: str) -> None:
    """Notes that it ran."""
    ran.append(name)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (the job knows no event of ours)
            await asyncio.sleep(0.01)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the worker was notified of, once it had taken note."""
    ran.clear()
    heard: list[str] = []
    handle = Worker._handle_notification

    async def note(self: Worker, **said: Any) -> None:
        await handle(self, **said)
        heard.append(said["notification"]["type"])

    monkeypatch.setattr(Worker, "_handle_notification", note)
    # Periodic jobs wake the worker too.
    monkeypatch.setattr(Worker, "_periodic_deferrer", lambda _self: asyncio.sleep(600))
    return heard


async def test_job_added_during_a_look_in_vain_runs_without_waiting_for_a_poll(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setattr(queue, "POLL_SECONDS", 600)
    look = JobManager.fetch_job
    added: list[str] = []

    async def slow_look(self: JobManager, **options: Any) -> Any:
        found = await look(self, **options)
        # Only a worker that was told something listens already.
        if found is None and told and "first" in ran and not added:
            # Nothing was found; before the worker knows, a job is added and the worker is told so.
            before = len(told)
            added.append("second")
            await sync_to_async(defer)(wake, name="second")
            await until(lambda: len(told) > before)
        return found

    monkeypatch.setattr(JobManager, "fetch_job", slow_look)
    ready = asyncio.Event()
    running = asyncio.create_task(work(alone=False, ready=ready))
    try:
        async with asyncio.timeout(60):  # a worker that ended by itself makes nothing ready
            await ready.wait()
            while not added:  # told of nothing before it listens, and it looks only when told
                await sync_to_async(defer)(wake, name="first")
                await asyncio.sleep(0.1)
            await until(lambda: "second" in ran)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        close_database_threads()


async def test_bell_is_silent_after_the_second_look() -> None:
    bell = Bell()
    bell.set()
    bell.clear()
    assert bell.is_set(), "a look that began before the bell rang may have seen nothing"
    bell.clear()
    assert not bell.is_set()


async def test_bell_that_rings_again_is_heard_again() -> None:
    bell = Bell()
    bell.set()
    bell.clear()
    bell.set()
    bell.clear()
    assert bell.is_set()
