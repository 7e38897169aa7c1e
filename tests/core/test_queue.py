"""The queue on real rows: jobs are as true as the transaction, and a dead worker loses none."""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException

from accounts.models import Team
from core import queue, rescuing
from core.queue import defer, work
from core.rescuing import ALIVE, rescue, resume_cut_off, stay_alive
from core.threads import in_thread
from tests.live import close_database_threads

ran: list[Any] = []
now_running: set[str] = set()
overlaps: list[str] = []


@app.task(name="tests.note")
def note(**arguments: Any) -> None:
    """Remembers what it was given."""
    ran.append(arguments)


@app.task(name="tests.write")
def write(slug: str) -> None:
    """Blocking work with the database."""
    Team.objects.create(slug=slug, name=slug)
    ran.append(slug)


@app.task(name="tests.fail")
def fail() -> None:
    """Goes wrong."""
    ran.append("fail")
    raise ValueError("wrong")


@app.task(name="tests.alone")
async def alone(name: str) -> None:
    """Notes who runs beside it."""
    overlaps.extend(now_running)
    now_running.add(name)
    for _ in range(20):
        await asyncio.sleep(0)
    await sync_to_async(Team.objects.count)()
    now_running.discard(name)
    ran.append(name)


@queue.takes_long
@app.task(name="tests.long")
async def long() -> None:
    """Notes on which thread its calls run."""
    ran.append(await in_thread(lambda: threading.current_thread().name))


@app.task(name="tests.short")
async def short() -> None:
    """The same, of a job like most."""
    ran.append(await in_thread(lambda: threading.current_thread().name))


held: list[asyncio.Event] = []


@app.task(name="tests.hold")
async def hold() -> None:
    """Takes as long as the test wants."""
    held.append(asyncio.Event())
    await held[-1].wait()


@app.task(name="tests.endless")
async def endless() -> None:
    """Runs until it is told to end."""
    ran.append("begun")
    try:
        await asyncio.sleep(600)
    finally:
        ran.append("ended")


@pytest.fixture(autouse=True)
def _nothing_ran(db: None) -> None:
    ran.clear()
    overlaps.clear()
    now_running.clear()


def jobs(*columns: str) -> list[Any]:
    """These tests' jobs as they stand, in the order in which they were added; the worker adds its own."""
    names = ", ".join(columns or ("task_name",))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM procrastinate_jobs WHERE task_name ~ '^tests' ORDER BY id")  # noqa: S608
        rows = cursor.fetchall()
    return [row[0] for row in rows] if len(columns) < 2 else rows


def dead_worker(*, silent_for: float = 3600) -> int:
    """A worker that gave its last sign of life so many seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s * interval '1 s')"
            " RETURNING id",
            [silent_for],
        )
        return int(cursor.fetchone()[0])


def begun_by(worker: int | None, **job: Any) -> int:
    """A job that this worker has begun and not ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, lock, queueing_lock,"
            " worker_id) VALUES ('default', %s, %s, 'doing', %s, %s, %s) RETURNING id",
            [
                job.get("task", "tests.note"), json.dumps(job.get("args", {})),
                job.get("lock"), job.get("queueing_lock"), worker,
            ],
        )  # fmt: skip
        return int(cursor.fetchone()[0])


def rescued(**seconds: float) -> int:
    return async_to_sync(rescue)(app, **seconds)


async def add(*calls: Callable[[], object]) -> None:
    """Makes the calls one after the other where the ORM may be used."""
    for call in calls:
        await sync_to_async(call)()


async def worked(until: Callable[[], bool], *, alone: bool = False) -> None:
    """Runs the product's worker until something is so, and stops it as the server does: by cancelling."""
    pool = ThreadPoolExecutor(1)  # where synchronous jobs run, and leave a connection
    asyncio.get_running_loop().set_default_executor(pool)
    ready = asyncio.Event()
    running = asyncio.create_task(work(alone=alone, ready=ready))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
            while not until() and not running.done():  # noqa: ASYNC110 (the job knows no event of ours)
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pool.submit(connections.close_all).result(10)
        close_database_threads()


