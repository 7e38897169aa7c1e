"""What goes out to desk sockets: rows and events, read and encoded once for all of them."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from accounts.sight import sees_as_staff
from core.actor import Actor
from core.threads import borrowed, in_thread
from desk.queries.rows import row_frame, rows_by_id
from desk.queries.threads import item_frame, missed_events
from desk.queries.tickets import ticket_frame, tickets_by_id

T = TypeVar("T")

KEPT_THREADS = 128


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation or a ticket as it goes out, with what decides who may get it."""

    key: str
    team_id: int | None
    assignee_id: int | None
    seq: int
    frame: str

    def is_for(self, actor: Actor) -> bool:
        """Says whether the actor may see it."""
        return sees_as_staff(actor, team_id=self.team_id, assignee_id=self.assignee_id)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A kind of row: how many are read at once, and what is told when one is out of sight."""

    read: Callable[[Iterable[str]], dict[str, Row]]
    gone: Callable[[str], dict[str, Any]]


def encode(frame: dict[str, Any]) -> str:
    """Returns a frame as text."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def read_rows(ids: Iterable[str]) -> dict[str, Row]:
    """Reads conversations."""
    found = {}
    for row in rows_by_id(ids):
        key, frame = str(row.pk), encode({"type": "row", "row": row_frame(row)})
        found[key] = Row(key, row.team_id, row.assignee_id, row.last_seq, frame)
    return found


def read_tickets(ids: Iterable[str]) -> dict[str, Row]:
    """Reads tickets."""
    found = {}
    for row in tickets_by_id(ids):
        key, frame = str(row.pk), encode({"type": "ticket", "ticket": ticket_frame(row)})
        found[key] = Row(key, row.team_id, row.assignee_id, row.last_seq, frame)
    return found


CONVERSATIONS = Shelf(read_rows, lambda key: {"type": "gone", "conversation": key})
TICKETS = Shelf(read_tickets, lambda key: {"type": "ticket.gone", "ticket": key})


def read_items(conversation_id: str, after: int, upto: int) -> list[str] | None:
    """Reads the events in (after, upto]; None when there are too many to replay."""
    events = missed_events(conversation_id, after=after, upto=upto)
    if events is None:
        return None
    return [encode({**item_frame(event), "conversation": conversation_id}) for event in events]


async def apart(call: Callable[..., T], *args: Any) -> T:
    """Runs a blocking read that may outlive the socket which asked for it."""
    async with borrowed():
        return await in_thread(call, *args)


class Threads:
    """The events that sockets of a process follow. They never change: a read serves all who stand alike."""

    def __init__(self) -> None:
        """Starts with nothing read."""
        self._reads: OrderedDict[tuple[str, int, int], asyncio.Task[list[str] | None]] = OrderedDict()

    async def items(self, conversation_id: str, after: int, upto: int) -> list[str] | None:
        """Returns the events in (after, upto] as frames, or None when there are too many to replay."""
        key = (conversation_id, after, upto)
        task = self._reads.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.get_running_loop().create_task(apart(read_items, *key))
            self._reads[key] = task
            if len(self._reads) > KEPT_THREADS:
                self._reads.popitem(last=False)
        # The others go on waiting when one who asked goes away.
        return await asyncio.shield(task)
