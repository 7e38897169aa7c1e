"""`/ws/chat?userId=ID`, without a slash: the chat socket of an older system."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils.translation import gettext as _

from accounts.chat_callers import ChatCaller, chat_caller
from api.seeds.callers import inbox_of, put, wants_key
from api.seeds.frames import Frame, id_of, parsed, shown, text_of
from conversations.actions import partial_text
from conversations.enums import Status
from conversations.listening import Listener
from conversations.models import Message
from conversations.queries.threads import REPLAY_LIMIT, events_after
from core.errors import HelpdeskError, Unauthenticated, Unavailable
from core.limits import Allowance
from core.outages import DatabaseFailure
from core.threads import in_thread
from integrations.web.errors import OriginNotAllowed
from integrations.web.queries import check_origin

logger = logging.getLogger(__name__)

FRAMES_PER_MINUTE = 600
LONGEST_NAME = 150
# Whoever has to show a key and does not may not hold a socket.
HELLO_SECONDS = 15
# Lost hints are healed, keys judged again and proxies kept awake so often.
LOOK_SECONDS = 5
SIGNED_OUT, NOT_HERE, SILENT = 4401, 4403, 4408
KEY_NAMES = {"key", "apikey", "api_key", "api-key", "x-api-key", "token", "access_token"}


class OlderChatSocket(AsyncWebsocketConsumer):
    """One client. It says something, and is told what is answered, piece by piece and whole.

    The name in the address proves nothing: without a key everybody is new on each connection. Nobody is told
    what was said before it.
    """

    silence: "asyncio.Task[None] | None" = None
    following: "asyncio.Task[None] | None" = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Calls the method named by the message; the base class would go to a thread first, each time."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves one socket; however it ends, nothing of it goes on."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            tasks = [task for task in (self.silence, self.following) if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def connect(self) -> None:
        """Accepts first: a refusal then has a reason that a client can read."""
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        headers = {name: value.decode("latin-1") for name, value in self.scope["headers"]}
        self.origin, self.key = headers.get(b"origin"), headers.get(b"x-api-key", "")
        self.address = (self.scope.get("client") or ("", 0))[0]
        self.user_id = query.get("userId", [""])[0].replace("\x00", "")[:LONGEST_NAME]
        # Without a key, whoever this is is this for as long as the socket is open.
        self.seed = secrets.token_hex(16)
        self.frames, self.is_admitted = Allowance(FRAMES_PER_MINUTE), False
        self.conversation_id: UUID | None = None
        # The last thing that was said here.
        self.interaction = ""
        await self.accept()
        if KEY_NAMES & {name.lower() for name in query}:
            detail = _("A key in an address is read by many; send it in a header or in the first frame.")
            await self._refuse(Unauthenticated(detail))
            return
        self.silence = asyncio.create_task(self._leave_the_silent())
        if self.key or not wants_key():
            await self._guarded(self._enter)

    async def _leave_the_silent(self) -> None:
        await asyncio.sleep(HELLO_SECONDS)
        if not self.is_admitted:
            await self.close(SILENT)

    async def _enter(self) -> None:
        await in_thread(self._admitted)
        self.is_admitted = True

    def _admitted(self) -> ChatCaller:
        """Returns who chats here, by the key of this moment; raises what there is against it."""
        caller = chat_caller(self.key, address=self.address)
        if wants_key() and not caller.name:
            raise Unauthenticated
        check_origin(inbox_of(caller), self.origin)
        return caller

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers one frame: a key, or something said."""
        if self.silence is None:
            return  # it was sent away
        raw = text_data if text_data is not None else (bytes_data or b"").decode("utf-8", "replace")
        await self._guarded(self._read, raw)

    async def _guarded(self, do: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Does something; what is refused is told, and what cannot be mended ends the socket."""
        try:
            await do(*arguments)
        except HelpdeskError as error:
            await self._refuse(error)
        except DatabaseFailure:
            logger.exception("a frame could not be stored")
            await self._refuse(Unavailable())

    async def _refuse(self, error: HelpdeskError) -> None:
        await self._tell({"type": "error", "code": error.code, "detail": error.detail, **error.extra})
        if isinstance(error, Unauthenticated):
            await self.close(SIGNED_OUT)
        elif isinstance(error, OriginNotAllowed):
            await self.close(NOT_HERE)

    async def _tell(self, frame: Frame) -> None:
        await self.send(json.dumps(frame, ensure_ascii=False))

    async def _read(self, raw: str) -> None:
        self.frames.take()
        frame = parsed(raw)
        if frame.get("type") == "hello":
            self.key = str(frame.get("api_key") or self.key)
            await self._enter()
            await self._tell({"type": "welcome", "userId": self.user_id})
        elif frame.get("type") == "ping":
            await self._tell({"type": "pong"})
        elif frame.get("type") != "pong":
            await self._say(text_of(frame), id_of(frame))

    async def _say(self, text: str, client_id: UUID | None) -> None:
        """Stores what was said; what is answered to it is told by the one who follows."""
        question, status = await in_thread(self._stored, text, client_id)
        self.is_admitted, self.interaction = True, str(question.pk)
        if client_id:
            acknowledged = {"client_id": str(client_id), "interaction_id": self.interaction}
            await self._tell({"type": "ack", **acknowledged})
        if status != Status.BOT:
            await self._tell({"type": "status", "status": status})
        if self.conversation_id != question.conversation_id:
            self.conversation_id = question.conversation_id
            if self.following:
                self.following.cancel()
            self.following = asyncio.create_task(self._follow(question.conversation_id, question.seq))

    def _stored(self, text: str, client_id: UUID | None) -> tuple[Message, str]:
        question = put(
            self._admitted(),
            address=self.address,
            user_id=self.user_id,
            text=text,
            client_id=client_id,
            seed=self.seed,
        )
        # What was said before comes without its conversation, and that is asked for here, in a thread.
        return question, question.conversation.status

    async def _follow(self, conversation_id: UUID, cursor: int) -> None:
        """Tells what is written and what was said to the customer after a number, until the socket ends."""
        listener = await Listener.begin()
        try:
            await listener.follow(conversation_id)
            if partial := await partial_text(conversation_id):
                await self._tell({"type": "delta", "text": partial[1], "offset": 0, "run": partial[0]})
            while True:
                cursor = await self._catch_up(conversation_id, cursor)
                await self._until_news(listener)
        except HelpdeskError as error:
            await self._refuse(error)
        finally:
            await listener.leave()

    async def _catch_up(self, conversation_id: UUID, cursor: int) -> int:
        """Tells what came after a number and returns the last one; while the database is away, nothing."""
        try:
            events = await in_thread(events_after, conversation_id, cursor)
            await in_thread(self._admitted)
        except DatabaseFailure:
            logger.warning("a chat could not look for news", exc_info=True)
            return cursor
        for event in events:
            if frame := shown(event):
                named = {"interaction_id": self.interaction, "userId": self.user_id}
                await self._tell({**frame, **(named if frame["type"] == "message" else {})})
            cursor = event.seq
        return await self._catch_up(conversation_id, cursor) if len(events) == REPLAY_LIMIT else cursor

    async def _until_news(self, listener: Listener) -> None:
        """Tells what is being written, until something has happened or it is time to look."""
        look_at = time.monotonic() + LOOK_SECONDS
        while message := await listener.hear(until=look_at):
            if message["type"] == "hint":
                return
            if message["type"] == "delta":
                frame = {name: message[name] for name in ("type", "text", "offset", "run")}
                await self._tell(frame)