def test_defer_adds_a_job_with_its_arguments() -> None:
    defer(note, conversation_id="7", count=3)
    assert jobs("task_name", "status", "priority", "lock", "queueing_lock", "scheduled_at") == [
        ("tests.note", "todo", 0, None, None, None)
    ]
    assert json.loads(jobs("args::text")[0]) == {"conversation_id": "7", "count": 3}


def test_defer_in_a_transaction_that_is_undone_leaves_no_job() -> None:
    def both() -> None:
        with transaction.atomic():
            Team.objects.create(slug="x", name="x")
            defer(note)
            assert jobs() == ["tests.note"]
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (ours)
        both()
    assert jobs() == []
    assert not Team.objects.exists()


def test_defer_in_an_inner_transaction_that_is_undone_keeps_the_outer_jobs() -> None:
    with transaction.atomic():
        defer(note, which="outer")
        with pytest.raises(ValueError), transaction.atomic():  # noqa: PT011, PT012 (ours)
            defer(note, which="inner")
            raise ValueError
    assert len(jobs()) == 1


def test_queueing_lock_collapses_what_waits() -> None:
    for number in range(3):
        defer(note, queueing_lock="a", number=number)
    defer(note, queueing_lock="b")
    assert jobs("queueing_lock") == ["a", "b"]


def test_queueing_lock_that_collapses_leaves_the_transaction_usable() -> None:
    with transaction.atomic():
        defer(note, queueing_lock="a")
        defer(note, queueing_lock="a")
        Team.objects.create(slug="x", name="x")
        defer(note)
    assert Team.objects.count() == 1
    assert jobs("queueing_lock") == ["a", None]


def test_queueing_lock_does_not_see_what_runs_already() -> None:
    begun_by(dead_worker(), queueing_lock="a")
    defer(note, queueing_lock="a")
    assert jobs("status") == ["doing", "todo"]


def test_defer_later_and_first() -> None:
    defer(note, delay=90, priority=5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM scheduled_at - now()), priority FROM procrastinate_jobs")
        seconds, priority = cursor.fetchone()
    assert 80 < seconds <= 90
    assert priority == 5


def test_defer_at_a_moment_waits_for_it() -> None:
    moment = timezone.now() + timedelta(seconds=90)
    defer(note, at=moment, queueing_lock="later")
    defer(note, at=moment, queueing_lock="later")
    assert jobs("scheduled_at", "queueing_lock") == [(moment, "later")]


def test_rescue_puts_back_the_job_of_a_dead_worker() -> None:
    """Chatwoot #10494, #15412: workers grew until they were killed, and what they were doing was lost."""
    begun_by(dead_worker(silent_for=60), args={"a": 1}, lock="l", queueing_lock="q")
    assert rescued() == 1
    assert jobs("status", "lock", "queueing_lock", "args::text") == [("todo", "l", "q", '{"a": 1}')]


def test_rescue_counts_the_attempt() -> None:
    begun_by(dead_worker())
    rescued()
    assert jobs("attempts") == [1]


def test_rescue_leaves_the_job_of_a_worker_that_was_heard_of_a_moment_ago() -> None:
    """It has just begun, and holds no lock yet."""
    begun_by(dead_worker(silent_for=5))
    assert rescued(silent=6) == 0
    assert jobs("status") == ["doing"]


@pytest.mark.django_db(transaction=True)
async def test_rescue_leaves_the_job_of_a_slow_worker_whose_process_lives() -> None:
    """One that computes gives no sign for seconds; what it has in hand would be done twice."""
    worker = await sync_to_async(dead_worker)(silent_for=5)
    await sync_to_async(begun_by)(worker)
    worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker_app.open_async():
        living = asyncio.create_task(stay_alive(worker_app, worker))
        first = await holder(worker)
        assert await rescue(worker_app, silent=1, stalled=10) == 0
        # Its connection is ended, and it takes another.
        await sync_to_async(told)("SELECT pg_terminate_backend(%s)::int", first)
        assert await holder(worker, after=first)
        assert await rescue(worker_app, silent=1, stalled=10) == 0
        # A machine that is cut off keeps its lock.
        assert await rescue(worker_app, silent=1, stalled=4) == 1
        living.cancel()


