"""What goes out to desk sockets: rows and events, read once for all, encoded once in each language."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils import translation

from accounts.sight import sees_as_staff
from conversations.models import Conversation
from core.actor import Actor
from core.threads import borrowed, in_thread
from desk.queries.rows import row_frame, rows_by_id
from desk.queries.threads import item_frame, missed_events
from desk.queries.tickets import ticket_frame, tickets_by_id
from tickets.models import Ticket

T = TypeVar("T")
R = TypeVar("R", Conversation, Ticket)

KEPT_THREADS = 128


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation or a ticket as it goes out, with what decides who may get it."""

    key: str
    team_id: int | None
    assignee_id: int | None
    seq: int
    # By language: names, reasons and lights are said in the reader's.
    frames: Mapping[str, str]

    def is_for(self, actor: Actor) -> bool:
        """Says whether the actor may see it."""
        return sees_as_staff(actor, team_id=self.team_id, assignee_id=self.assignee_id)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A kind of row: how many are read at once, and what is told when one is out of sight."""

    read: Callable[[Iterable[str], Collection[str]], dict[str, Row]]
    gone: Callable[[str], dict[str, Any]]


def encode(frame: dict[str, Any]) -> str:
    """Returns a frame as text."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def read_rows(ids: Iterable[str], languages: Collection[str]) -> dict[str, Row]:
    """Reads conversations."""
    return {
        str(row.pk): _row(row, languages, lambda row: {"type": "row", "row": row_frame(row)})
        for row in rows_by_id(ids)
    }


def read_tickets(ids: Iterable[str], languages: Collection[str]) -> dict[str, Row]:
    """Reads tickets."""
    return {
        str(row.pk): _row(row, languages, lambda row: {"type": "ticket", "ticket": ticket_frame(row)})
        for row in tickets_by_id(ids)
    }


def _row(row: R, languages: Collection[str], shown: Callable[[R], dict[str, Any]]) -> Row:
    frames = {}
    for language in languages:
        with translation.override(language):
            frames[language] = encode(shown(row))
    return Row(str(row.pk), row.team_id, row.assignee_id, row.last_seq, frames)


CONVERSATIONS = Shelf(read_rows, lambda key: {"type": "gone", "conversation": key})
TICKETS = Shelf(read_tickets, lambda key: {"type": "ticket.gone", "ticket": key})


def read_items(conversation_id: str, after: int, upto: int, language: str) -> list[str] | None:
    """Reads the events in (after, upto]; None when there are too many to replay."""
    events = missed_events(conversation_id, after=after, upto=upto)
    if events is None:
        return None
    with translation.override(language):
        return [encode({**item_frame(event), "conversation": conversation_id}) for event in events]


async def apart(call: Callable[..., T], *args: Any) -> T:
    """Runs a blocking read that may outlive the socket which asked for it."""
    async with borrowed():
        return await in_thread(call, *args)


class Threads:
    """The events that sockets of a process follow. They never change: a read serves all who are alike."""

    def __init__(self) -> None:
        """Starts with nothing read."""
        self._reads: OrderedDict[tuple[str, int, int, str], asyncio.Task[list[str] | None]] = OrderedDict()

    async def items(self, conversation_id: str, after: int, upto: int, language: str) -> list[str] | None:
        """Returns the events in (after, upto] as frames, or None when there are too many to replay."""
        key = (conversation_id, after, upto, language)
        task = self._reads.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.get_running_loop().create_task(apart(read_items, *key))
            self._reads[key] = task
            if len(self._reads) > KEPT_THREADS:
                self._reads.popitem(last=False)
        # The others go on waiting when one who asked goes away.
        return await asyncio.shield(task)
