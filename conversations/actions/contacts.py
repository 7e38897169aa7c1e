"""Customers as staff and programs write them down: made, changed, known in one inbox more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from conversations.actions.knowing import Known, known_as
from conversations.actions.record import require_staff
from conversations.enums import FieldEntity
from conversations.models import Contact, ContactIdentity, CustomField, Inbox
from conversations.queries.contacts import contacts_seen_by
from conversations.queries.fields import merged_attributes
from conversations.queries.recipients import recipient_at
from conversations.queries.windows import capabilities
from conversations.tags import changed_tags, checked_tags
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.keep import KEEP, Kept
from core.storable import storable
from core.versions import require_version
from core.zones import time_zones

LENGTHS = {"name": 120, "email": 254, "phone": 32, "locale": 12, "timezone": 64}


@dataclass(frozen=True, slots=True)
class Told:
    """What shall be known of a customer; what is not said stays. `attributes` are set one by one."""

    name: str | Kept = KEEP
    email: str | Kept = KEEP
    phone: str | Kept = KEEP
    locale: str | Kept = KEEP
    timezone: str | Kept = KEEP
    tags: Iterable[str] | Kept = KEEP
    add_tags: Iterable[str] = ()
    remove_tags: Iterable[str] = ()
    attributes: Mapping[str, Any] | None = None


@transaction.atomic
def create_contact(*, by: Actor, told: Told, identities: Sequence[Known] = ()) -> Contact:
    """Makes a customer, known in inboxes under the given ids. It writes to nobody and finds no double.

    Raises Forbidden for all but staff, Invalid for a value that is none and for nobody at all, NotFound for
    an inbox of other teams, Conflict for an id that the inbox knows. Who does not see every team must name an
    inbox of theirs: nobody else would see the customer.
    """
    require_staff(by)
    if not identities and not by.is_admin:
        raise Invalid(_("Say in which inbox of your teams they are known."), field="identities")
    contact = Contact()
    apply(contact, told)
    if not identities:
        _require_somebody(contact)
    contact.save(force_insert=True)
    for number, known in enumerate(identities):
        known_as(contact, known, by=by, path=f"identities.{number}")
    return contact


@transaction.atomic
def edit_contact(*, contact: Contact, by: Actor, told: Told, expected: str | None = None) -> Contact:
    """Changes what is said of a customer; what is so already is no change, and changes no version.

    Tags that are added or removed, and attributes, change those and no others: of two who change at once
    neither undoes what the other did. It moves no conversation. Raises NotFound for a customer whom the actor
    may not see, Conflict for one whom another stands for, Invalid for a value that is none.
    """
    row = locked_contact(contact, by=by, expected=expected)
    if names := apply(row, told):
        if not row.identities.exists():
            _require_somebody(row)
        row.save(update_fields=names)
    return row


def _require_somebody(contact: Contact) -> None:
    """Raises Invalid for whom nobody could call, write to, or find again."""
    if not (contact.name or contact.email or contact.phone):
        raise Invalid(_("Say who they are: a name, an e-mail address, a phone number."), field="name")


@transaction.atomic
def add_identity(
    *, contact: Contact, known: Known, by: Actor, expected: str | None = None
) -> ContactIdentity:
    """Notes an id under which an inbox knows a customer; errors are those of the two actions above."""
    row = locked_contact(contact, by=by, expected=expected)
    return known_as(row, known, by=by, path="")


@transaction.atomic
def identity_in(*, contact: Contact, inbox: Inbox, by: Actor) -> ContactIdentity:
    """Returns the id by which to write to a customer through an inbox.

    Where the inbox does not know them, it is made of their number or e-mail address, if the channel reaches
    strangers. Raises Invalid where there is no way, Conflict where the inbox knows somebody else by it,
    NotFound for an inbox of other teams.
    """
    require_staff(by)
    theirs = contact.identities.filter(inbox=inbox, same_as=None)
    found = theirs.order_by(F("unreachable_since").asc(nulls_first=True), "pk").first()
    if found is not None:
        return found
    for address in (contact.phone, contact.email):
        if address and capabilities(inbox).opens and recipient_at(inbox, address):
            made = known_as(contact, Known(inbox, address), by=by, path="")
            return made.same_as or made
    raise Invalid(_("The customer cannot be reached through this inbox."), field="contact")


def locked_contact(contact: Contact, *, by: Actor, expected: str | None = None) -> Contact:
    """Returns the customer's row locked; raises NotFound, Conflict for one whom another stands for."""
    require_staff(by)
    held = Contact.objects.select_for_update().filter(pk=contact.pk, pk__in=contacts_seen_by(by).values("pk"))
    row = held.first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    if row.merged_into_id is not None:
        raise Conflict(_("Another customer stands for this one; change that one."))
    return row


def apply(contact: Contact, told: Told, *, fields: Sequence[CustomField] | None = None) -> list[str]:
    """Sets what is told on a row that is not saved; returns the names of what differs. Raises Invalid."""
    wanted: dict[str, Any] = {
        name: _CHECKS[name](value) for name in LENGTHS if (value := getattr(told, name)) is not KEEP
    }
    wanted["tags"] = _tags(contact, told)
    if told.attributes:
        entity = FieldEntity.CONTACT
        wanted["attributes"] = merged_attributes(entity, contact.attributes, told.attributes, fields=fields)
    changed = [name for name, value in wanted.items() if value != getattr(contact, name)]
    for name in changed:
        setattr(contact, name, wanted[name])
    return changed


def _tags(contact: Contact, told: Told) -> list[str]:
    tags = contact.tags if told.tags is KEEP else checked_tags(told.tags)
    if told.add_tags or told.remove_tags:
        return changed_tags(tags, add=told.add_tags, remove=told.remove_tags)
    return tags


def _plain(value: str, name: str) -> str:
    clean = " ".join(storable(value).split())
    if len(clean) > LENGTHS[name]:
        raise Invalid(_("At most %d characters.") % LENGTHS[name], field=name)
    return clean


def _email(value: str) -> str:
    clean = _plain(value, "email")
    try:
        validate_email(clean or "nobody@example.com")
    except ValidationError as error:
        raise Invalid(_("This is no e-mail address."), field="email") from error
    return clean


def _phone(value: str) -> str:
    clean = _plain(value, "phone")
    if clean and not any(sign.isdecimal() for sign in clean):
        raise Invalid(_("This is no telephone number."), field="phone")
    return clean


def _timezone(value: str) -> str:
    clean = _plain(value, "timezone")
    if clean and clean not in time_zones():
        raise Invalid(_("There is no time zone %s.") % clean, field="timezone")
    return clean


_CHECKS = {
    "name": lambda value: _plain(value, "name"),
    "email": _email,
    "phone": _phone,
    "locale": lambda value: _plain(value, "locale"),
    "timezone": _timezone,
}
