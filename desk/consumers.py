"""The staff's socket: rows of the list, the open thread, text that is being written.

Client to server: `open {conversation, since?}`, `close`, `typing {on}`, `read {seq}`, `ping`.
Server to client: `ready`, `row`, `gone`, `counts`, `ticket`, `ticket.gone`, `event`, `delta`, `typing`,
`read`, `reload`, `pong`, `error`.
It writes nothing but signs of life; all else that an operator does goes by HTTP.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from conversations.actions import read_by_operator, set_typing
from conversations.groups import conversation_group
from core.actor import Actor
from core.errors import HelpdeskError, Invalid, NotFound, TooMany, Unauthenticated, Unavailable
from core.threads import in_thread
from desk.live import COUNTS_SECONDS, Row, encode, shared
from desk.presence import groups_of, staff_actor
from desk.queries.rows import counts, find, sees

logger = logging.getLogger(__name__)

# Often enough to heal a lost hint and to notice a lost right, rare enough to cost nothing.
BEAT_SECONDS = 25
FRAMES_PER_MINUTE = 600
MAX_FRAME = 4_096
# Rows whose last frame a socket remembers, so as not to send the same twice.
KEPT_ROWS = 1_000
SIGNED_OUT = 4401
INTERNAL = 1011


class DeskConsumer(AsyncWebsocketConsumer):
    """One operator's browser tab. A bad frame gets an error and the socket stays open."""

    actor: Actor
    tasks: "list[asyncio.Task[None]]"

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Calls the method named by the message.

        The base class also closes old database connections before each message, which costs a hop to a thread
        for every hint to every socket; here the reads do that themselves.
        """
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def connect(self) -> None:
        """Lets active staff in; the origin was checked by the router."""
        self.tasks = []
        self.joined: set[str] = set()
        self.open_id, self.sent = "", 0
        self.dirty: set[str] = set()
        self.dirty_tickets: set[str] = set()
        self.wakeup = asyncio.Event()
        self.counts_due = asyncio.Event()
        self.told_rows: dict[str, int] = {}
        self.told_counts: dict[str, int] = {}
        self.frames_left = FRAMES_PER_MINUTE
        try:
            self.actor = await in_thread(staff_actor, self.scope)
        except HelpdeskError:
            await self.close(SIGNED_OUT)
            return
        await self.accept()
        await self._join()
        self.tasks = [
            asyncio.create_task(self._keep(job)) for job in (self._tell_news, self._tell_counts, self._beat)
        ]
        await self._tell({"type": "ready", "user": int(self.actor.id)})

    async def disconnect(self, code: int) -> None:
        """Ends what belongs to the socket."""
        del code
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers one frame."""
        del bytes_data
        try:
            self._count_frame()
            await self._answer(parse(text_data or ""))
        except Unauthenticated:
            await self.close(SIGNED_OUT)
        except HelpdeskError as error:
            await self._refuse(error)
        except DatabaseError:
            logger.exception("a frame of the desk could not be answered")
            await self._refuse(Unavailable())

    def _count_frame(self) -> None:
        self.frames_left -= 1
        if self.frames_left < 0:
            raise TooMany(retry_after=BEAT_SECONDS)

    async def _answer(self, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "open":
                await self._open(frame)
            case "close":
                await self._leave()
            case "typing" if self.open_id:
                await set_typing(
                    conversation_id=self.open_id,
                    who="operator",
                    name=self.actor.name,
                    on=frame.get("on") is True,
                )
            case "read" if self.open_id:
                await in_thread(self._read, self.open_id, whole(frame.get("seq")))
            case "ping":
                await self._tell({"type": "pong"})
            case "typing" | "read":
                detail = "No conversation is open."
                raise Invalid(detail)
            case _:
                detail = "This type of frame is not known."
                raise Invalid(detail, field="type")

    def _read(self, conversation_id: str, seq: int) -> None:
        read_by_operator(conversation=find(self.actor, conversation_id), seq=seq, by=self.actor)

    async def _open(self, frame: dict[str, Any]) -> None:
        """Follows a conversation from `since` on (from now on without it); its rights are read afresh."""
        wanted = str(frame.get("conversation"))
        self.actor = await in_thread(staff_actor, self.scope)
        row = await in_thread(find, self.actor, identifier(wanted))
        await self._leave()
        await self._join(conversation_group(wanted))
        since = frame.get("since")
        self.sent = row.last_seq if since is None else min(whole(since), row.last_seq)
        self.open_id = wanted
        self._mark(wanted)

    async def _leave(self) -> None:
        self.open_id = ""
        await self._join()

    async def _join(self, *more: str) -> None:
        """Makes the groups of the socket those of its actor and `more`; joining again keeps a group alive."""
        wanted = groups_of(self.actor) | set(more)
        for group in self.joined - wanted:
            await self.channel_layer.group_discard(group, self.channel_name)
        for group in wanted:
            await self.channel_layer.group_add(group, self.channel_name)
        self.joined = wanted

    async def _tell(self, frame: dict[str, Any]) -> None:
        await self.send(encode(frame))

    async def _refuse(self, error: HelpdeskError) -> None:
        await self._tell({"type": "error", "code": error.code, "detail": error.detail, **error.extra})

    # What other parts say through the channel layer; the method's name is the message's type.

    async def hint(self, message: dict[str, Any]) -> None:
        """A conversation has changed; what it is now is read once for all sockets of the process."""
        self._mark(message["conversation"])

    async def ticket(self, message: dict[str, Any]) -> None:
        """A ticket has changed."""
        self.dirty_tickets.add(message["ticket"])
        self.wakeup.set()

    async def delta(self, message: dict[str, Any]) -> None:
        """A piece of text that the agent is writing."""
        await self._pass_on(message)

    async def typing(self, message: dict[str, Any]) -> None:
        """Somebody types."""
        await self._pass_on(message)

    async def read(self, message: dict[str, Any]) -> None:
        """The customer has seen the conversation up to a number."""
        await self._pass_on(message)

    async def _pass_on(self, message: dict[str, Any]) -> None:
        if message["conversation"] == self.open_id:
            await self._tell(message)

    def _mark(self, conversation_id: str) -> None:
        self.dirty.add(conversation_id)
        self.wakeup.set()

    # The three things a socket does by itself.

    async def _keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Runs one of them; a mistake in it ends the socket, so that the browser makes a new one."""
        try:
            await job()
        except Exception:
            logger.exception("a desk socket failed")
            await self.close(INTERNAL)

    async def _tell_news(self) -> None:
        """Sends what changed, each conversation once however many hints came for it meanwhile."""
        while True:
            await self.wakeup.wait()
            self.wakeup.clear()
            dirty, self.dirty = self.dirty, set()
            tickets, self.dirty_tickets = self.dirty_tickets, set()
            conversations = (self._tell_conversation(key) for key in dirty)
            try:
                await asyncio.gather(*conversations, *(self._tell_ticket(key) for key in tickets))
            except DatabaseError:
                logger.warning("the desk could not read what changed; it tries again", exc_info=True)
                await asyncio.sleep(1)
                self.dirty |= dirty
                self.dirty_tickets |= tickets
                self.wakeup.set()

    async def _tell_conversation(self, key: str) -> None:
        row = await shared().rows.get(key)
        if row is None or not sees(self.actor, team_id=row.team_id, assignee_id=row.assignee_id):
            await self._tell_gone(key)
            return
        if self.told_rows.get(key) != hash(row.frame):
            if len(self.told_rows) > KEPT_ROWS:
                self.told_rows.clear()
            self.told_rows[key] = hash(row.frame)
            self.counts_due.set()
            await self.send(row.frame)
        if key == self.open_id and row.seq > self.sent:
            await self._tell_thread(row)

    async def _tell_ticket(self, key: str) -> None:
        ticket = await shared().tickets.get(key)
        if ticket is None or not sees(self.actor, team_id=ticket.team_id, assignee_id=ticket.assignee_id):
            await self._tell({"type": "ticket.gone", "ticket": key})
        else:
            await self.send(ticket.frame)

    async def _tell_gone(self, key: str) -> None:
        """Takes a conversation off a screen that may not show it any more; tells nothing but its id."""
        if key == self.open_id:
            await self._leave()
        self.told_rows.pop(key, None)
        self.counts_due.set()
        await self._tell({"type": "gone", "conversation": key})

    async def _tell_thread(self, row: Row) -> None:
        """Sends the events up to the number at which the actor was seen to have the right."""
        after = self.sent
        items = await shared().items(row.id, after, row.seq)
        if (row.id, after) != (self.open_id, self.sent):
            # Another conversation, or the same from another number, was opened meanwhile and is told next.
            return
        if items is None:
            self.sent = row.seq
            await self._tell({"type": "reload", "conversation": row.id})
            return
        self.sent = row.seq
        for item in items:
            await self.send(item.frame)

    async def _tell_counts(self) -> None:
        """Sends the numbers beside the queues, at most once in a while and only when they changed."""
        self.counts_due.set()
        while True:
            await self.counts_due.wait()
            # As long as a shared count may be old: what is read after this wait includes the change.
            await asyncio.sleep(COUNTS_SECONDS * 1.1)
            self.counts_due.clear()
            with contextlib.suppress(DatabaseError):
                found = counts(self.actor, await shared().groups())
                if found != self.told_counts:
                    self.told_counts = found
                    await self._tell({"type": "counts", "counts": found})

    async def _beat(self) -> None:
        """Asks again for rights, heals lost hints and lost groups, keeps proxies from closing."""
        while True:
            await asyncio.sleep(BEAT_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
            await self.pulse()

    async def pulse(self) -> None:
        """Does what is due every half minute; ends the socket of somebody who is signed out."""
        self.frames_left = FRAMES_PER_MINUTE
        try:
            self.actor = await in_thread(staff_actor, self.scope)
        except Unauthenticated:
            await self.close(SIGNED_OUT)
            return
        except DatabaseError:
            return
        await self._join(*([conversation_group(self.open_id)] if self.open_id else []))
        if self.open_id:
            self._mark(self.open_id)
        await self._tell({"type": "pong"})


def parse(text: str) -> dict[str, Any]:
    """Returns a frame; raises Invalid for anything but a small JSON object."""
    if len(text) > MAX_FRAME:
        detail = "The frame is too large."
        raise Invalid(detail)
    try:
        data = json.loads(text)
    except ValueError as error:
        detail = "The frame is not JSON."
        raise Invalid(detail) from error
    if not isinstance(data, dict):
        detail = "The frame is not an object."
        raise Invalid(detail)
    return data


def whole(value: object) -> int:
    """Returns a number of an event; raises Invalid for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Invalid(field="seq")
    return value


def identifier(value: str) -> UUID:
    """Returns the id of a conversation; raises NotFound for what cannot be one."""
    try:
        return UUID(value)
    except ValueError as error:
        raise NotFound from error
