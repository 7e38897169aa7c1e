"""What customers think of an agent's answers."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.actions.record import lock, tell_change
from conversations.enums import AuthorKind, Direction
from conversations.models import Message
from core.actor import Actor, ActorKind
from core.errors import Forbidden, Invalid, NotFound
from core.storable import storable

LONGEST_REASON = 500


@transaction.atomic
def rate_answer(*, message_id: UUID, by: Actor, helpful: bool, reason: str = "") -> Message:
    """Notes whether an agent's answer helped the customer it was given to; returns the message.

    The last word counts: it replaces what they said before, and said again it changes nothing. Only what is
    not helpful has a reason. The desk is told, the customer is not. Raises Forbidden for all but customers,
    NotFound for what is no answer of an agent in a conversation of theirs, Invalid for too long a reason.
    """
    if by.kind != ActorKind.CONTACT:
        raise Forbidden
    told = "" if helpful else " ".join(storable(reason).split())
    if len(told) > LONGEST_REASON:
        raise Invalid(_("Write at most %d characters.") % LONGEST_REASON, field="reason")
    answers = Message.objects.filter(author_kind=AuthorKind.AGENT, direction=Direction.OUT, deleted_at=None)
    place = answers.filter(pk=message_id, run__isnull=False).values_list("conversation_id", flat=True).first()
    if place is None:
        raise NotFound(field="message")
    conversation = lock(place, by=by)
    message = Message.objects.get(pk=message_id)
    if (message.helpful, message.unhelpful_reason) != (helpful, told):
        message.helpful, message.unhelpful_reason = helpful, told
        message.save(update_fields=["helpful", "unhelpful_reason"])
        tell_change(conversation, message, by=by, is_internal=True)
    return message
