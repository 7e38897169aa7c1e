"""A place apart: a database of its own, nothing that leaves the process, and a clock that a case can set."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch
from uuid import uuid4

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.test.utils import override_settings
from psycopg import sql

from agents.builtin import model as quoting
from core.threads import borrowed, in_thread

PREFIX = "evaluation_"
# Made once by migrating.
KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")
# In this order: the first two lean on the third.
QUEUE_TABLES = ("procrastinate_periodic_defers", "procrastinate_events", "procrastinate_jobs")
KNOWLEDGE_TABLES = ("knowledge_article", "knowledge_category", "knowledge_chunk")
# Hints, caches and mail stay in this process.
WITHIN = {
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": PREFIX}},
    "CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}


class NotApart(Exception):
    """There is no database apart, or this is none that may be emptied; the message says which."""


@asynccontextmanager
async def place_apart() -> AsyncIterator[None]:
    """Makes a database, has all code of this process use it, and drops it, whatever happens.

    The live database is not written at all; no worker looks at this one, so that no job runs which nobody
    calls. Raises NotApart where the database's user may not do so. Not for a process that serves.
    """
    async with borrowed():
        with override_settings(**WITHIN):
            name = f"{PREFIX}{uuid4().hex[:12]}"
            before = connection.settings_dict["NAME"]
            await asyncio.to_thread(_make, name)
            try:
                await in_thread(_turn_to, name)
                await in_thread(_migrate)
                yield
            finally:
                await in_thread(_turn_to, before)
                await asyncio.to_thread(_drop, name)


def _make(name: str) -> None:
    try:
        _create(name)
    except DatabaseError as error:
        message = f"A database for the run cannot be made: {error}"
        raise NotApart(message) from error


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        message = f"The database for the run cannot be filled: {error}"
        raise NotApart(message) from error


def _create(name: str) -> None:
    _without_database(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _drop(name: str) -> None:
    _without_database(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _without_database(statement: sql.Composed) -> None:
    """Carries out what no transaction may hold, on a connection that is closed again."""
    try:
        with connection._nodb_cursor() as cursor:  # noqa: SLF001 (what Django's own tests make databases with)
            cursor.execute(statement)
    finally:
        connections.close_all()


def _turn_to(name: str) -> None:
    """Has every connection that is opened from now on lead to another database, and closes this thread's."""
    connections.close_all()
    # One mapping for the connections of all threads.
    connections.settings["default"]["NAME"] = name
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()


def empty(*, keep_knowledge: bool) -> None:
    """Takes everything out of the database apart, and begins all numbers anew: a case sees no other.

    Raises NotApart in any other database but one of tests.
    """
    name = str(connection.settings_dict["NAME"])
    if not name.startswith((PREFIX, "test_")):
        raise NotApart(name)
    kept = {*KEPT_TABLES, *(KNOWLEDGE_TABLES if keep_knowledge else ())}
    # Other tables that no model knows hold what migrations have put there, such as the clock of events.
    known = connection.introspection.django_table_names(only_existing=True)
    names = [*QUEUE_TABLES, *(name for name in known if name not in {*kept, *QUEUE_TABLES})]
    with connection.cursor() as cursor:
        # Keys are looked at when the transaction ends, so any order will do; TRUNCATE makes new files.
        delete = "; ".join(f"DELETE FROM {connection.ops.quote_name(table)}" for table in names)  # noqa: S608 (names of ours)
        cursor.execute(f"BEGIN; {delete}; COMMIT")
        cursor.execute(
            "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
            " AND relnamespace = 'public'::regnamespace AND NOT (%s AND relname LIKE 'knowledge_%%')"
            " AND relname NOT LIKE 'django_%%' AND relname NOT LIKE 'auth_%%'",
            [keep_knowledge],
        )
    cache.clear()


@contextmanager
def clock(begin: datetime) -> Iterator[None]:
    """Stops the time of day: each look at it is a millisecond later, so that what is written has an order.

    What waits (deadlines, retries) goes on as always. Words of the built-in answerer come without pauses.
    """
    ticks = itertools.count()

    def now() -> datetime:
        return begin + timedelta(milliseconds=next(ticks))

    with patch("django.utils.timezone.now", now), patch.object(quoting, "SECONDS_PER_WORD", 0):
        yield