@pytest.mark.django_db(transaction=True)
async def test_rescue_takes_the_job_of_a_killed_process_at_once() -> None:
    """Its lock goes with it; waiting for a heartbeat kept its conversations waiting for five seconds."""
    worker = await sync_to_async(dead_worker)(silent_for=rescuing.SILENT_SECONDS + 0.5)
    await sync_to_async(begun_by)(worker)
    worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
    async with worker_app.open_async():
        # PostgreSQL has started a moment ago: the living have not taken their locks again.
        assert await rescue(worker_app, settled=1e9) == 0
        assert await rescue(worker_app) == 1


@pytest.mark.django_db(transaction=True)
async def test_rescuer_that_comes_second_takes_nothing_from_who_works_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All living workers see the dead one in the same second; one puts the job back, another begins it."""
    dead, other = [await sync_to_async(dead_worker)(silent_for=seconds) for seconds in (60, 0)]
    job = await sync_to_async(begun_by)(other)

    async def as_it_was(_query: str, **_arguments: float) -> list[dict[str, int]]:
        return [{"id": job, "worker_id": dead}]

    monkeypatch.setattr(app.connector, "execute_query_all_async", as_it_was)
    await rescue(app)
    assert await sync_to_async(jobs)("status", "worker_id") == [("doing", other)]


def test_rescue_takes_the_job_whose_worker_is_gone_altogether() -> None:
    begun_by(None)
    assert rescued() == 1
    assert jobs("status") == ["todo"]


def test_rescue_leaves_what_waits_or_has_ended() -> None:
    defer(note)
    ended = begun_by(dead_worker())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [ended])
    assert rescued() == 0
    assert jobs("status") == ["todo", "succeeded"]


def test_rescue_with_nothing_to_do_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert rescued() == 0
    assert caplog.records == []


def test_rescue_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    worker = dead_worker()
    begun_by(worker)
    begun_by(worker)
    assert rescued() == 2
    assert [record.getMessage() for record in caplog.records] == [
        "2 jobs of a worker that died were put back into the queue"
    ]


@pytest.mark.django_db(transaction=True)
async def test_worker_takes_up_what_another_left_while_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when it starts; and none of one that was heard of a moment ago."""
    monkeypatch.setattr(rescuing, "RESCUE_SECONDS", 0.05)
    await add(
        lambda: begun_by(dead_worker(silent_for=3), args={"which": "dead"}),
        lambda: begun_by(dead_worker(silent_for=-3), args={"which": "alive"}),
    )
    await worked(lambda: bool(ran))
    assert ran == [{"which": "dead"}]


@pytest.mark.django_db(transaction=True)
async def test_worker_that_lost_the_database_works_on_beside_what_it_has_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waited for its last job as long as it was allowed to, and took none meanwhile."""
    monkeypatch.setattr(queue, "GRACE_SECONDS", 1000)
    held.clear()
    await add(lambda: defer(hold))
    running = asyncio.create_task(queue.keep_working(alone=False, stop_on_signals=False))
    try:
        async with asyncio.timeout(20):
            while not held:  # noqa: ASYNC110 (the job knows no event of ours)
                await asyncio.sleep(0.01)
            await add(hang_up, lambda: defer(note, after="the loss"))
            while not ran:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert ran == [{"after": "the loss"}]
        assert not held[0].is_set()
    finally:
        for event in held:
            event.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        close_database_threads()


@pytest.mark.django_db(transaction=True)
async def test_periodic_jobs_go_on_after_the_database_was_away() -> None:
    """Each shift ended at once over Django's connection of the loop's thread, which had died as well."""
    spared = connection.connection.info.backend_pid if connection.connection else 0
    running = asyncio.create_task(queue.keep_working(alone=False, stop_on_signals=False))
    try:
        async with asyncio.timeout(60):
            # Once before, so that the thread has its connection, and once after.
            for _ in range(2):
                before = told(LAST_PERIODIC)
                while told(LAST_PERIODIC) == before:  # noqa: ASYNC110 (the database tells nobody)
                    await asyncio.sleep(0.1)
                told(END_CONNECTIONS, spared)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await sync_to_async(connections.close_all)()
        close_database_threads()


HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND granted"


async def holder(worker: int, *, after: int = 0) -> int:
    """The backend that holds a worker's lock, as soon as another than the one before does."""
    async with asyncio.timeout(10):
        while (pid := await sync_to_async(told)(HOLDER, ALIVE, worker)) in {0, after}:  # noqa: ASYNC110 (PostgreSQL tells nobody)
            await asyncio.sleep(0.01)
    return pid


