"""What a visitor's event stream reads from: the frames of the socket without a socket."""

import time
from collections.abc import AsyncIterator
from typing import Any

from conversations.listening import Listener
from conversations.queries.threads import REPLAY_LIMIT
from core.threads import in_thread
from integrations.web.errors import TokenInvalid
from integrations.web.pulse import pause
from integrations.web.session import Json, VisitorSession


async def frames(session: VisitorSession) -> AsyncIterator[Json]:
    """Yields the frames of a session that has said hello, for as long as the reader stays.

    The same frames as on the socket, a ping each 25 s. Ends when it is closed, or when the token or the inbox
    is no longer good.
    """
    listener = await Listener.begin()
    has_news, look_at = True, time.monotonic() + pause()
    try:
        while True:
            if has_news:
                async for frame in _caught_up(session, listener):
                    yield frame
            message = await listener.hear(until=look_at)
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
        await listener.leave()


async def _caught_up(session: VisitorSession, listener: Listener) -> AsyncIterator[Json]:
    """Joins the conversation, once there is one, and yields what was not told yet."""
    if session.conversation_id and await listener.follow(session.conversation_id):
        for frame in await session.unfinished():
            yield frame
    more = True
    while more:
        frames = await session.news()
        for frame in frames:
            yield frame
        more = len(frames) == REPLAY_LIMIT


def _told(message: dict[str, Any]) -> Json | None:
    """The frame of a message that carries its own content; hints carry none."""
    if message["type"] == "delta":
        return {name: message[name] for name in ("type", "run", "offset", "text")}
    if message["type"] == "typing" and message["who"] != "contact":
        return {name: message[name] for name in ("type", "who", "name", "on")}
    return None
