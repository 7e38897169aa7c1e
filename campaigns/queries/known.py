"""Who is meant by an address, among those whom an inbox knows, and which address is whose."""

from typing import Any

from django.db.models import Case, F, Func, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce

from campaigns.models import Recipient
from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.recipients import known_ids, recipient_at
from conversations.queries.windows import capabilities


def known_at(inbox: Inbox, address: str) -> ContactIdentity | None:
    """Returns whom an inbox knows at an address, or under the provider's own id; None for a stranger."""
    sender = recipient_at(inbox, address)
    names = {address, known_ids(inbox, [sender.external_id])[sender.external_id]} if sender else {address}
    return _identities(inbox).filter(external_id__in=names).first()


def known_as(inbox: Inbox, contact: Contact) -> ContactIdentity | None:
    """Returns how an inbox knows a customer, the newest way first; None where it does not."""
    return _identities(inbox).filter(contact=contact, same_as=None).order_by("-pk").first()


def with_address(rows: "QuerySet[Recipient]", inbox: Inbox) -> "QuerySet[Any]":
    """Returns recipients with an `address`: where they were written to, before that where they would be."""
    number = Func(F("contact__phone"), Value("+"), function="ltrim", output_field=TextField())
    mail = F("contact__email")
    first, second = (mail, number) if capabilities(inbox).subjects else (number, mail)
    address = Case(
        When(identity__isnull=False, then=F("identity__external_id")),
        When(~Q(**{"contact__email" if first is mail else "contact__phone": ""}), then=first),
        default=second,
        output_field=TextField(),
    )
    return rows.annotate(address=Coalesce(address, Value(""), output_field=TextField()))


def _identities(inbox: Inbox) -> "QuerySet[ContactIdentity]":
    return ContactIdentity.objects.filter(inbox=inbox).select_related("inbox", "contact")