LAST_PERIODIC = "SELECT coalesce(max(defer_timestamp), 0) FROM procrastinate_periodic_defers"
END_CONNECTIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), %s)
"""


def told(query: str, *values: int) -> int:
    """Asks over a connection of its own, which nobody ends."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as own:
        row = own.execute(query, values).fetchone()
    return int(row[0]) if row else 0


def hang_up() -> None:
    """Ends every connection over which jobs are looked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ 'procrastinate'"
        )


async def test_rescue_goes_on_after_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    async def away(_app: object) -> int:
        looks.append(1)
        if len(looks) == 3:
            raise asyncio.CancelledError
        raise ConnectorException

    monkeypatch.setattr(rescuing, "RESCUE_SECONDS", 0)
    monkeypatch.setattr(rescuing, "rescue", away)
    with pytest.raises(asyncio.CancelledError):
        await rescuing.keep_rescuing(app)
    assert len(looks) == 3


@pytest.fixture
def raced() -> tuple[int, int]:
    """A dead job, and one with the same queueing lock that waits for it."""
    dead = begun_by(dead_worker(), lock="l", queueing_lock="q", args={"which": "dead"})
    defer(note, lock="l", queueing_lock="q", which="waiting")
    ids = jobs("id")
    assert ids[0] == dead
    return ids[0], ids[1]


@pytest.mark.django_db(transaction=True)
def test_rescue_ends_the_dead_job_when_another_waits_to_do_its_work(raced: tuple[int, int]) -> None:
    """A unique violation in real rows: both cannot wait, and the dead one holds the lock."""
    assert rescued() == 1
    assert jobs("id", "status") == [(raced[1], "todo")]


@pytest.mark.django_db(transaction=True)
def test_rescue_goes_on_after_a_job_that_could_not_be_put_back(raced: tuple[int, int]) -> None:
    begun_by(dead_worker(), args={"which": "second"})
    assert rescued() == 2
    assert jobs("status") == ["todo", "todo"]


@pytest.mark.django_db(transaction=True)
async def test_worker_alone_does_at_once_what_a_killed_process_left() -> None:
    """With `alone` nobody waits for a heartbeat to run out: the worker before is dead for certain."""
    await sync_to_async(lambda: begun_by(dead_worker(silent_for=1), args={"which": "dead"}))()
    await worked(lambda: bool(ran), alone=True)
    assert ran == [{"which": "dead"}]


@pytest.mark.django_db(transaction=True)
async def test_worker_alone_frees_the_lock_a_dead_job_holds() -> None:
    def lay() -> None:
        begun_by(dead_worker(silent_for=1), lock="l", queueing_lock="q", args={"which": "dead"})
        defer(note, lock="l", queueing_lock="q", which="waiting")

    await sync_to_async(lay)()
    await worked(lambda: bool(ran), alone=True)
    assert ran == [{"which": "waiting"}]


@pytest.mark.django_db(transaction=True)
async def test_worker_beside_others_leaves_what_may_be_alive() -> None:
    def lay() -> None:
        begun_by(dead_worker(silent_for=-60), args={"which": "theirs"})
        defer(note, which="ours")

    await sync_to_async(lay)()
    await worked(lambda: bool(ran))
    assert ran == [{"which": "ours"}]
    assert await sync_to_async(jobs)("status") == ["doing"]


@pytest.mark.django_db(transaction=True)
async def test_worker_runs_blocking_jobs_and_forgets_what_succeeded() -> None:
    await add(*(partial(defer, write, slug=slug) for slug in "abc"))
    await worked(lambda: len(ran) == 3)
    assert sorted(ran) == ["a", "b", "c"]
    assert await sync_to_async(Team.objects.count)() == 3
    assert await sync_to_async(jobs)("status") == []


@pytest.mark.django_db(transaction=True)
async def test_worker_keeps_what_failed_and_goes_on() -> None:
    await add(partial(defer, fail, priority=1), partial(defer, note, after=1))
    await worked(lambda: len(ran) == 2)
    assert ran == ["fail", {"after": 1}]
    assert await sync_to_async(jobs)("task_name", "status") == [("tests.fail", "failed")]


@pytest.mark.django_db(transaction=True)
async def test_jobs_with_one_lock_run_one_after_the_other_without_waiting_for_a_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "POLL_SECONDS", 600)
    await add(*(partial(defer, alone, lock="l", name=str(number)) for number in range(4)))
    await worked(lambda: len(ran) == 4)
    assert ran == ["0", "1", "2", "3"]
    assert overlaps == []


@pytest.mark.django_db(transaction=True)
async def test_nobody_waits_for_a_thread_behind_a_job_that_takes_long() -> None:
    """What came of a call could not be written down for seconds, and was forgotten by who died meanwhile."""
    await add(*(lambda: defer(long) for _ in range(4)), *(lambda: defer(short) for _ in range(8)))
    await worked(lambda: len(ran) == 12)
    kinds = [str(name).partition("-")[0] for name in ran]
    assert (kinds.count("long"), kinds.count("database")) == (4, 8)


@pytest.mark.django_db(transaction=True)
async def test_higher_priority_runs_first() -> None:
    await add(*(partial(defer, alone, lock="l", priority=p, name=str(p)) for p in (0, 10, 5)))
    await worked(lambda: len(ran) == 3)
    assert ran == ["10", "5", "0"]


@pytest.mark.django_db(transaction=True)
async def test_worker_told_to_end_ends_and_its_job_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0.2)
    await sync_to_async(defer)(endless)
    await worked(lambda: bool(ran))
    assert ran == ["begun", "ended"]
    assert await sync_to_async(jobs)("task_name") == ["tests.endless"]


def cut_off(**job: Any) -> int:
    """A job that a worker gave up when it ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, lock, queueing_lock,"
            " abort_requested) VALUES ('default', 'tests.note', '{}', 'aborted', %s, %s, %s) RETURNING id",
            [job.get("lock"), job.get("queueing_lock"), job.get("abort_requested", False)],
        )
        return int(cursor.fetchone()[0])


