"""Getting to know many people at once, from what somebody else knows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.recipients import known_ids
from conversations.tags import tidy_tags

FILLED = ("name", "email", "phone", "locale", "timezone", "tags", "attributes")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an address in an inbox, and what is known of them beside it."""

    sender: Sender
    timezone: str = ""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def know_people(*, inbox: Inbox, people: Sequence[Person]) -> dict[str, ContactIdentity]:
    """Returns the identities of people by their external ids; makes those that nobody knew.

    Somebody whom the inbox knows by another way of writing their number is that one (`known_ids`). Of whoever
    is known already only what was unknown is filled in: what staff or the customer said stands.
    A few queries, however many there are.
    """
    names = known_ids(inbox, (person.sender.external_id for person in people))
    wanted = {names[person.sender.external_id]: person for person in people}
    rows = ContactIdentity.objects.filter(inbox=inbox, external_id__in=wanted)
    known = {row.external_id: row for row in rows.select_related("same_as")}
    _fill(known, wanted)
    # In one order: two who make the same strangers would wait for each other.
    strangers = [key for key in sorted(wanted) if key not in known]
    contacts = Contact.objects.bulk_create(_contact(wanted[key]) for key in strangers)
    ContactIdentity.objects.bulk_create(
        (
            ContactIdentity(inbox=inbox, external_id=key, contact=contact)
            for key, contact in zip(strangers, contacts, strict=True)
        ),
        ignore_conflicts=True,
    )
    found = {row.external_id: row for row in rows.select_related("contact", "same_as__contact")}
    # Somebody else may have been quicker with one of them.
    used = {row.contact_id for row in found.values()}
    Contact.objects.filter(pk__in=[row.pk for row in contacts if row.pk not in used]).delete()
    return {each: found[key].same_as or found[key] for each, key in names.items()}


def _contact(person: Person) -> Contact:
    return Contact(**_told(person))


def _told(person: Person) -> dict[str, object]:
    sender = person.sender
    return {
        "name": sender.name[:120],
        "email": sender.email[:254],
        "phone": sender.phone[:32],
        "locale": sender.locale[:12],
        "timezone": person.timezone[:64],
        "tags": tidy_tags(person.tags),
        "attributes": dict(person.attributes),
    }


def _fill(known: Mapping[str, ContactIdentity], wanted: Mapping[str, Person]) -> None:
    """Adds what a list tells of people whom we know, where we knew nothing; tags are added to theirs."""
    by_contact: dict[UUID, list[Person]] = {}
    for key, row in known.items():
        by_contact.setdefault((row.same_as or row).contact_id, []).append(wanted[key])
    # In one order, so that two lists at once do not wait for each other; and as they are now: what somebody
    # corrects meanwhile must not be undone.
    held = Contact.objects.select_for_update(of=("self",)).filter(pk__in=by_contact).order_by("pk")
    changed = [contact for contact in held if _has_news(contact, by_contact[contact.pk])]
    for contact in changed:
        contact.updated_at = timezone.now()
    Contact.objects.bulk_update(changed, (*FILLED, "updated_at"))


def _has_news(contact: Contact, people: Sequence[Person]) -> bool:
    """Fills in what was unknown of a contact; says whether that was anything."""
    before = {name: getattr(contact, name) for name in FILLED}
    for person in people:
        for name, value in _told(person).items():
            setattr(contact, name, getattr(contact, name) or value)
        contact.tags = tidy_tags([*contact.tags, *person.tags])
        contact.attributes = {**person.attributes, **contact.attributes}
    return before != {name: getattr(contact, name) for name in FILLED}
