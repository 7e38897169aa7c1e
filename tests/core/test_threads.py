"""Borrowed threads: few, in turn, each with one connection that is known to work before it is used."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from core import threads
from core.threads import BorrowedThreads, borrowed, in_network_thread, in_thread, serving_loop
from tests.live import close_database_threads

# Nothing is written here, so nothing has to be flushed, though the threads are not in the test's transaction.
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Leaves no connection of these threads to the next test."""
    yield
    close_database_threads()


def backend() -> int:
    """The process of the server behind this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end(pid: int) -> None:
    """Ends a connection from the server's side, as a restart of the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone()[0]


async def each_thread(call: Any) -> list[Any]:
    """Calls once on every borrowed thread."""
    found = []
    for _ in range(settings.DATABASE_THREADS):
        async with borrowed():
            found.append(await in_thread(call))
    return found


async def test_borrowed_threads_are_few_and_come_in_turn() -> None:
    first = await each_thread(threading.get_ident)
    second = await each_thread(threading.get_ident)
    assert first == second
    assert len(set(first)) == settings.DATABASE_THREADS
    assert threading.get_ident() not in first


async def test_borrowed_threads_have_names_for_whoever_looks_at_a_dump() -> None:
    names = await each_thread(lambda: threading.current_thread().name)
    assert {name.rpartition("_")[0] for name in names} == {
        f"database-{number}" for number in range(settings.DATABASE_THREADS)
    }


async def test_everything_within_one_loan_runs_on_one_thread() -> None:
    async with borrowed():
        assert len({await in_thread(threading.get_ident) for _ in range(5)}) == 1
        # Django's own async ORM goes the same way.
        assert await sync_to_async(threading.get_ident)() == await in_thread(threading.get_ident)


async def test_connections_are_kept_and_reused() -> None:
    first = await each_thread(backend)
    assert await each_thread(backend) == first
    assert len(set(first)) == settings.DATABASE_THREADS


async def test_a_hundred_loans_open_no_further_connection() -> None:
    async def ask() -> int:
        async with borrowed():
            return await in_thread(backend)

    found = await asyncio.gather(*(ask() for _ in range(100)))
    assert len(set(found)) == settings.DATABASE_THREADS


async def test_loan_that_lasts_blocks_nobody() -> None:
    """A stream of an hour holds no thread: while it waits, another works on the same one."""
    async with borrowed():
        held = await in_thread(threading.get_ident)
        others = await each_thread(threading.get_ident)
        assert held in others
        assert await in_thread(threading.get_ident) == held


async def test_exception_reaches_the_caller_and_leaves_the_thread_usable() -> None:
    def fail() -> None:
        Team.objects.count()
        raise ValueError("no")

    async with borrowed():
        with pytest.raises(ValueError, match="no"):
            await in_thread(fail)
        assert await in_thread(Team.objects.count) == 0


async def test_error_of_the_database_leaves_the_thread_usable() -> None:
    def wrong() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    async with borrowed():
        before = await in_thread(backend)
        with pytest.raises(Exception, match="division by zero"):
            await in_thread(wrong)
        assert await in_thread(backend) == before


async def test_connection_ended_between_calls_is_replaced_unnoticed() -> None:
    async with borrowed():
        before = await in_thread(backend)
        await asyncio.to_thread(_apart, end, before)
        after = await in_thread(backend)
        assert after != before
        assert await in_thread(backend) == after


async def test_all_connections_ended_at_once_are_all_replaced() -> None:
    before = await each_thread(backend)
    for pid in before:
        await asyncio.to_thread(_apart, end, pid)
    after = await each_thread(backend)
    assert not set(before) & set(after)


async def test_connection_ended_in_the_middle_fails_that_call_only() -> None:
    def interrupted() -> int:
        pid = backend()
        killer = threading.Thread(target=_apart, args=(end, pid))
        killer.start()
        killer.join(10)
        return backend()

    async with borrowed():
        with pytest.raises(OperationalError):
            await in_thread(interrupted)
        assert await in_thread(backend) > 0


async def test_connection_that_works_is_not_asked_for_a_sign_of_life() -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            backend()
        return [query["sql"] for query in captured]

    async with borrowed():
        await in_thread(backend)
        assert await in_thread(queries) == ["SELECT pg_backend_pid()"]
        assert await in_thread(getattr, connection, "health_check_done") is True


def test_call_within_a_transaction_sees_it_and_leaves_it_open() -> None:
    async def count() -> int:
        return await in_thread(Team.objects.count)

    with transaction.atomic():
        before = async_to_sync(count)()
        Team.objects.create(slug="mine", name="Mine")
        assert async_to_sync(count)() == before + 1


def _apart(call: Any, *arguments: Any) -> None:
    try:
        call(*arguments)
    finally:
        connections.close_all()


async def test_serving_loop_is_known_on_the_thread_that_works_for_it() -> None:
    async with borrowed():
        assert await in_thread(serving_loop) is asyncio.get_running_loop()


def test_serving_loop_is_none_outside_a_server() -> None:
    assert serving_loop() is None


async def test_in_thread_hands_over_arguments_and_result() -> None:
    async with borrowed():
        assert await in_thread(divmod, 17, 5) == (3, 2)
        assert await in_thread(dict, a=1) == {"a": 1}


@pytest.fixture
def seen() -> list[Any]:
    return []


def wrapped(seen: list[Any]) -> BorrowedThreads:
    """An application that notes where its blocking code runs."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await sync_to_async(lambda: threading.current_thread().name)(), scope, receive, send))

    return BorrowedThreads(application)


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_each_connection_gets_a_borrowed_thread(seen: list[Any], kind: str) -> None:
    await wrapped(seen)({"type": kind}, len, print)
    name, scope, receive, send = seen[0]
    assert name.startswith("database-")
    assert (scope, receive, send) == ({"type": kind}, len, print)


async def test_lifespan_is_passed_on_and_borrows_nothing(seen: list[Any]) -> None:
    threads.borrowed()
    turns = threads._turns
    before = next(turns)
    await wrapped(seen)({"type": "lifespan"}, len, print)
    assert next(turns) == before + 1
    assert not seen[0][0].startswith("database-")


async def test_application_that_fails_gives_its_thread_back() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("broken")

    for _ in range(settings.DATABASE_THREADS + 1):
        with pytest.raises(RuntimeError, match="broken"):
            await BorrowedThreads(application)({"type": "http"}, len, print)
    assert len(set(await each_thread(backend))) == settings.DATABASE_THREADS


async def test_network_threads_are_others_than_those_of_the_database_and_many() -> None:
    """A provider that hangs holds up neither the database nor another provider."""
    together = threading.Barrier(12, timeout=20)

    def wait(number: int, *, factor: int) -> tuple[str, int]:
        together.wait()
        return threading.current_thread().name, number * factor

    found = await asyncio.gather(*(in_network_thread(wait, number, factor=2) for number in range(12)))
    assert [result for _, result in found] == [number * 2 for number in range(12)]
    assert all(name.startswith("network") for name, _ in found)
    assert len({name for name, _ in found}) == 12


async def test_network_thread_hands_over_errors_and_the_end_of_an_iterator() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_network_thread(divmod, 1, 0)
    nothing: list[int] = []
    assert await in_network_thread(next, iter(nothing), "end") == "end"
