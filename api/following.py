"""A conversation as it goes on, for staff and programs: what was missed, then what happens."""

import logging
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request

from api.rights import actor_now
from api.shown.common import MessageSerializer
from api.shown.events import EventSerializer
from api.throttles import caller_of
from conversations.actions import partial_text
from conversations.listening import Listener
from conversations.models import Conversation, Event
from conversations.queries.threads import REPLAY_LIMIT, events_after, last_messages
from core.errors import HelpdeskError, NotFound
from core.limits import Places
from core.outages import DatabaseFailure
from core.sse import HEARTBEAT, json_event
from core.threads import in_thread

logger = logging.getLogger(__name__)

# Rights are asked for again, lost hints healed and proxies kept awake so often.
LOOK_SECONDS = 5
LIVE = {"delta": ("type", "run", "offset", "text"), "typing": ("type", "who", "name", "on")}
# What is no event of the conversation's log.
NAMED = {*LIVE, "snapshot", "error"}
Frame = dict[str, Any]
PLACES = Places()


def require_place(request: Request) -> None:
    """Raises TooMany for who follows as many conversations at once as anybody may."""
    PLACES.require(caller_of(request), most=settings.API_STREAMS)


async def follow(
    request: Request, conversation_id: UUID, *, since: int | None, live: Collection[str]
) -> AsyncIterator[str]:
    """Yields a conversation as server-sent events, for as long as the reader stays and may see it.

    Every event after the number `since`, in order, none twice and none left out; a snapshot instead for a
    reader who knows nothing, or knows too little. Of what is not kept (`delta`, `typing`) only the kinds in
    `live`. An `error` is the last event when the right to read was lost. Takes one of the
    reader's places, and holds no thread while it waits.
    """
    thread = Thread(request, conversation_id, since)
    listener = await Listener.begin()
    try:
        with PLACES.taken(caller_of(request)):
            await listener.follow(conversation_id)
            yield HEARTBEAT
            if "delta" in live and (partial := await partial_text(conversation_id)):
                yield shown({"type": "delta", "run": partial[0], "offset": 0, "text": partial[1]})
            while True:
                async for frame in thread.news():
                    yield shown(frame)
                async for frame in _until_news(listener, live):
                    yield shown(frame)
                yield HEARTBEAT
    except HelpdeskError as error:
        yield shown({"type": "error", "code": error.code, "detail": error.detail})
    finally:
        await listener.leave()


def shown(frame: Frame) -> str:
    """One frame as an event with its name; what has a number in the conversation carries it as id."""
    name = frame["type"] if frame["type"] in NAMED else "event"
    return json_event(frame, name=name, number=frame.get("seq"))


def told(event: Event) -> Frame:
    """Returns an event in the shape in which the API lists it."""
    return EventSerializer.told(event)


async def _until_news(listener: Listener, live: Collection[str]) -> AsyncIterator[Frame]:
    """Yields what is not kept, until something has happened or it is time to look whether it has."""
    look_at = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < look_at:
        message = await listener.hear(until=look_at)
        if message is None or message["type"] == "hint":
            return
        if message["type"] in live:
            yield {name: message[name] for name in LIVE[message["type"]]}


class Thread:
    """One reader's place in a conversation: everything up to `cursor` was told."""

    def __init__(self, request: Request, conversation_id: UUID, since: int | None) -> None:
        """Takes the request, by which the right to read is asked for again and again."""
        self.request, self.conversation_id = request, conversation_id
        self.cursor = since
        self.has_begun = False

    async def news(self) -> AsyncIterator[Frame]:
        """Yields what was not told yet; raises NotFound, Unauthenticated and Forbidden like a new request.

        While the database is away there is no news.
        """
        more = True
        while more:
            try:
                frames = await in_thread(self._read)
            except DatabaseFailure:
                logger.warning("a stream could not look for news", exc_info=True)
                return
            for frame in frames:
                yield frame
            more = len(frames) == REPLAY_LIMIT

    def _read(self) -> list[Frame]:
        cursor, frames = self._after_cursor()
        # Asked after reading: whoever may see it now might have seen all that happened until now.
        self._require_sight()
        self.cursor, self.has_begun = cursor, True
        return frames

    def _after_cursor(self) -> tuple[int, list[Frame]]:
        after = self.cursor or 0
        events = events_after(self.conversation_id, after, internal=True, limit=REPLAY_LIMIT)
        if not self.has_begun and self._knows_too_little(events):
            return self._snapshot()
        frames: list[Frame] = [told(event) for event in events]
        return (events[-1].seq if events else after), frames

    def _knows_too_little(self, events: Sequence[Event]) -> bool:
        """Says whether a snapshot is of more use: nothing was seen, or long ago, or what has not happened."""
        if self.cursor is None or len(events) == REPLAY_LIMIT:
            return True
        return not events and self.cursor > self._last_number()

    def _last_number(self) -> int:
        rows = Conversation.objects.filter(pk=self.conversation_id).values_list("last_seq", flat=True)
        return rows.first() or 0

    def _snapshot(self) -> tuple[int, list[Frame]]:
        """The newest messages, up to the number that is claimed: what commits meanwhile comes as events."""
        seq = self._last_number()
        messages = last_messages(self.conversation_id, internal=True, before=seq + 1)
        shown = [MessageSerializer.told(message) for message in messages]
        return seq, [{"type": "snapshot", "seq": seq, "messages": shown}]

    def _require_sight(self) -> None:
        seen = Conversation.objects.visible_to(actor_now(self.request))
        if not seen.filter(pk=self.conversation_id).exists():
            raise NotFound
