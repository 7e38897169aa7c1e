"""One ear for all desk sockets of a process.

A change that concerns a hundred operators arrives once, is read from Postgres once and encoded once for each
language; then each socket decides in memory whether its operator may see it.
"""

import asyncio
import logging
from collections import OrderedDict, defaultdict
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from conversations.groups import DESK_ALL, conversation_group
from core.actor import Actor
from core.outages import DatabaseFailure
from desk.live import CONVERSATIONS, TICKETS, Row, Shelf, Threads, apart, encode
from desk.presence import groups_of
from desk.queries.rows import counts, groups

logger = logging.getLogger(__name__)

# Numbers beside the queues are read for everybody at most this often.
COUNTS_SECONDS = 1.0
# Rows whose last state is remembered: to say nothing twice, and to know who has to forget one.
KEPT_ROWS = 5_000
RETRY_SECONDS = 1.0


class Listener(Protocol):
    """A socket as the hub sees it. None of these waits: what cannot be sent now is queued by the socket."""

    actor: Actor
    open_id: str
    language: str

    def offer(self, frame: str) -> None:
        """Takes a frame to send."""

    def moved(self, row: Row) -> None:
        """The open conversation, still visible, stands at this row's number."""

    def lost(self) -> None:
        """The open conversation is out of sight."""

    def offer_counts(self, numbers: dict[str, int]) -> None:
        """Takes the numbers beside the queues."""


class Hub:
    """What one event loop hears, reads and passes on for its desk sockets."""

    def __init__(self) -> None:
        """Starts deaf; the first socket opens the ear."""
        self.threads = Threads()
        self.listeners: set[Listener] = set()
        self._readers: defaultdict[str, set[Listener]] = defaultdict(set)
        self._told: OrderedDict[str, Row] = OrderedDict()
        self._dirty: dict[str, Shelf] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._counting: asyncio.Task[None] | None = None
        self._ear: asyncio.Task[None] | None = None
        self._joined: set[str] = set()
        self._joining = asyncio.Lock()
        self._channel = ""

    async def enter(self, listener: Listener) -> None:
        """Lets a socket hear what concerns its actor; when this returns, nothing is missed any more."""
        self.listeners.add(listener)
        await self.tune()
        self._count_soon()

    async def leave(self, listener: Listener) -> None:
        """Forgets a socket."""
        self.listeners.discard(listener)
        await self.unfollow(listener)

    async def follow(self, listener: Listener, conversation_id: str) -> None:
        """Lets a socket hear what passes in one conversation: deltas, typing, read marks, deliveries."""
        self._drop_reader(listener)
        listener.open_id = conversation_id
        self._readers[conversation_id].add(listener)
        await self.tune()

    async def unfollow(self, listener: Listener) -> None:
        """Ends that."""
        self._drop_reader(listener)
        await self.tune()

    def forget(self, listener: Listener) -> None:
        """Ends it at once, for a conversation out of sight; the group is left with the next change."""
        self._drop_reader(listener)

    def _drop_reader(self, listener: Listener) -> None:
        readers = self._readers.get(listener.open_id)
        if readers is not None:
            readers.discard(listener)
            if not readers:
                del self._readers[listener.open_id]
        listener.open_id = ""

    async def tune(self) -> None:
        """Joins and leaves groups until they are those that the sockets need now.

        Joining again what is joined already keeps the membership alive: layers forget old ones.
        """
        async with self._joining:
            wanted = self._wanted_groups()
            layer = get_channel_layer()
            if wanted and self._ear is None:
                self._channel = await layer.new_channel("desk.")
                self._ear = asyncio.get_running_loop().create_task(self._listen(layer))
            for group in self._joined - wanted:
                await layer.group_discard(group, self._channel)
            for group in wanted:
                await layer.group_add(group, self._channel)
            self._joined = wanted
            if not wanted and self._ear is not None:
                self._ear.cancel()
                self._ear = None

    def _wanted_groups(self) -> set[str]:
        wanted = {group for listener in self.listeners for group in groups_of(listener.actor)}
        # Whatever reaches a team's group reaches this one, too.
        rows = {DESK_ALL} if DESK_ALL in wanted else wanted
        return rows | {conversation_group(key) for key in self._readers}

    async def _listen(self, layer: Any) -> None:
        while True:
            try:
                self._hear(await layer.receive(self._channel))
            except Exception:
                # Redis may be away; reading by number heals what is missed.
                logger.warning("the desk hears nothing; it tries again", exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)

    def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "hint":
                self.mark(message["conversation"])
            case "ticket":
                self.mark(message["ticket"], TICKETS)
            case "delta" | "typing" | "read" | "delivery":
                frame = encode(message)
                for listener in tuple(self._readers.get(message["conversation"], ())):
                    listener.offer(frame)

    def mark(self, key: str, shelf: Shelf = CONVERSATIONS) -> None:
        """Has something read again and told to those who may see it."""
        self._dirty[key] = shelf
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        """Reads what is marked, one query at a time for all of a kind.

        What is marked while a query runs is read by the next, so that no answer is older than its hint.
        """
        while self._dirty:
            # One turn of the loop: hints of one transaction come together.
            await asyncio.sleep(0)
            dirty, self._dirty = self._dirty, {}
            try:
                await self._tell(dirty)
            except DatabaseFailure:
                logger.warning("the desk could not read what changed; it tries again", exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)
                self._dirty = {**dirty, **self._dirty}
            except Exception:
                # The sockets' own beat reads again what they have open.
                logger.exception("the desk could not tell what changed")
        self._flushing = None

    async def _tell(self, dirty: dict[str, Shelf]) -> None:
        for shelf in (CONVERSATIONS, TICKETS):
            keys = [key for key, of in dirty.items() if of is shelf]
            if not keys:
                continue
            languages = {listener.language for listener in self.listeners}
            found = await apart(shelf.read, keys, languages)
            for key in keys:
                self._pass_on(key, found.get(key), shelf)
        self._count_soon()

    def _pass_on(self, key: str, row: Row | None, shelf: Shelf) -> None:
        """Gives a row to those who see it and takes it from those who are known to have seen it.

        Nobody else is told even its id; a list that shows one from before this process began is healed by its
        next reading over HTTP.
        """
        before = self._told.pop(key, None)
        if row is not None:
            self._told[key] = row
            if len(self._told) > KEPT_ROWS:
                self._told.popitem(last=False)
        gone = encode(shelf.gone(key))
        for listener in tuple(self.listeners):
            if row is not None and row.is_for(listener.actor):
                self._offer(listener, row, before, shelf)
                if listener.open_id == key:
                    listener.moved(row)
            elif listener.open_id == key:
                listener.offer(gone)
                listener.lost()
            elif before is not None and before.is_for(listener.actor):
                listener.offer(gone)

    def _offer(self, listener: Listener, row: Row, before: Row | None, shelf: Shelf) -> None:
        frame = row.frames.get(listener.language)
        if frame is None:
            # They came while it was read, and nobody else speaks as they do.
            self.mark(row.key, shelf)
        elif before is None or before.frames.get(listener.language) != frame:
            listener.offer(frame)

    def _count_soon(self) -> None:
        if self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._count())

    async def _count(self) -> None:
        await asyncio.sleep(COUNTS_SECONDS)
        # From here on a change asks for the next count.
        self._counting = None
        try:
            found = await apart(groups)
        except DatabaseFailure:
            logger.warning("the desk could not count", exc_info=True)
            return
        for listener in tuple(self.listeners):
            listener.offer_counts(counts(listener.actor, found))


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """Returns the hub of the running loop."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub()
    return found
