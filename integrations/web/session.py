"""One visitor's connection, whatever carries it: websocket, or SSE with POST."""

from typing import Any
from uuid import UUID

from django.conf import settings

from conversations.actions import (
    Sender,
    partial_text,
    rate_answer,
    read_by_contact,
    receive,
    request_stop,
    set_typing,
)
from conversations.invitations import inviter
from conversations.models import Conversation, Inbox, Message
from conversations.queries.inboxes import messages_per_minute
from conversations.queries.threads import REPLAY_LIMIT, events_after, last_messages
from conversations.queries.wire import event_frame, message_frame, public_state, written_frame
from core import limits
from core.errors import NotFound, TooMany
from core.threads import in_thread
from integrations.web.actions import Visitor, greet, recognise
from integrations.web.errors import NotReady, TokenInvalid
from integrations.web.frames import Accept, Frame, Hello, Pong, Rate, Read, Send, Show, Stop, Typing
from integrations.web.queries import (
    check_origin,
    current_conversation,
    customer_of,
    digest,
    good_tokens,
    inbox_by_key,
)

Json = dict[str, Any]


class VisitorSession:
    """Turns client frames into actions and rows into server frames, in order and without gaps.

    `cursor` is the number up to which this connection has been told everything.
    """

    def __init__(self, origin: str | None, address: str = "") -> None:
        """Takes the Origin header of the connection, None when there was none, and the client's address."""
        self.origin = origin
        self.address = address
        self.visitor: Visitor | None = None
        self.conversation_id: UUID | None = None
        self.cursor = 0
        # The event of the message this connection sent last, told without reading it again.
        self.own: Json | None = None

    async def hello(self, hello: Hello) -> list[Json]:
        """Answers the first frame: welcome, and what was missed."""
        return await in_thread(self._hello, hello)

    async def unfinished(self) -> list[Json]:
        """Returns the text being written just now; asked for once the reader hears what is added to it."""
        partial = await partial_text(self.conversation_id) if self.conversation_id else None
        return [{"type": "delta", "run": partial[0], "offset": 0, "text": partial[1]}] if partial else []

    async def resume(self, *, key: str, token: str, locale: str) -> None:
        """Goes on as the visitor of a token, without a welcome and without telling what was missed."""
        await in_thread(self._resume, key, token, locale)

    def _resume(self, key: str, token: str, locale: str) -> None:
        inbox = inbox_by_key(key)
        check_origin(inbox, self.origin)
        self.visitor = recognise(inbox=inbox, token=token, locale=locale)
        if self.visitor.conversation:
            self.conversation_id = self.visitor.conversation.pk

    def _hello(self, hello: Hello) -> list[Json]:
        inbox = inbox_by_key(hello.inbox)
        check_origin(inbox, self.origin)
        if not hello.token:
            check_newcomers(self.address)
        self.visitor = greet(inbox=inbox, hello=hello)
        conversation = self.visitor.conversation
        seq = conversation.last_seq if conversation else 0
        welcome = {
            "type": "welcome",
            "v": 1,
            "token": self.visitor.token,
            "conversation": str(conversation.pk) if conversation else None,
            "seq": seq,
            **(public_state(conversation) if conversation else {}),
        }
        return [welcome, *self._missed(conversation, hello.since)]

    def _missed(self, conversation: Conversation | None, since: int | None) -> list[Json]:
        """The events after `since`; a snapshot when there are too many, or when the client knows nothing."""
        if conversation is None:
            return []
        self.conversation_id = conversation.pk
        seq = conversation.last_seq
        if since and 0 <= seq - since < REPLAY_LIMIT:
            self.cursor = since
            return self._news()
        self.cursor = seq
        # Read up to the number that the snapshot claims: what commits meanwhile comes as events.
        messages = last_messages(conversation.pk, before=seq + 1)
        snapshot = {"type": "snapshot", "seq": seq, "messages": [message_frame(row) for row in messages]}
        return [snapshot] if messages else []

    async def news(self) -> list[Json]:
        """Returns the next events that this connection has not been told yet, at most `REPLAY_LIMIT`."""
        own, self.own = self.own, None
        if own and own["seq"] == self.cursor + 1:
            self.cursor += 1
            return [own]
        return await in_thread(self._news)

    def _news(self) -> list[Json]:
        if self.conversation_id is None:
            return []
        events = events_after(self.conversation_id, self.cursor)
        if events:
            self.cursor = events[-1].seq
        return [event_frame(event) for event in events]

    async def handle(self, frame: Frame) -> Json | None:
        """Carries out any frame but hello; returns the answer, if the frame has one."""
        if self.visitor is None:
            raise NotReady
        if isinstance(frame, Send):
            return await in_thread(self._send, frame)
        if isinstance(frame, Show):
            return await in_thread(self._show, frame)
        if isinstance(frame, Accept):
            return await in_thread(self._accept, frame)
        if isinstance(frame, Rate):
            return await in_thread(self._rate, frame)
        if self.conversation_id is None or isinstance(frame, Pong | Hello):
            return None
        if isinstance(frame, Typing):
            name = self.visitor.sender.name
            await set_typing(conversation_id=self.conversation_id, who="contact", name=name, on=frame.on)
        elif isinstance(frame, Read):
            await in_thread(read_by_contact, conversation_id=self.conversation_id, seq=frame.seq)
        elif isinstance(frame, Stop):
            await request_stop(conversation_id=self.conversation_id)
        return None

    def _send(self, frame: Send) -> Json:
        assert self.visitor is not None  # noqa: S101 (handle() has looked)
        sender, inbox = self.visitor.sender, self.visitor.inbox
        check_pace(sender, inbox)
        received = receive(
            inbox=inbox,
            sender=sender,
            text=frame.text,
            client_id=frame.client_id,
            attachment_ids=frame.attachments,
            uploader=uploader(sender, inbox.pk),
        )
        if received.created:
            limits.count(pace_key(sender, inbox.pk))
            self.own = None if frame.attachments else written_frame(received.message)
        return self._stored(frame.client_id, received.message)

    def _show(self, frame: Show) -> Json:
        visitor = self._paced()
        name = visitor.sender.external_id
        shown = inviter().show(inbox=visitor.inbox, visitor=name, offer=frame.invitation)
        return {"type": "invitation", "id": str(shown.id), "text": shown.text, "html": shown.html}

    def _accept(self, frame: Accept) -> Json:
        visitor = self._paced()
        message = inviter().accept(inbox=visitor.inbox, sender=visitor.sender, offer=frame.client_id)
        return self._stored(frame.client_id, message)

    def _rate(self, frame: Rate) -> Json:
        assert self.visitor is not None  # noqa: S101 (handle() has looked)
        sender, inbox = self.visitor.sender, self.visitor.inbox
        limits.take(f"rate:{inbox.pk}:{sender.external_id}", most=messages_per_minute(inbox))
        customer = customer_of(inbox, sender.external_id)
        if customer is None:
            raise NotFound(field="message")
        rated = rate_answer(
            message_id=frame.message, by=customer.as_actor(), helpful=frame.helpful, reason=frame.reason
        )
        told = {"helpful": rated.helpful, "reason": rated.unhelpful_reason}
        return {"type": "rated", "message": str(rated.pk), **told}

    def _paced(self) -> Visitor:
        """Counts what is asked for an invitation like a message; raises TooMany."""
        assert self.visitor is not None  # noqa: S101 (handle() has looked)
        sender, inbox = self.visitor.sender, self.visitor.inbox
        check_pace(sender, inbox)
        limits.count(pace_key(sender, inbox.pk))
        return self.visitor

    def _stored(self, client_id: UUID, message: Message) -> Json:
        """Goes on in the message's conversation, and returns its ack."""
        if self.conversation_id not in {None, message.conversation_id}:
            # Another tab has logged in and taken the old conversation along: this one begins anew.
            self.cursor = 0
        self.conversation_id = message.conversation_id
        return {
            "type": "ack",
            "client_id": str(client_id),
            "seq": message.seq,
            "message_id": str(message.pk),
        }

    def look_around(self) -> None:
        """Looks whether another tab of the visitor has begun a conversation meanwhile.

        Raises TokenInvalid when the token was taken back or the inbox switched off.
        """
        if self.visitor is None:
            return
        if not good_tokens({digest(self.visitor.token)}):
            raise TokenInvalid
        if self.conversation_id is None:
            found = current_conversation(self.visitor.inbox, self.visitor.sender.external_id)
            self.conversation_id = found.pk if found else None


def uploader(sender: Sender, inbox_id: int) -> str:
    """The name under which a visitor's uploads wait for their message."""
    return f"{inbox_id}:{sender.external_id}"


def pace_key(sender: Sender, inbox_id: int) -> str:
    """The key under which a visitor's messages are counted."""
    return f"chat:{inbox_id}:{sender.external_id}"


def check_pace(sender: Sender, inbox: Inbox) -> None:
    """Raises TooMany when the visitor has written its messages of this minute. A lost cache lets it pass."""
    if limits.counted(pace_key(sender, inbox.pk)) >= messages_per_minute(inbox):
        raise TooMany(retry_after=limits.seconds_left())


def check_newcomers(address: str) -> None:
    """Raises TooMany when too many new visitors came from an address in this minute.

    The pace of messages is counted by visitor; without this, whoever becomes a new one each time has none.
    """
    if address and limits.count(f"newcomer:{address}") > settings.CHAT_NEWCOMERS_PER_MINUTE:
        raise TooMany(retry_after=limits.seconds_left())
