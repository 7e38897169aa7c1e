"""Whether a customer is who they say."""

from conversations.enums import Direction
from conversations.models import Conversation, Message


def is_proven(conversation: Conversation) -> bool:
    """Says whether a conversation's customer is proven to be who they say.

    Where the channel tells it of each message (a mail may bear a forged From), their newest one decides,
    whatever came before it or elsewhere; otherwise what is known of the identity.
    """
    theirs = Message.objects.filter(conversation=conversation, direction=Direction.IN)
    told = theirs.filter(author_id=str(conversation.contact_id)).order_by("-seq")
    proven = told.values_list("details__proven", flat=True).first()
    return conversation.identity.is_verified if proven is None else proven is True
