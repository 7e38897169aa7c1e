"""A channel-layer member without a socket: what SSE reads from."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from channels.layers import get_channel_layer

from conversations.groups import conversation_group
from conversations.queries.threads import REPLAY_LIMIT
from core.errors import Unavailable
from core.threads import in_thread
from integrations.web.errors import TokenInvalid
from integrations.web.pulse import pause
from integrations.web.session import Json, VisitorSession


async def frames(session: VisitorSession) -> AsyncIterator[Json]:
    """Yields the frames of a session that has said hello, for as long as the reader stays.

    The same frames as on the socket, a ping each 25 s. Ends when it is closed, or when the token or the inbox
    is no longer good.
    """
    layer = get_channel_layer()
    if layer is None:
        raise Unavailable
    reader = _Reader(session, layer, await layer.new_channel())
    has_news, look_at = True, time.monotonic() + pause()
    try:
        while True:
            if has_news:
                async for frame in reader.catch_up():
                    yield frame
            message = await reader.hear(until=look_at)
            has_news = message is not None and message["type"] == "hint"
            if message and (told := _told(message)):
                yield told
            if time.monotonic() >= look_at:
                yield {"type": "ping"}
                await in_thread(session.look_around)
                has_news, look_at = True, time.monotonic() + pause()
    except TokenInvalid:
        return  # the client comes back and is told what is the matter
    finally:
        await reader.leave()


class _Reader:
    """A member of the channel layer for one session."""

    def __init__(self, session: VisitorSession, layer: Any, channel: str) -> None:
        self.session, self.layer, self.channel = session, layer, channel
        self.group = ""
        # One wait for as long as it takes: layers forget the channel of a reader who gives up.
        self.hearing = asyncio.ensure_future(layer.receive(channel))

    async def catch_up(self) -> AsyncIterator[Json]:
        """Joins the conversation, once there is one, and yields what was not told yet."""
        if self.session.conversation_id and not self.group:
            self.group = conversation_group(self.session.conversation_id)
            await self.layer.group_add(self.group, self.channel)
            for frame in await self.session.unfinished():
                yield frame
        more = True
        while more:
            frames = await self.session.news()
            for frame in frames:
                yield frame
            more = len(frames) == REPLAY_LIMIT

    async def hear(self, *, until: float) -> dict[str, Any] | None:
        """Returns the next message of the layer; None when none came until then."""
        await asyncio.wait({self.hearing}, timeout=max(0, until - time.monotonic()))
        if not self.hearing.done():
            return None
        message = dict(self.hearing.result())
        self.hearing = asyncio.ensure_future(self.layer.receive(self.channel))
        return message

    async def leave(self) -> None:
        self.hearing.cancel()
        if self.group:
            await self.layer.group_discard(self.group, self.channel)


def _told(message: dict[str, Any]) -> Json | None:
    """The frame of a message that carries its own content; hints carry none."""
    if message["type"] == "delta":
        return {name: message[name] for name in ("type", "run", "offset", "text")}
    if message["type"] == "typing" and message["who"] != "contact":
        return {name: message[name] for name in ("type", "who", "name", "on")}
    return None
