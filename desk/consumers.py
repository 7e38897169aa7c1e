"""The staff's socket: rows of the list, the open thread, text that is being written.

Client to server: `open {conversation, since?}`, `close`, `typing {on}`, `read {seq}`, `ping`.
Server to client: `ready`, `row`, `gone`, `counts`, `ticket`, `ticket.gone`, `event`, `delta`, `typing`,
`read`, `delivery`, `reload`, `pong`, `error`.
It writes nothing but signs of life; all else that an operator does goes by HTTP.
"""

import asyncio
import json
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import translation

from conversations.actions import partial_text, read_by_operator, set_typing
from conversations.enums import Status
from core.actor import Actor
from core.errors import HelpdeskError, Invalid, NotFound, Unauthenticated, Unavailable
from core.layer import hints_are_lost
from core.limits import Allowance
from core.outages import DatabaseFailure
from core.threads import in_thread
from desk.hub import RETRY_SECONDS, Hub, hub
from desk.live import Row, encode
from desk.presence import language_of, staff_actor
from desk.queries.rows import find

logger = logging.getLogger(__name__)

# Often enough to heal a lost hint and to notice a lost right, rare enough to cost nothing.
BEAT_SECONDS = 25
# While nobody can be told, everybody looks.
LOOK_SECONDS = 3
FRAMES_PER_MINUTE = 600
MAX_FRAME = 4_096
# Frames that wait for a browser that does not read.
MAX_OUTBOX = 500
SIGNED_OUT = 4401
INTERNAL = 1011
TRY_AGAIN = 1013


