"""To what and to whom an answer goes, as far as people may choose it."""

from uuid import UUID

from django.utils.translation import gettext as _

from conversations.enums import Direction
from conversations.models import Conversation, Message
from conversations.queries.windows import capabilities
from core.errors import Invalid, NotFound


def quoted(conversation: Conversation, message_id: UUID | None) -> Message | None:
    """Returns the message that an answer is to point to; None where it points to none.

    Raises NotFound for one that the customer does not see here, Invalid where the channel would not show it.
    """
    if message_id is None:
        return None
    if not capabilities(conversation.inbox).quotes:
        detail = _("This channel cannot show which message is answered.")
        raise Invalid(detail, field="reply_to")
    seen = Message.objects.filter(conversation=conversation).exclude(direction=Direction.NOTE)
    found = seen.filter(pk=message_id).first()
    if found is None:
        raise NotFound(field="reply_to")
    return found
