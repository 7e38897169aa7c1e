"""Many customers at once, as another system knows them: made, or brought up to date."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.actions.contacts import LENGTHS, Told, apply
from conversations.actions.knowing import Known, plain_id
from conversations.actions.record import require_staff
from conversations.enums import FieldEntity
from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.contacts import contacts_seen_by, with_email
from conversations.queries.fields import custom_fields
from conversations.queries.recipients import known_ids
from core.actor import Actor
from core.errors import Conflict, HelpdeskError, Invalid, NotFound
from core.keep import KEEP
from core.storable import storable

WRITTEN = (*LENGTHS, "tags", "attributes", "updated_at")
# Two lists that come at once with somebody new make one customer of them.
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('conversations.upsert_contacts'))"

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of them: by the id that an inbox knows, else by the e-mail address that is told."""

    told: Told
    known: Known | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one: the customer, or why there is none."""

    contact: Contact | None = None
    is_new: bool = False
    error: HelpdeskError | None = None


@transaction.atomic
def upsert_contacts(*, wanted: Sequence[Wanted], by: Actor) -> list[Outcome]:
    """Makes or changes customers and returns what became of each, in their order.

    What is wrong with one is said of that one and holds up no other. What is not said of somebody stays; tags
    that are told are added. Named twice, somebody is one, and what is told last holds. An e-mail address that
    several customers have names none of them. A few statements, however many there are.
    """
    require_staff(by)
    return _Batch(wanted, by).carried_out()


class _Batch:
    """The people of one call, and what is known of them."""

    def __init__(self, wanted: Sequence[Wanted], by: Actor) -> None:
        self.wanted, self.by = wanted, by
        self.outcomes = [Outcome() for _one in wanted]
        self.fields = custom_fields(FieldEntity.CONTACT)
        self.keys: dict[int, Key] = {}
        self.by_key: dict[Key, Contact] = {}
        self.by_email: dict[str, list[Contact]] = {}
        self.made: dict[Key | str, Contact] = {}
        self.changed: dict[object, Contact] = {}

    def carried_out(self) -> list[Outcome]:
        with connection.cursor() as cursor:
            cursor.execute(ONE_BY_ONE)
        self._read_ids()
        self._find()
        for number, one in enumerate(self.wanted):
            if self.outcomes[number].error is None:
                self._note(number, one)
        self._write()
        return self.outcomes

    def _read_ids(self) -> None:
        """Finds out by which id an inbox knows each who is named by one."""
        seen = set(Inbox.objects.visible_to(self.by).values_list("pk", flat=True))
        given: dict[int, dict[int, str]] = {}
        inboxes: dict[int, Inbox] = {}
        for number, one in enumerate(self.wanted):
            if one.known is None:
                continue
            try:
                if one.known.inbox.pk not in seen:
                    raise NotFound(field="inbox")
                inboxes[one.known.inbox.pk] = one.known.inbox
                given.setdefault(one.known.inbox.pk, {})[number] = plain_id(one.known)
            except HelpdeskError as error:
                self.outcomes[number].error = error
        for pk, ids in given.items():
            names = known_ids(inboxes[pk], ids.values())
            self.keys |= {number: (pk, names[each]) for number, each in ids.items()}

    def _find(self) -> None:
        """Reads and locks those who are known, in one order."""
        inboxes, ids = {pk for pk, _id in self.keys.values()}, {each for _pk, each in self.keys.values()}
        rows = ContactIdentity.objects.filter(inbox__in=inboxes, external_id__in=ids)
        theirs = {(row.inbox_id, row.external_id): row.contact_id for row in rows}
        emails = {_email_of(one) for number, one in enumerate(self.wanted) if number not in self.keys}
        seen = contacts_seen_by(self.by).filter(merged_into=None)
        named = set(with_email(seen, *filter(None, emails)).values_list("pk", flat=True))
        held = Contact.objects.select_for_update().filter(pk__in={*theirs.values(), *named}).order_by("pk")
        contacts = {row.pk: row for row in held}
        self.by_key = {key: contacts[pk] for key, pk in theirs.items() if pk in contacts}
        for row in contacts.values():
            if row.pk in named:
                self.by_email.setdefault(row.email.lower(), []).append(row)

    def _note(self, number: int, one: Wanted) -> None:
        outcome = self.outcomes[number]
        try:
            with_tags = replace(one.told, tags=KEEP, add_tags=[*_listed(one.told), *one.told.add_tags])
            contact, key = self._contact(number, one)
            draft = Contact(**{name: getattr(contact, name) for name in (*LENGTHS, "tags", "attributes")})
            names = apply(draft, with_tags, fields=self.fields)
        except HelpdeskError as error:
            outcome.error = error
            return
        for name in names:
            setattr(contact, name, getattr(draft, name))
        outcome.contact = contact
        if contact._state.adding:  # noqa: SLF001 (Django's own way to say that a row is not stored)
            outcome.is_new = key not in self.made
            self.made[key] = contact
        elif names:
            self.changed[contact.pk] = contact

    def _contact(self, number: int, one: Wanted) -> tuple[Contact, Key | str]:
        key = self.keys.get(number)
        if key is not None:
            return self.by_key.get(key) or self.made.get(key) or Contact(), key
        email = _email_of(one)
        if not email:
            raise Invalid(_("Name them by an id in an inbox, or by their e-mail address."), field="email")
        found = self.by_email.get(email, [])
        if len(found) > 1:
            raise Invalid(_("Several customers have this e-mail address."), field="email")
        if not found and not self.by.is_admin:
            raise Invalid(_("Say in which inbox of your teams they are known."), field="inbox")
        return (found[0] if found else self.made.get(email) or Contact()), email

    def _write(self) -> None:
        now = timezone.now()
        for contact in self.changed.values():
            contact.updated_at = now
        Contact.objects.bulk_update(self.changed.values(), WRITTEN)
        Contact.objects.bulk_create(self.made.values())
        # In one order: two who make the same strangers would wait for each other.
        keyed = sorted(
            ((key, contact) for key, contact in self.made.items() if isinstance(key, tuple)),
            key=lambda pair: pair[0],
        )
        ContactIdentity.objects.bulk_create(
            (
                ContactIdentity(inbox_id=pk, external_id=each, contact=contact)
                for (pk, each), contact in keyed
            ),
            ignore_conflicts=True,
        )
        self._check({contact.pk for _key, contact in keyed})

    def _check(self, strangers: set[UUID]) -> None:
        """Takes back those who wrote to us themselves meanwhile: a channel was quicker with their id."""
        stayed = ContactIdentity.objects.filter(contact__in=strangers).values_list("contact", flat=True)
        late = strangers - set(stayed) if strangers else set()
        if not late:
            return
        Contact.objects.filter(pk__in=late).delete()
        for outcome in self.outcomes:
            if outcome.contact is not None and outcome.contact.pk in late:
                outcome.contact, outcome.is_new, outcome.error = None, False, Conflict()


def _email_of(one: Wanted) -> str:
    """Returns the address as it is stored and looked for: without what no database takes."""
    return storable(one.told.email).strip().lower() if isinstance(one.told.email, str) else ""


def _listed(told: Told) -> Sequence[str]:
    return [] if told.tags is KEEP else list(told.tags)