class DeskConsumer(AsyncWebsocketConsumer):
    """One operator's browser tab. A bad frame gets an error and the socket stays open."""

    actor: Actor
    open_id = ""
    language = ""
    hub: Hub | None = None
    tasks: "tuple[asyncio.Task[None], ...]" = ()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Calls the method named by the message.

        The base class also closes old database connections before each message, which costs a hop to a
        thread; here the reads do that themselves.
        """
        await getattr(self, message["type"].replace(".", "_"))(message)

    def prepare(self) -> None:
        """Sets what belongs to one connection."""
        # How far the open thread was sent, and how far it may be sent to this actor.
        self.sent = self.visible_to = 0
        self.outbox: deque[str] = deque()
        self.is_overrun = False
        self.wakeup = asyncio.Event()
        self.told_counts: dict[str, int] = {}
        self.frames = Allowance(FRAMES_PER_MINUTE)

    async def connect(self) -> None:
        """Lets active staff in; the origin was checked by the router."""
        self.prepare()
        try:
            self.actor = await in_thread(staff_actor, self.scope)
        except HelpdeskError:
            await self.close(SIGNED_OUT)
            return
        self.language = language_of(self.scope)
        await self.accept()
        self.hub = hub()
        await self.hub.enter(self)
        self.offer(encode({"type": "ready", "user": int(self.actor.id)}))
        self.tasks = tuple(asyncio.create_task(self._keep(job)) for job in (self._write, self._beat))

    async def disconnect(self, code: int) -> None:
        """Ends what belongs to the socket."""
        del code
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.hub is not None:
            await self.hub.leave(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers one frame."""
        del bytes_data
        try:
            self.frames.take()
            with translation.override(self.language):
                await self._answer(parse(text_data or ""))
        except Unauthenticated:
            await self.close(SIGNED_OUT)
        except HelpdeskError as error:
            self._refuse(error)
        except DatabaseFailure:
            logger.exception("a frame of the desk could not be answered")
            self._refuse(Unavailable())

    async def _answer(self, frame: dict[str, Any]) -> None:
        kind = frame.get("type")
        answer = FRAMES.get(kind) if isinstance(kind, str) else None
        if answer is None:
            detail = "This type of frame is not known."
            raise Invalid(detail, field="type")
        await answer(self, frame)

    async def _close(self, _frame: dict[str, Any]) -> None:
        await hub().unfollow(self)

    async def _ping(self, _frame: dict[str, Any]) -> None:
        self.offer(encode({"type": "pong"}))

    async def _type(self, frame: dict[str, Any]) -> None:
        is_on = frame.get("on") is True
        await set_typing(conversation_id=self._opened(), who="operator", name=self.actor.name, on=is_on)

    async def _read(self, frame: dict[str, Any]) -> None:
        await in_thread(self._mark_read, self._opened(), whole(frame.get("seq")))

    def _mark_read(self, conversation_id: str, seq: int) -> None:
        read_by_operator(conversation=find(self.actor, conversation_id), seq=seq, by=self.actor)

    def _opened(self) -> str:
        if not self.open_id:
            detail = "No conversation is open."
            raise Invalid(detail)
        return self.open_id

    async def _open(self, frame: dict[str, Any]) -> None:
        """Follows a conversation from `since` on (from now on without it); its rights are read afresh."""
        wanted = str(identifier(frame.get("conversation")))
        since = frame.get("since")
        known = None if since is None else whole(since)
        self.actor = await in_thread(staff_actor, self.scope)
        row = await in_thread(find, self.actor, wanted)
        self.sent = self.visible_to = row.last_seq if known is None else min(known, row.last_seq)
        await hub().follow(self, wanted)
        if row.status == Status.BOT and (partial := await partial_text(row.pk)):
            run, text = partial
            delta = {"type": "delta", "conversation": wanted, "run": run, "offset": 0, "text": text}
            self.offer(encode(delta))
        # What came between the page and this frame is read now.
        hub().mark(wanted)

    def _refuse(self, error: HelpdeskError) -> None:
        self.offer(encode({"type": "error", "code": error.code, "detail": error.detail, **error.extra}))

    # What the hub says; none of it waits.

    def offer(self, frame: str) -> None:
        """Queues a frame. A browser that reads nothing for long is let go: it will ask for what it missed."""
        if self.is_overrun:
            return
        if len(self.outbox) >= MAX_OUTBOX:
            self.outbox.clear()
            self.is_overrun = True
        else:
            self.outbox.append(frame)
        self.wakeup.set()

    def moved(self, row: Row) -> None:
        """The open thread may be told up to the number at which the actor was seen to have the right."""
        self.visible_to = max(self.visible_to, row.seq)
        if self.visible_to > self.sent:
            self.wakeup.set()

    def lost(self) -> None:
        """Nothing more of the open thread is told."""
        self.visible_to = self.sent
        hub().forget(self)

    def offer_counts(self, numbers: dict[str, int]) -> None:
        """Sends the numbers beside the queues when they changed."""
        if numbers != self.told_counts:
            self.told_counts = numbers
            self.offer(encode({"type": "counts", "counts": numbers}))

    # The two things a socket does by itself.

    async def _keep(self, job: Callable[[], Awaitable[None]]) -> None:
        """Runs one of them; a mistake in it ends the socket, so that the browser makes a new one."""
        try:
            await job()
        except Exception:
            logger.exception("a desk socket failed")
            await self.close(INTERNAL)

    async def _write(self) -> None:
        while True:
            await self.wakeup.wait()
            self.wakeup.clear()
            while self.outbox:
                await self.send(self.outbox.popleft())
            if self.is_overrun:
                await self.close(TRY_AGAIN)
                return
            if self.visible_to > self.sent:
                await self._write_thread()

    async def _write_thread(self) -> None:
        """Sends the events up to the number that the actor may see: in order, none twice, none left out."""
        conversation_id, after, upto = self.open_id, self.sent, self.visible_to
        try:
            items = await hub().threads.items(conversation_id, after, upto, self.language)
        except DatabaseFailure:
            logger.warning("the desk could not read a thread; it tries again", exc_info=True)
            await asyncio.sleep(RETRY_SECONDS)
            self.wakeup.set()
            return
        if (conversation_id, after) != (self.open_id, self.sent):
            # Another conversation, or the same from another number, was opened meanwhile and is told next.
            self.wakeup.set()
            return
        self.sent = upto
        if items is None:
            items = [encode({"type": "reload", "conversation": conversation_id})]
        for item in items:
            await self.send(item)

    async def _beat(self) -> None:
        """Asks again for rights, heals lost hints and lost groups, keeps proxies from closing."""
        while True:
            pause = LOOK_SECONDS if hints_are_lost() else BEAT_SECONDS
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
            try:
                self.actor = await in_thread(staff_actor, self.scope)
            except Unauthenticated:
                await self.close(SIGNED_OUT)
                return
            except DatabaseFailure:
                continue
            await hub().tune()
            if self.open_id:
                hub().mark(self.open_id)
            self.offer(encode({"type": "pong"}))


# What a browser may send, and who answers it.
FRAMES: dict[str, Callable[[DeskConsumer, dict[str, Any]], Awaitable[None]]] = {
    "open": DeskConsumer._open,  # noqa: SLF001 (of this module)
    "close": DeskConsumer._close,  # noqa: SLF001
    "typing": DeskConsumer._type,  # noqa: SLF001
    "read": DeskConsumer._read,  # noqa: SLF001
    "ping": DeskConsumer._ping,  # noqa: SLF001
}


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


def identifier(value: object) -> UUID:
    """Returns the id of a conversation; raises NotFound for what cannot be one."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise NotFound from error
