"""To what and to whom an answer goes, as far as people may choose it."""

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from conversations.enums import Direction
from conversations.models import Conversation, Message
from conversations.queries.recipients import address_of, recipient_at
from conversations.queries.windows import capabilities
from core.errors import Invalid, NotFound

# What mail servers take of one sender without a second look.
MAX_COPIES = 20


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


def copied(conversation: Conversation, addresses: Sequence[str]) -> list[str]:
    """Returns who gets a copy of an answer, each once and none of them the customer.

    A copy is all that they get: no identity, and no sight of the conversation. Raises Invalid for what is no
    address or one of ours, for too many, and where the channel sends no copies.
    """
    if not addresses:
        return []
    if not capabilities(conversation.inbox).copies:
        detail = _("This channel sends no copies.")
        raise Invalid(detail, field="cc")
    found = dict.fromkeys(_address(conversation, address) for address in addresses)
    found.pop(address_of(conversation.identity), None)
    if len(found) > MAX_COPIES:
        detail = _("A message may go to %d others.") % MAX_COPIES
        raise Invalid(detail, field="cc")
    return list(found)


def _address(conversation: Conversation, address: str) -> str:
    if (person := recipient_at(conversation.inbox, address)) is None:
        detail = _("Nobody can be written to at %s.") % address.strip()[:100]
        raise Invalid(detail, field="cc")
    return person.external_id
