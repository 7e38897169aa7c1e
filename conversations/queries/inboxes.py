"""Which inboxes a member of staff works with, and who is known there."""

from collections.abc import Iterator

from django.db.models import Q

from conversations.models import Conversation, Inbox
from conversations.models.inboxes import InboxQuerySet
from core.actor import Actor

PEOPLE = 8
# Somebody may have many conversations in one inbox.
LOOKED_AT = 60


def inboxes_of(actor: Actor) -> InboxQuerySet:
    """Returns the inboxes in use that the actor sees."""
    return InboxQuerySet(Inbox).visible_to(actor).filter(is_active=True)


def current_conversations(inbox: Inbox, actor: Actor, *, search: str = "") -> Iterator[Conversation]:
    """Yields the newest conversation of each person whom the actor sees in an inbox, latest first.

    `search` is a part of the name, the e-mail address, the number or the id.
    """
    rows = Conversation.objects.visible_to(actor).filter(inbox=inbox).order_by("-updated_at")
    if words := search.strip():
        rows = rows.filter(_named(words))
    seen: set[int] = set()
    for row in rows.select_related("contact", "identity", "inbox")[:LOOKED_AT]:
        if row.identity_id not in seen and len(seen) < PEOPLE:
            seen.add(row.identity_id)
            yield row


def _named(words: str) -> Q:
    digits = "".join(sign for sign in words if sign.isdigit())
    found = (
        Q(contact__name__icontains=words)
        | Q(contact__email__icontains=words)
        | Q(identity__external_id__icontains=words)
    )
    return found | Q(contact__phone__contains=digits) if digits else found
