"""What thousands of silent connections ask every half minute, asked once a second for all of them.

A lost hint is healed by looking. Looking each for itself, five thousand idle sockets would keep a core busy.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID
from weakref import WeakKeyDictionary

from core.layer import hints_are_lost
from core.threads import borrowed, in_thread
from integrations.web.errors import TokenInvalid
from integrations.web.queries import conversations_begun, digest, good_tokens, last_numbers
from integrations.web.session import VisitorSession

GATHER_SECONDS = 1.0
PING_SECONDS = 25
# While nobody can be told, everybody looks.
LOOK_SECONDS = 3
Answers = tuple[dict[UUID, int], dict[tuple[int, str], UUID], set[str]]


def pause() -> float:
    """Returns the seconds until a connection has to look again and to say that it is alive."""
    return LOOK_SECONDS if hints_are_lost() else PING_SECONDS


class Pulse:
    """The questions of one event loop."""

    def __init__(self) -> None:
        """Starts with nothing asked."""
        self._waiting: list[VisitorSession] = []
        self._reading: asyncio.Task[Answers] | None = None

    async def has_news(self, session: VisitorSession) -> bool:
        """Says whether there is something that the session has not been told; takes about a second.

        Finds the session's conversation, if another tab of the visitor has begun one. Raises TokenInvalid
        when the token was taken back or the inbox switched off, and DatabaseFailure.
        """
        if session.visitor is None:
            return False
        self._waiting.append(session)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        numbers, begun, good = await asyncio.shield(self._reading)
        if digest(session.visitor.token) not in good:
            raise TokenInvalid
        if session.conversation_id is None:
            session.conversation_id = begun.get(identity(session))
            return session.conversation_id is not None
        return numbers.get(session.conversation_id, 0) > session.cursor

    async def _read(self) -> Answers:
        await asyncio.sleep(GATHER_SECONDS)
        waiting, self._waiting, self._reading = self._waiting, [], None
        # The socket that asked first may be gone before the answer comes.
        async with borrowed():
            return await in_thread(answers, waiting)


def identity(session: VisitorSession) -> tuple[int, str]:
    """Returns the inbox and the external id of a session that has said hello."""
    assert session.visitor is not None  # noqa: S101 (the callers have looked)
    return session.visitor.inbox.pk, session.visitor.sender.external_id


def answers(waiting: Iterable[VisitorSession]) -> Answers:
    """Reads numbers of conversations, conversations of visitors that had none, good tokens; three queries."""
    sessions = list(waiting)
    known = {session.conversation_id for session in sessions if session.conversation_id}
    unknown = {identity(session) for session in sessions if session.conversation_id is None}
    tokens = {digest(session.visitor.token) for session in sessions if session.visitor}
    return last_numbers(known), conversations_begun(unknown), good_tokens(tokens)


_pulses: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pulse]" = WeakKeyDictionary()


def pulse() -> Pulse:
    """Returns the pulse of the running loop."""
    loop = asyncio.get_running_loop()
    found = _pulses.get(loop)
    if found is None:
        found = _pulses[loop] = Pulse()
    return found
