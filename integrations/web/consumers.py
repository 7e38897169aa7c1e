"""The chat socket, version 1 of docs/protocol.md."""

import asyncio
import contextlib
import json
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from conversations.groups import conversation_group
from conversations.queries.threads import REPLAY_LIMIT
from core.errors import HelpdeskError, Unavailable
from core.limits import Allowance
from core.outages import DatabaseFailure
from integrations.web.errors import OriginNotAllowed, TokenInvalid, UnknownInbox
from integrations.web.frames import Hello, parse, to_frame
from integrations.web.pulse import pause, pulse
from integrations.web.session import Json, VisitorSession

logger = logging.getLogger(__name__)

FRAMES_PER_MINUTE = 600
# A visitor who never says hello may not hold a socket.
HELLO_SECONDS = 15
TRY_AGAIN = 1013


def error_frame(error: HelpdeskError, client_id: object = None) -> Json:
    """An error as clients get it; `client_id` ties it to the message that failed."""
    frame: Json = {"type": "error", "code": error.code, "detail": error.detail, **error.extra}
    if isinstance(client_id, str):
        frame["client_id"] = client_id[:64]
    return frame


class ChatConsumer(AsyncWebsocketConsumer):
    """One visitor's websocket. A bad frame gets an error and the socket stays open."""

    session: VisitorSession
    group = ""
    pulse: "asyncio.Task[None] | None" = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Calls the method named by the message; the base class would go to a thread first, for each hint."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def connect(self) -> None:
        """Accepts; who it is comes with the first frame, never with the address."""
        headers = dict(self.scope["headers"])
        origin = headers.get(b"origin")
        host, _port = self.scope.get("client") or ("", 0)
        self.session = VisitorSession(origin.decode("latin-1") if origin else None, host)
        self.frames = Allowance(FRAMES_PER_MINUTE)
        # Telling what is new must not overtake itself: each reader moves the cursor.
        self.telling = asyncio.Lock()
        await self.accept()
        self.pulse = asyncio.create_task(self._beat())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serves one socket. However it ends, it leaves its group and ends its pulse.

        Channels calls `disconnect` only for a socket that says goodbye, not for one that a frame finds gone.
        """
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.pulse:
                self.pulse.cancel()
                await asyncio.gather(self.pulse, return_exceptions=True)
            await self._leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers one frame."""
        client_id: object = None
        try:
            self.frames.take()
            data = parse(text_data if text_data is not None else bytes_data or b"")
            client_id = data.get("client_id")
            frame = to_frame(data)
            if isinstance(frame, Hello):
                await self._hello(frame)
            elif answer := await self.session.handle(frame):
                await self._tell(answer)
                await self._listen()
                await self._tell_news()
        except HelpdeskError as error:
            await self._refuse(error, client_id)
        except DatabaseFailure:
            logger.exception("a frame could not be stored")
            await self._refuse(Unavailable(), client_id)

    async def _refuse(self, error: HelpdeskError, client_id: object) -> None:
        await self._tell(error_frame(error, client_id))
        if isinstance(error, OriginNotAllowed | UnknownInbox):
            await self.close(4403 if isinstance(error, OriginNotAllowed) else 4404)

    async def _hello(self, hello: Hello) -> None:
        async with self.telling:
            await self._leave()
            self.session = VisitorSession(self.session.origin, self.session.address)
            frames = await self.session.hello(hello)
            # Listening begins before the rest is told and the cursor closes the gap between the two.
            await self._listen()
            for frame in [*frames, *await self.session.unfinished()]:
                await self._tell(frame)
        await self._tell_news()

    async def _leave(self) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)
            self.group = ""

    async def _listen(self) -> None:
        """Joins the group of the conversation, once there is one; what came before is to be read."""
        key = self.session.conversation_id
        if key and self.group != conversation_group(key):
            await self._leave()
            self.group = conversation_group(key)
            await self.channel_layer.group_add(self.group, self.channel_name)
            self.session.own = None

    async def _tell(self, frame: Json) -> None:
        await self.send(json.dumps(frame, ensure_ascii=False))

    async def _tell_news(self) -> None:
        async with self.telling:
            more = True
            while more:
                frames = await self.session.news()
                for frame in frames:
                    await self._tell(frame)
                more = len(frames) == REPLAY_LIMIT

    async def _beat(self) -> None:
        """Keeps the connection alive, frees it when nobody speaks, and heals lost hints."""
        await asyncio.sleep(HELLO_SECONDS)
        if self.session.visitor is None:
            await self.close(4408)
        while True:
            await asyncio.sleep(pause())
            try:
                if await pulse().has_news(self.session):
                    await self._listen()
                    await self._tell_news()
            except TokenInvalid:
                # The client comes back and is told by its next hello what is the matter.
                await self.close(TRY_AGAIN)
                return
            except Exception:
                # The database or the channel layer is away: the connection lives on, the next beat looks.
                logger.warning("a connection could not look for news", exc_info=True)
            await self._tell({"type": "ping"})

    # What other parts say through the channel layer; the method's name is the message's type.

    async def hint(self, message: dict[str, Any]) -> None:
        """The conversation has moved on to `seq`. With the database away the next beat tells it."""
        if message["seq"] > self.session.cursor:
            with contextlib.suppress(DatabaseFailure):
                await self._tell_news()

    async def delta(self, message: dict[str, Any]) -> None:
        """A piece of text that is being written."""
        if not self._is_ours(message):
            return
        frame = {"type": "delta", "run": message["run"]}
        await self._tell({**frame, "offset": message["offset"], "text": message["text"]})

    async def typing(self, message: dict[str, Any]) -> None:
        """Somebody on our side types."""
        if message["who"] != "contact" and self._is_ours(message):
            frame = {"type": "typing", "who": message["who"], "name": message["name"]}
            await self._tell({**frame, "on": message["on"]})

    def _is_ours(self, message: dict[str, Any]) -> bool:
        """False for what was on its way to the visitor before, when another has said hello meanwhile."""
        return bool(message["conversation"] == str(self.session.conversation_id))

    async def read(self, message: dict[str, Any]) -> None:
        """A read mark of the customer's own: nothing to tell."""
