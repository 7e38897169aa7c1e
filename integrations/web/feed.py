"""A channel-layer member without a socket: what SSE reads from."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from channels.layers import get_channel_layer

from conversations.groups import conversation_group
from core.errors import Unavailable
from core.threads import in_thread
from integrations.web.session import Json, VisitorSession

PING_SECONDS = 25


async def frames(session: VisitorSession) -> AsyncIterator[Json]:
    """Yields the frames of a session that has said hello, for as long as the reader stays.

    The same frames as on the socket, a ping each 25 s. Ends only when it is closed.
    """
    layer = get_channel_layer()
    if layer is None:
        raise Unavailable
    channel = await layer.new_channel()
    joined = ""
    try:
        while True:
            if session.conversation_id and not joined:
                joined = conversation_group(session.conversation_id)
                await layer.group_add(joined, channel)
                for frame in await session.unfinished():
                    yield frame
            for frame in await session.news():
                yield frame
            message = await _next(layer, channel)
            if message is None:
                yield {"type": "ping"}
                await in_thread(session.find_conversation)
            elif told := _told(message):
                yield told
    finally:
        if joined:
            await layer.group_discard(joined, channel)


async def _next(layer: Any, channel: str) -> dict[str, Any] | None:
    """The next message of the layer; None when nothing came for a while."""
    try:
        return dict(await asyncio.wait_for(layer.receive(channel), PING_SECONDS))
    except TimeoutError:
        return None


def _told(message: dict[str, Any]) -> Json | None:
    """The frame of a message that carries its own content; hints carry none."""
    if message["type"] == "delta":
        return {name: message[name] for name in ("type", "run", "offset", "text")}
    if message["type"] == "typing" and message["who"] != "contact":
        return {name: message[name] for name in ("type", "who", "name", "on")}
    return None
