"""A channel-layer member without a socket: what SSE reads from."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from channels.layers import get_channel_layer

from conversations.groups import conversation_group
from core.errors import Unavailable
from core.threads import in_thread
from integrations.web.errors import TokenInvalid
from integrations.web.pulse import pause
from integrations.web.session import Json, VisitorSession


async def frames(session: VisitorSession) -> AsyncIterator[Json]:
    """Yields the frames of a session that has said hello, for as long as the reader stays.

    The same frames as on the socket, a ping each 25 s. Ends when it is closed, or when the token
    or the inbox is no longer good.
    """
    layer = get_channel_layer()
    if layer is None:
        raise Unavailable
    channel = await layer.new_channel()
    # One wait for as long as it takes: layers forget the channel of a reader who gives up.
    hearing = asyncio.ensure_future(layer.receive(channel))
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
            await asyncio.wait({hearing}, timeout=pause())
            if not hearing.done():
                yield {"type": "ping"}
                try:
                    await in_thread(session.look_around)
                except TokenInvalid:  # the client comes back and is told what is the matter
                    return
                continue
            told = _told(hearing.result())
            hearing = asyncio.ensure_future(layer.receive(channel))
            if told:
                yield told
    finally:
        hearing.cancel()
        if joined:
            await layer.group_discard(joined, channel)


def _told(message: dict[str, Any]) -> Json | None:
    """The frame of a message that carries its own content; hints carry none."""
    if message["type"] == "delta":
        return {name: message[name] for name in ("type", "run", "offset", "text")}
    if message["type"] == "typing" and message["who"] != "contact":
        return {name: message[name] for name in ("type", "who", "name", "on")}
    return None