def test_job_that_was_cut_off_is_put_back() -> None:
    cut_off(lock="l", queueing_lock="q")
    assert async_to_sync(resume_cut_off)(app) == 1
    assert jobs("status", "lock", "queueing_lock", "attempts") == [("todo", "l", "q", 1)]
    assert async_to_sync(resume_cut_off)(app) == 0


@pytest.mark.django_db(transaction=True)
def test_job_that_was_cut_off_and_whose_twin_waits_is_dropped() -> None:
    cut_off(queueing_lock="q")
    cut_off(queueing_lock="q")
    defer(note, queueing_lock="q")
    async_to_sync(resume_cut_off)(app)
    assert jobs("status", "queueing_lock") == [("todo", "q")]


def test_job_that_somebody_wanted_aborted_stays_so() -> None:
    cut_off(abort_requested=True)
    assert async_to_sync(resume_cut_off)(app) == 0
    assert jobs("status") == ["aborted"]


@pytest.mark.django_db(transaction=True)
async def test_job_that_outlasts_the_grace_of_a_worker_is_done_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0.1)
    await add(partial(defer, endless, lock="l", queueing_lock="q"))
    await worked(lambda: ran == ["begun"])
    assert ran == ["begun", "ended"]
    await worked(lambda: ran == ["begun", "ended", "begun"])
