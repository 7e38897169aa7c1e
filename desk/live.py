"""Reads that all sockets of a process share: a hint to a hundred operators costs one query, not a hundred."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from conversations.models import Conversation
from core.threads import borrowed, in_thread
from desk.queries.rows import Group, groups, row_frame, rows_by_id
from desk.queries.threads import item_frame, missed_events
from desk.queries.tickets import ticket_frame, tickets_by_id

T = TypeVar("T")

# How long a read waits for other sockets that were told of the same change.
GATHER_SECONDS = 0.001
# Counts are read for everybody at most this often.
COUNTS_SECONDS = 1.0
KEPT_THREADS = 128


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation or a ticket as it goes out, with what decides who may get it."""

    id: str
    team_id: int | None
    assignee_id: int | None
    seq: int
    frame: str


@dataclass(frozen=True, slots=True)
class Item:
    """An event as it goes out."""

    seq: int
    frame: str


def encode(frame: dict[str, Any]) -> str:
    """Returns a frame as text."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def read_rows(ids: Iterable[str]) -> dict[str, Row]:
    """Reads rows, encoded once for all sockets."""
    return {str(row.pk): to_row(row) for row in rows_by_id(ids)}


def to_row(row: Conversation) -> Row:
    """Encodes a row."""
    frame = encode({"type": "row", "row": row_frame(row)})
    return Row(str(row.pk), row.team_id, row.assignee_id, row.last_seq, frame)


def read_tickets(ids: Iterable[str]) -> dict[str, Row]:
    """Reads tickets, encoded once for all sockets."""
    return {
        str(ticket.pk): Row(
            str(ticket.pk),
            ticket.team_id,
            ticket.assignee_id,
            ticket.last_seq,
            encode({"type": "ticket", "ticket": ticket_frame(ticket)}),
        )
        for ticket in tickets_by_id(ids)
    }


def read_items(conversation_id: str, after: int, upto: int) -> list[Item] | None:
    """Reads events, encoded once for all sockets; None when too many were missed."""
    events = missed_events(conversation_id, after=after, upto=upto)
    if events is None:
        return None
    frame = {"conversation": conversation_id}
    return [Item(event.seq, encode({**item_frame(event), **frame})) for event in events]


async def _apart(call: Callable[..., T], *args: Any) -> T:
    """Runs a blocking read that outlives the socket which asked first."""
    async with borrowed():
        return await in_thread(call, *args)


class Batch:
    """Reads of rows by id, gathered.

    One query runs at a time, for everything that was asked for while the one before ran. A query that began
    before a question never answers it, so that no change is missed, and no answer is older than one given
    before.
    """

    def __init__(self, read: Callable[[Iterable[str]], dict[str, Row]]) -> None:
        """Takes the function that reads many at once."""
        self._read = read
        self._wanted: dict[str, asyncio.Future[Row | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def get(self, key: str) -> Row | None:
        """Returns the row as it was after this call began, or None when there is none."""
        loop = asyncio.get_running_loop()
        future = self._wanted.get(key)
        if future is None:
            future = self._wanted[key] = loop.create_future()
        if self._reader is None:
            self._reader = loop.create_task(self._work())
        # The others go on waiting when one who asked goes away.
        return await asyncio.shield(future)

    async def _work(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                found = await _apart(self._read, list(wanted))
            except Exception as error:  # noqa: BLE001 (every asker gets it)
                for future in wanted.values():
                    future.set_exception(error)
                    # Marks it as seen: those who asked may be gone.
                    future.exception()
            else:
                for key, future in wanted.items():
                    future.set_result(found.get(key))
        self._reader = None


class SharedReads:
    """The shared reads of one event loop."""

    def __init__(self) -> None:
        """Starts with nothing asked for."""
        self.rows = Batch(read_rows)
        self.tickets = Batch(read_tickets)
        self._threads: OrderedDict[tuple[str, int, int], asyncio.Task[list[Item] | None]] = OrderedDict()
        self._counts: asyncio.Task[list[Group]] | None = None
        self._counts_age = 0.0

    async def items(self, conversation_id: str, after: int, upto: int) -> list[Item] | None:
        """Returns the events in (after, upto], or None when there are too many to replay.

        Events never change, so that one read serves all sockets that stand at the same number.
        """
        key = (conversation_id, after, upto)
        task = self._threads.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.get_running_loop().create_task(_apart(read_items, *key))
            self._threads[key] = task
            if len(self._threads) > KEPT_THREADS:
                self._threads.popitem(last=False)
        return await asyncio.shield(task)

    async def groups(self) -> list[Group]:
        """Returns the counts of all open work, at most a second old."""
        loop = asyncio.get_running_loop()
        is_old = loop.time() - self._counts_age > COUNTS_SECONDS
        if self._counts is None or (is_old and self._counts.done()):
            self._counts, self._counts_age = loop.create_task(_apart(groups)), loop.time()
        return await asyncio.shield(self._counts)


_reads: "WeakKeyDictionary[asyncio.AbstractEventLoop, SharedReads]" = WeakKeyDictionary()


def shared() -> SharedReads:
    """Returns the shared reads of the running loop."""
    loop = asyncio.get_running_loop()
    found = _reads.get(loop)
    if found is None:
        found = _reads[loop] = SharedReads()
    return found
