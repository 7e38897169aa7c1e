"""The heart of the spine: taking the next number, writing a message and its event, waking readers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.actions.planning import plan_sending
from conversations.enums import AuthorKind, Direction, EventType, Validation
from conversations.exchange import Incoming
from conversations.groups import DESK_ALL, conversation_group, desk_group, operator_group
from conversations.models import Attachment, Conversation, Event, Message
from conversations.queries.wire import public_state
from core import rows
from core.actor import Actor
from core.errors import Forbidden, NotFound
from core.html import clean_html, markdown_to_html, plain_to_html
from core.realtime import publish

ALWAYS_SAVED = ("last_seq", "updated_at")
# What decisions about a conversation need; an inbox's secrets only whoever talks to the provider.
NEEDED = ("inbox", "contact", "assignee")
CLOSED = frozenset({"inbox__config", "inbox__secret"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be written."""

    author_kind: AuthorKind
    author_id: str
    author_name: str
    direction: Direction
    text: str
    is_markdown: bool = False
    citations: Iterable[Any] = ()
    choices: Iterable[Any] = ()
    attachments: Iterable[Attachment] = ()
    client_id: UUID | None = None
    external_id: str | None = None
    run: UUID | None = None
    validated_by: Validation = Validation.PENDING
    origin: Incoming | None = None
    reply_to: Message | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    # What is more than text (see `conversations.exchange`).
    details: Mapping[str, Any] = field(default_factory=dict)


def lock(conversation_id: UUID | str, *, by: Actor) -> Conversation:
    """Returns the conversation with its row locked until the transaction ends.

    Every writer passes here first, so that numbers are taken one after the other and decisions are made on
    the present state. Raises NotFound when the actor may not see it. Needs a transaction.
    """
    assert connection.in_atomic_block, "a lock lasts as long as its transaction"  # noqa: S101 (states the contract)
    seen = Conversation.sight(by)
    found = rows.find(Conversation, conversation_id, *NEEDED, where=seen, without=CLOSED, locked=True)
    if found is None:
        raise NotFound
    return found


def require_staff(by: Actor) -> None:
    """Raises Forbidden for anybody who does not act for the company."""
    if not by.is_staff:
        raise Forbidden


def add_event(
    conversation: Conversation,
    kind: EventType,
    *,
    by: Actor | None = None,
    is_internal: bool = False,
    message: Message | None = None,
    **payload: Any,
) -> Event:
    """Appends an event under the next number of a locked conversation and wakes its readers on commit."""
    event = Event(
        conversation=conversation,
        seq=next_seq(conversation),
        type=kind,
        is_internal=is_internal,
        message=message,
        payload=payload,
        actor_kind=by.kind if by else "",
        actor_name=by.name if by else "",
    )
    rows.insert(event)
    wake(conversation)
    return event


def next_seq(conversation: Conversation) -> int:
    """Takes the next number; the caller holds the row lock, and the row is saved with `save_locked`."""
    assert connection.in_atomic_block, "numbers are taken under the row lock"  # noqa: S101 (states the contract)
    conversation.last_seq += 1
    return conversation.last_seq


def wake(conversation: Conversation, *other_groups: str) -> None:
    """Tells every open reader, on commit, how far the conversation is."""
    groups = (
        conversation_group(conversation.pk),
        desk_group(conversation.team_id),
        DESK_ALL,
        *other_groups,
    )
    if conversation.assignee_id is not None:
        groups = (*groups, operator_group(conversation.assignee_id))
    publish(
        groups,
        {"type": "hint", "conversation": str(conversation.pk), "seq": conversation.last_seq},
    )


def save_locked(conversation: Conversation, *fields: str) -> None:
    """Saves the locked row: its last number, its time and the named fields."""
    rows.update(conversation, *ALWAYS_SAVED, *fields)


