"""Forgetting a customer: everything they said and everything noted of them, for good."""

import logging
from functools import partial
from uuid import UUID

from django.db import transaction

from accounts.queries import require_admin
from conversations.models import Attachment, Contact, ContactIdentity, Conversation, Delivery, Message
from conversations.tasks import plan_erasing
from core.actor import Actor
from core.errors import NotFound
from core.versions import require_version

logger = logging.getLogger(__name__)
# More than so many messages are erased by a job: nobody waits at a page for it.
AT_ONCE = 500


@transaction.atomic
def erase_contact(*, contact: Contact, by: Actor, expected: str | None = None) -> bool:
    """Erases a customer with their conversations, files, runs and consents; says whether it is done.

    With many messages a job does it, soon. Tickets stay, with nobody who asked for them, and lose their
    conversations: what staff wrote into them is theirs. What providers sent stays as bytes until it is old
    (`delete_old_receipts`). Raises Forbidden for all but administrators, NotFound.
    """
    require_admin(by)
    row = Contact.objects.select_for_update().filter(pk=contact.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    if Message.objects.filter(conversation__contact__in=_all_of(row.pk))[: AT_ONCE + 1].count() > AT_ONCE:
        plan_erasing(str(row.pk))
        return False
    _erase(row.pk)
    return True


@transaction.atomic(durable=True)
def erase_now(contact_id: UUID) -> None:
    """Does what `erase_contact` planned; a customer who is gone is no error."""
    _erase(contact_id)


def _all_of(contact_id: UUID) -> list[UUID]:
    """Returns the customer and those for whom they stand, whose rows were kept for a split."""
    known = more = [contact_id]
    while more:
        stood_for = Contact.objects.filter(merged_into__in=more).exclude(pk__in=known)
        more = list(stood_for.values_list("pk", flat=True))
        known = [*known, *more]
    return known


def _erase(contact_id: UUID) -> None:
    people = _all_of(contact_id)
    said = Conversation.objects.filter(contact__in=people)
    # In the order in which all take their locks: deliveries, identities, conversations, contacts.
    list(Delivery.objects.filter(conversation__in=said).select_for_update().order_by("pk").values("pk"))
    identities = ContactIdentity.objects.filter(contact__in=people)
    list(identities.select_for_update().order_by("pk").values("pk"))
    held = list(said.select_for_update().order_by("pk").values_list("pk", flat=True))
    files = Attachment.objects.filter(message__conversation__in=held).exclude(file="")
    contents = list(files.values_list("file", flat=True))
    Conversation.objects.filter(pk__in=held).delete()
    identities.delete()
    gone, _rows = Contact.objects.filter(pk__in=people).delete()
    _forget(contents)
    logger.info("customer %s was erased: %d conversations, %d rows beside", contact_id, len(held), gone)


def _forget(contents: list[str]) -> None:
    """Removes contents once the rows are gone; one that another row has as well stays."""
    shared = set(Attachment.objects.filter(file__in=contents).values_list("file", flat=True))
    storage = Attachment._meta.get_field("file").storage
    for name in dict.fromkeys(contents):
        if name not in shared:
            transaction.on_commit(partial(storage.delete, name), robust=True)
