"""Telling somebody what they did not ask for: a campaign's message, or that a word was understood.

Nobody takes charge of the conversation by it, nobody's waiting ends, and a matter that was closed stays
closed until the customer writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from conversations import signals
from conversations.actions.inbound import known_message, locked_identity
from conversations.actions.outbound import MAX_VARIABLE, checked_values, rendered
from conversations.actions.receipts import write
from conversations.actions.record import Draft, add_message, lock
from conversations.enums import AuthorKind, DeliveryStatus, Direction, Status, Validation, Withdrawn
from conversations.errors import WindowClosed
from conversations.exchange import Sender
from conversations.models import (
    UNFINISHED,
    Attachment,
    ContactIdentity,
    Conversation,
    Delivery,
    Message,
    MessageTemplate,
)
from conversations.queries.windows import capabilities, is_window_open
from core import rows
from core.actor import Actor
from core.errors import TooLarge

# Asked for each of a hundred thousand, and written out for that (see `core.rows`).
NEWEST = f"""
SELECT {rows.columns(Conversation, "conversation")} FROM conversations_conversation conversation
WHERE conversation.identity_id = %s ORDER BY conversation.created_at DESC LIMIT 1
FOR UPDATE
"""  # noqa: S608 (names of ours)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be said: a text, or an approved template with its values and the file above it."""

    text: str = ""
    template: MessageTemplate | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    file: Attachment | None = None
    # What stands in the message's `details` beside that.
    details: Mapping[str, Any] = field(default_factory=dict)
    # The machine speaks, not the company.
    is_system: bool = False


def locked_for_notice(identity: ContactIdentity, *, subject: str = "", client_id: UUID) -> Conversation:
    """Returns the conversation in which somebody is told something, locked; needs a transaction.

    Their newest one; where a conversation has a subject, a new one for each `client_id`. A new one is
    resolved: there is nothing to do in it until the customer writes.
    """
    if not capabilities(identity.inbox).subjects and (found := _newest(identity)):
        return found
    held = locked_identity(identity.inbox, Sender(identity.external_id))
    held.inbox = identity.inbox
    if capabilities(identity.inbox).subjects:
        told = Message.objects.filter(conversation__identity=held, client_id=client_id).first()
        if told is not None:
            return lock(told.conversation_id, by=Actor.system())
    elif found := _newest(held):
        return found
    return _made(held, " ".join(subject.split())[:200])


def _newest(identity: ContactIdentity) -> Conversation | None:
    with rows.prepared_cursor() as cursor:
        cursor.execute(NEWEST, [identity.same_as_id or identity.pk])
        found = cursor.fetchone()
    if found is None:
        return None
    conversation, _rest = rows.from_columns(Conversation, found)
    conversation.inbox = identity.inbox
    return conversation


def _made(identity: ContactIdentity, subject: str) -> Conversation:
    """Makes a conversation that is resolved, since there is nothing to do in it; nobody else knows it yet."""
    conversation = Conversation(
        inbox=identity.inbox,
        contact=identity.contact,
        identity=identity,
        team_id=identity.inbox.team_id,
        subject=subject,
        status=Status.RESOLVED,
        resolved_at=timezone.now(),
    )
    rows.insert(conversation)
    return conversation


def notify(*, conversation: Conversation, notice: Notice, client_id: UUID) -> Message:
    """Says something in a locked conversation (`locked_for_notice`), once per `client_id`.

    The author is the company, named as the inbox is. Raises WindowClosed where the channel takes only
    templates by now, Invalid for a template that may not be sent or lacks a value, TooLarge for a text or a
    value that does not fit into one message; and then writes nothing.
    """
    if known := known_message(conversation, client_id):
        return known
    text, details = _said(conversation, notice)
    inbox = conversation.inbox
    draft = Draft(
        AuthorKind.SYSTEM if notice.is_system else AuthorKind.OPERATOR,
        "",
        "" if notice.is_system else inbox.title or inbox.name,
        Direction.OUT,
        text,
        is_markdown=notice.template is None,
        client_id=client_id,
        attachments=[_copy(notice.file, conversation)] if notice.file else (),
        validated_by=Validation.HUMAN,
        details=details,
    )
    message = add_message(conversation, draft, save=())
    signals.message_sent.send(Message, conversation=conversation, message=message)
    return message


def _said(conversation: Conversation, notice: Notice) -> tuple[str, dict[str, Any]]:
    """Returns the text as the customer reads it, and what the adapter must know beside it."""
    details = dict(notice.details)
    text = notice.text
    if notice.template is None:
        if not is_window_open(conversation):
            raise WindowClosed
    else:
        if any(len(value) > MAX_VARIABLE for value in notice.values.values()):
            raise TooLarge(field="values")
        values = checked_values(conversation, notice.template, notice.values)
        text = rendered(notice.template.body, values)
        header = {"header_format": notice.template.header_format} if notice.file else {}
        named = {"name": notice.template.name, "language": notice.template.language}
        details |= {"kind": "template", **named, "variables": values, **header}
    can = capabilities(conversation.inbox)
    if can.sends and len(text.encode() if can.text_bytes else text) > can.text_limit:
        raise TooLarge(field="text")
    return text, details


def _copy(file: Attachment, conversation: Conversation) -> Attachment:
    """Makes a file of many messages this one's own: another row with the same content."""
    return Attachment.objects.create(
        inbox_id=conversation.inbox_id,
        uploader=file.uploader,
        file=file.file.name,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
    )


def withdraw(messages: "Iterable[UUID] | QuerySet[Any, Any]", *, error: str, code: Withdrawn) -> int:
    """Takes back what no provider has been asked to carry yet; returns how many deliveries that were.

    A call that is being made, or was perhaps made, cannot be taken back; it is only marked, so that it is not
    made again should it fail (`settling`, `claiming`). Needs a transaction.
    """
    unfinished = Delivery.objects.select_for_update(of=("self",)).filter(
        message__in=messages, status__in=UNFINISHED
    )
    held = list(unfinished.order_by("conversation_id", "seq", "part"))
    waiting = [delivery for delivery in held if delivery.status == DeliveryStatus.QUEUED]
    for delivery in waiting:
        write(delivery, status=DeliveryStatus.FAILED, error=error, error_code=code, next_try_at=None)
    under_way = [delivery.pk for delivery in held if delivery.status != DeliveryStatus.QUEUED]
    Delivery.objects.filter(pk__in=under_way).update(error=error[:500], error_code=code)
    return len(waiting)
