"""Closing a matter and opening it again."""

from django.db import transaction
from django.utils import timezone

from conversations import signals
from conversations.actions.assignment import hand_over
from conversations.actions.record import announce, lock, save_locked
from conversations.enums import Status
from conversations.models import Conversation
from core.actor import Actor, ActorKind
from core.errors import Forbidden
from core.reasons import reason
from core.versions import require_version


@transaction.atomic
def resolve(*, conversation: Conversation, by: Actor, expected: str | None = None) -> Conversation:
    """Closes the matter. Idempotent.

    The agent's memory of the conversation ends here: what follows is another matter. Tickets stay as they
    are. Contacts may not resolve: Forbidden.
    """
    if by.kind == ActorKind.CONTACT:
        raise Forbidden
    row = lock(conversation.pk, by=by if by.is_staff else Actor.system())
    require_version(row, expected)
    if row.status == Status.RESOLVED:
        return row
    row.status, row.resolved_at, row.waiting_since = Status.RESOLVED, timezone.now(), None
    announce(row, by=by)
    row.context_from_seq = row.last_seq
    signals.conversation_resolved.send(Conversation, conversation=row, by=by)
    save_locked(row, "status", "resolved_at", "waiting_since", "context_from_seq")
    return row


@transaction.atomic
def reopen(*, conversation: Conversation, by: Actor, expected: str | None = None) -> Conversation:
    """Opens a resolved conversation for people again. Idempotent for one that is not resolved."""
    row = lock(conversation.pk, by=by)
    require_version(row, expected)
    if row.status == Status.RESOLVED:
        reopen_locked(row, by=by)
        save_locked(row)
    return row


@transaction.atomic
def give_to_people(*, conversation: Conversation, by: Actor, expected: str | None = None) -> Conversation:
    """Gives it to people, from wherever it is; the customer is told when the agent had it. Idempotent."""
    row = lock(conversation.pk, by=by)
    if row.status == Status.RESOLVED:
        return reopen(conversation=row, by=by, expected=expected)
    return hand_over(conversation=row, by=by, reason=reason("Opened by %s.", by.name), expected=expected)


def reopen_locked(row: Conversation, *, by: Actor) -> None:
    """The part of `reopen` that works on a locked row; the caller saves the numbers.

    When the customer reopens by writing, the signal lets the agent of the inbox take it up again.
    """
    former = row.assignee_id
    row.status, row.resolved_at = Status.OPEN, None
    if by.kind == ActorKind.CONTACT:
        row.assignee = None
        signals.conversation_opened.send(Conversation, conversation=row)
    row.save(update_fields=["status", "resolved_at", "assignee"])
    announce(row, by=by, former=former)
