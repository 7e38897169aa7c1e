"""Looking at the people of a campaign before it begins: how many, a few of them, what they would read."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.enums import ConsentState, Source
from campaigns.models import Campaign
from campaigns.queries.audience import meant
from campaigns.queries.consents import contacts_who
from campaigns.segments import Segment
from conversations.models import Contact, ContactIdentity, Inbox

SHOWN = 5
FOUND = 8


@dataclass(frozen=True, slots=True)
class Audience:
    """How many a campaign is for, how many of them it will leave out, and a few by name.

    `unwanted`: who want no messages. `silent`: who have not agreed, where only those who have are meant.
    """

    count: int
    unwanted: int
    silent: int
    unreachable: int
    sample: list[dict[str, str]]

    @property
    def reached(self) -> int:
        """How many will be written to, as far as is known now."""
        return max(0, self.count - self.unwanted - self.silent - self.unreachable)


def look(campaign: Campaign, segment: Segment, *, needs_consent: bool) -> Audience:
    """Returns for whom a campaign is: its list, or the customers of a segment that may not be saved yet."""
    people = meant(campaign, segment)
    unwilling = contacts_who(ConsentState.WITHDRAWN, campaign.inbox.channel)
    agreed = contacts_who(ConsentState.GIVEN, campaign.inbox.channel)
    known = ContactIdentity.objects.filter(contact=OuterRef("pk"), inbox=campaign.inbox)
    is_dead = Q(Exists(known)) & ~Q(Exists(known.filter(unreachable_since=None)))
    shown = people.order_by("pk").prefetch_related("identities")[:SHOWN]
    return Audience(
        count=people.count(),
        unwanted=people.filter(pk__in=unwilling).count(),
        silent=people.exclude(pk__in=unwilling).exclude(pk__in=agreed).count() if needs_consent else 0,
        unreachable=people.filter(is_dead).count(),
        sample=[named(contact, campaign.inbox) for contact in shown],
    )


def person_at(campaign: Campaign, segment: Segment, place: int) -> tuple[Contact, dict[str, Any]] | None:
    """Returns the customer at a place of the audience and what the list said of them; None behind its end."""
    if campaign.source == Source.LIST:
        rows = campaign.recipients.filter(contact__isnull=False).select_related("contact").order_by("pk")
        row = rows[place : place + 1].first()
        return (row.contact, row.values) if row and row.contact else None
    found = meant(campaign, segment).order_by("pk")[place : place + 1].first()
    return (found, {}) if found else None


def known_people(inbox: Inbox, search: str) -> "QuerySet[ContactIdentity]":
    """Returns a few whom an inbox knows, by a part of their name, address or number."""
    words = search.strip()
    digits = "".join(sign for sign in words if sign.isdigit())
    told = Q(contact__name__icontains=words) | Q(contact__email__icontains=words)
    told |= Q(external_id__icontains=words)
    if digits:
        told |= Q(contact__phone__contains=digits) | Q(external_id__contains=digits)
    rows = ContactIdentity.objects.filter(told, inbox=inbox, same_as=None, unreachable_since=None)
    return rows.select_related("contact", "inbox").order_by("contact__name", "pk")[:FOUND]


def named(contact: Contact, inbox: Inbox) -> dict[str, str]:
    """Returns how a customer is shown: by name, and by an address of theirs."""
    known = [row for row in contact.identities.all() if row.inbox_id == inbox.pk]
    newest = max(known, key=lambda row: row.pk, default=None)
    address = newest.external_id if newest else contact.phone or contact.email
    return {"name": contact.display_name, "address": address}