def add_message(conversation: Conversation, draft: Draft, *, save: tuple[str, ...] | None = None) -> Message:
    """Writes a message and its event into a locked conversation.

    The caller saves the row; or it names the fields to `save`, and the same statement writes them with the
    number, the time and the preview.
    """
    seq = next_seq(conversation)
    render = markdown_to_html if draft.is_markdown else plain_to_html
    origin = draft.origin
    message = Message(
        conversation=conversation,
        inbox_id=conversation.inbox_id,
        seq=seq,
        author_kind=draft.author_kind,
        author_id=draft.author_id,
        author_name=draft.author_name[:120],
        direction=draft.direction,
        text=draft.text,
        html=(clean_html(origin.html) if origin else "") or (render(draft.text) if draft.text else ""),
        citations=list(draft.citations),
        choices=list(draft.choices),
        client_id=draft.client_id,
        external_id=draft.external_id,
        run=draft.run,
        validated_by=draft.validated_by,
        details=dict(origin.details if origin else draft.details),
        sent_at=origin.sent_at if origin else None,
        is_automatic=origin is not None and origin.is_automatic,
        reply_to=answered(conversation, origin.reply_to) if origin and origin.reply_to else draft.reply_to,
    )
    event = Event(
        conversation=conversation,
        seq=seq,
        type=EventType.MESSAGE_CREATED,
        is_internal=draft.direction == Direction.NOTE,
        message=message,
        payload=dict(draft.extra),
    )
    if draft.direction != Direction.NOTE:
        conversation.preview = (draft.text or ", ".join(row.name for row in draft.attachments))[:140]
    if save is not None:
        rows.insert(message, event, updating=conversation, names=(*ALWAYS_SAVED, "preview", *save))
    else:
        rows.insert(message, event)
    claim_attachments(message, draft.attachments)
    if draft.direction == Direction.OUT and draft.external_id is None:
        plan_sending(conversation, message, draft.attachments)
    wake(conversation)
    return message


def answered(conversation: Conversation, provider_id: str) -> Message | None:
    """Returns the message of the conversation that a provider's id names, whoever wrote it."""
    messages = Message.objects.filter(conversation=conversation)
    own = messages.filter(external_id=provider_id).first()
    return own or messages.filter(deliveries__provider_id=provider_id).first()


def claim_attachments(message: Message, attachments: Iterable[Attachment]) -> None:
    """Ties uploaded files to the message; a file that another message took meanwhile is refused."""
    ids = [row.pk for row in attachments]
    if not ids:
        return
    if Attachment.objects.filter(pk__in=ids, message=None).update(message=message) != len(ids):
        detail = _("An attachment was sent already.")
        raise NotFound(detail, field="attachments")


def system_draft(text: str) -> Draft:
    """A line that the system says to the customer."""
    return Draft(AuthorKind.SYSTEM, "", "", Direction.OUT, text)


def announce(conversation: Conversation, *, by: Actor, former: int | None = None, **details: Any) -> None:
    """Appends the customer-visible change of state, with internal details only for the desk's log.

    `former` is the assignee before: who sees a conversation only as theirs must hear that it no longer is.
    """
    add_event(conversation, EventType.CONVERSATION_UPDATED, by=by, **public_state(conversation), **details)
    if former not in {None, conversation.assignee_id}:
        wake(conversation, operator_group(former))


def waits_now(conversation: Conversation) -> None:
    """Starts the waiting clock if it does not run already."""
    if conversation.waiting_since is None:
        conversation.waiting_since = timezone.now()


def tell_change(
    conversation: Conversation,
    message: Message,
    *,
    by: Actor | None = None,
    former: str = "",
    is_internal: bool = False,
) -> None:
    """Appends the event by which every reader replaces a message; the caller holds the row.

    `is_internal`: nothing has changed that customers are shown, and they are told nothing.
    """
    later = Message.objects.filter(conversation=conversation, seq__gt=message.seq)
    if not later.exclude(direction=Direction.NOTE).exists():
        names = message.attachments.values_list("name", flat=True)
        conversation.preview = (message.text or ", ".join(names))[:140]
    kept = {"former": former} if former else {}
    kind = EventType.MESSAGE_UPDATED
    add_event(conversation, kind, by=by, is_internal=is_internal, message=message, **kept)
    save_locked(conversation, "preview")
