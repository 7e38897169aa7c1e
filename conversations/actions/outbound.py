"""What we say: replies to the customer and notes among ourselves."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import signals
from conversations.actions.assignment import take_over_locked
from conversations.actions.inbound import checked_text
from conversations.actions.record import Draft, add_message, lock, require_staff, save_locked
from conversations.enums import AuthorKind, Direction, Status, Validation
from conversations.models import Conversation, Message
from conversations.queries.threads import unsent_attachments
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden


@transaction.atomic
def reply(
    *,
    conversation: Conversation,
    text: str,
    by: Actor,
    client_id: UUID | None = None,
    run: UUID | None = None,
    citations: Iterable[Any] = (),
    choices: Iterable[Any] = (),
    attachment_ids: Sequence[UUID] = (),
    uploader: str = "",
) -> Message:
    """Says something to the customer, once per `client_id` or `run`.

    A person's reply takes the conversation over from the agent, or from nobody. An agent's reply is stored
    only while the agent still owns the conversation: Conflict otherwise. A reply to a resolved conversation
    leaves it resolved. It delivers nothing. `attachment_ids` are files that `uploader` sent before. Raises
    Forbidden for contacts, Invalid, TooLarge, NotFound for a file that is not the uploader's to send.
    """
    text = checked_text(text, has_files=bool(attachment_ids))
    row = lock(conversation.pk, by=by) if by.kind != ActorKind.AGENT else _locked_for_agent(conversation)
    if known := _said_already(row, client_id, run):
        return known
    if by.kind == ActorKind.AGENT:
        author, validated = AuthorKind.AGENT, Validation.AI
    else:
        require_staff(by)
        author, validated = AuthorKind.OPERATOR, Validation.HUMAN
        is_nobodys = row.status == Status.OPEN and row.assignee_id is None and by.kind == ActorKind.OPERATOR
        if row.status == Status.BOT or is_nobodys:
            take_over_locked(row, by=by)
    draft = Draft(
        author, by.id, _shown_name(row, by), Direction.OUT, text,
        is_markdown=True, client_id=client_id, run=run, citations=citations, choices=choices,
        attachments=unsent_attachments(attachment_ids, uploader=uploader) if attachment_ids else (),
        validated_by=validated,
    )  # fmt: skip
    message = add_message(row, draft)
    row.waiting_since = None
    row.first_reply_at = row.first_reply_at or timezone.now()
    if author == AuthorKind.OPERATOR:
        row.read_by_operator_seq = row.last_seq
    signals.message_sent.send(Message, conversation=row, message=message)
    save_locked(row, "waiting_since", "first_reply_at", "read_by_operator_seq", "preview")
    return message


def _shown_name(conversation: Conversation, by: Actor) -> str:
    """The name the customer sees: a person's or the agent's own, the shop's for a program."""
    if by.kind in {ActorKind.OPERATOR, ActorKind.AGENT}:
        return by.name
    return conversation.inbox.title or conversation.inbox.name


def _locked_for_agent(conversation: Conversation) -> Conversation:
    """Locks the row and asks again whether the agent owns it: a person may have come in meanwhile."""
    row = lock(conversation.pk, by=Actor.system())
    if row.status != Status.BOT:
        detail = _("A person has taken the conversation over.")
        raise Conflict(detail)
    return row


def _said_already(conversation: Conversation, client_id: UUID | None, run: UUID | None) -> Message | None:
    if client_id is not None:
        return Message.objects.filter(conversation=conversation, client_id=client_id).first()
    if run is not None:
        return Message.objects.filter(conversation=conversation, run=run).first()
    return None


@transaction.atomic
def note(*, conversation: Conversation, text: str, by: Actor, client_id: UUID | None = None) -> Message:
    """Writes an internal note: never shown or sent to the customer, changes nothing else.

    Agents may write notes too (a summary at hand-over); contacts may not: Forbidden.
    """
    if by.kind == ActorKind.CONTACT:
        raise Forbidden
    text = checked_text(text, has_files=False)
    row = lock(conversation.pk, by=by if by.is_staff else Actor.system())
    if known := _said_already(row, client_id, None):
        return known
    author = AuthorKind.AGENT if by.kind == ActorKind.AGENT else AuthorKind.OPERATOR
    draft = Draft(author, by.id, by.name, Direction.NOTE, text, is_markdown=True, client_id=client_id)
    message = add_message(row, draft)
    save_locked(row)
    return message
