"""Whether a customer is who they say."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
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
    since = timezone.now() - timedelta(minutes=settings.VERIFIED_MINUTES)
    codes = Verification.objects.filter(
        conversation=OuterRef("pk"), contact=OuterRef("contact"), verified_at__gt=since
    )
    typed = Exists(codes.filter(email=F("contact__email")))
    newest = Subquery(_newest(OuterRef("pk"), str(conversation.contact_id))[:1])
    facts = Conversation.objects.filter(pk=conversation.pk).values_list(newest, typed).first()
    proven, has_typed = facts or (None, False)
    if proven is not None:
        return proven is True
    return conversation.identity.is_verified or bool(has_typed)


def _told(conversation: Conversation) -> object:
    return _newest(conversation.pk, str(conversation.contact_id)).first()


def _newest(conversation: UUID | OuterRef, author: str) -> "QuerySet[Message, object]":
    """What the channel told of the newest message that an author wrote."""
    theirs = Message.objects.filter(conversation=conversation, direction=Direction.IN, author_id=author)
    return theirs.order_by("-seq").values_list("details__proven", flat=True)
