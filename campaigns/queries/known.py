"""Who is meant by somebody's name for them, among those whom an inbox knows."""

from django.db.models import QuerySet

from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.recipients import known_ids, recipient_at


def known_at(inbox: Inbox, address: str) -> ContactIdentity | None:
    """Returns whom an inbox knows at an address, or under the provider's own id; None for a stranger."""
    sender = recipient_at(inbox, address)
    names = {address, known_ids(inbox, [sender.external_id])[sender.external_id]} if sender else {address}
    return _identities(inbox).filter(external_id__in=names).first()


def known_as(inbox: Inbox, contact: Contact) -> ContactIdentity | None:
    """Returns how an inbox knows a customer, the newest way first; None where it does not."""
    return _identities(inbox).filter(contact=contact, same_as=None).order_by("-pk").first()


def _identities(inbox: Inbox) -> "QuerySet[ContactIdentity]":
    return ContactIdentity.objects.filter(inbox=inbox).select_related("inbox", "contact")
