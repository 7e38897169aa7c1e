"""Answering one message of a customer as a record, and saying who has judged it."""

from uuid import uuid5

from django.db import transaction

from conversations.actions.outbound import reply
from conversations.actions.record import lock, require_staff, tell_change
from conversations.enums import Validation
from conversations.models import Message
from core.actor import Actor
from core.versions import require_version


@transaction.atomic
def answer_message(
    *,
    message: Message,
    by: Actor,
    text: str | None = None,
    validated_by: Validation | None = None,
    signed: str = "",
    expected: str | None = None,
) -> Message:
    """Answers a customer's message, each text once, and notes who has judged it; returns the message.

    The answer is a `reply` like any other, and raises what that raises. What was said is never changed:
    another text is another answer. Without `validated_by` an answer counts as a person's.
    """
    require_staff(by)
    conversation = lock(message.conversation_id, by=by)
    row = Message.objects.get(pk=message.pk)
    require_version(row, expected)
    if text is not None:
        once = uuid5(row.pk, text)
        reply(conversation=conversation, text=text, by=by, reply_to=row.pk, client_id=once, signed=signed)
        validated_by = validated_by or Validation.HUMAN
    if validated_by not in {None, row.validated_by}:
        row.validated_by = validated_by
        row.save(update_fields=["validated_by"])
        tell_change(lock(row.conversation_id, by=Actor.system()), row, by=by, is_internal=True)
    return row
