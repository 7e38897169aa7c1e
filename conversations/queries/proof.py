"""Whether a customer is who they say."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from conversations.enums import Direction
from conversations.models import Conversation, Message, Verification


def is_proven(conversation: Conversation) -> bool:
    """Says whether a conversation's customer is proven to be who they say.

    Where the channel tells it of each message (a mail may bear a forged From), their newest one decides,
    whatever came before it or elsewhere; otherwise what is known of the identity.
    """
    proven = _told(conversation)
    return conversation.identity.is_verified if proven is None else proven is True


def is_denied(conversation: Conversation) -> bool:
    """Says whether the channel told that their newest message is not proven to be theirs."""
    proven = _told(conversation)
    return proven is not None and proven is not True


def is_verified(conversation: Conversation) -> bool:
    """Says whether the customer is proven, by the channel or by a code from their mail.

    A code counts for a time, in the conversation it was typed into, and for the address it went to. It
    vouches for no message of which the channel says that it is not proven.
    """
    if is_proven(conversation):
        return True
    since = timezone.now() - timedelta(minutes=settings.VERIFIED_MINUTES)
    codes = Verification.objects.filter(
        conversation=conversation, contact=conversation.contact_id, verified_at__gt=since
    )
    typed = codes.select_related("contact").order_by("-verified_at").first()
    return typed is not None and typed.email == typed.contact.email and not is_denied(conversation)


def _told(conversation: Conversation) -> object:
    theirs = Message.objects.filter(conversation=conversation, direction=Direction.IN)
    told = theirs.filter(author_id=str(conversation.contact_id)).order_by("-seq")
    return told.values_list("details__proven", flat=True).first()
