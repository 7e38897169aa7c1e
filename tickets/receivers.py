"""What tickets do when contacts turn out to be one person, or two."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from conversations import signals
from conversations.models import Contact
from tickets.models import Ticket


@receiver(signals.contacts_merged)
def follow_contact(keep: Contact, other: Contact, **_: Any) -> None:
    """Gives the tickets of a contact that is hidden now to the one who stands for it."""
    Ticket.objects.filter(requester=other).update(requester=keep)


@receiver(signals.identity_moved)
def follow_identity(conversations: Sequence[UUID], former: UUID, contact: UUID, **_: Any) -> None:
    """Gives tickets along with the conversations they are about, unless others stay with the former."""
    theirs = Ticket.objects.filter(requester_id=former, conversations__in=conversations)
    staying = Ticket.objects.filter(requester_id=former, conversations__contact_id=former)
    Ticket.objects.filter(pk__in=theirs.exclude(pk__in=staying).values("pk")).update(requester_id=contact)
