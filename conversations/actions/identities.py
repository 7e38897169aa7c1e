"""One person under several ids: joined by a provider's word, merged and split by people."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from conversations import signals
from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity, Conversation, Inbox
from core.actor import Actor
from core.errors import Conflict, Forbidden
from core.versions import require_version

# What is known of a contact, and taken over where two become one.
KNOWN = ("name", "email", "phone", "locale", "timezone", "tags", "attributes")


def join_identities(inbox: Inbox, sender: Sender) -> None:
    """Makes the ids that a provider gives for one person point to the one that was known first.

    What was two contacts until now becomes one: the provider vouches for it. But a number that goes with
    another id than before has been given to somebody else, and is left to whom it belonged. Replies go to the
    id that wrote last. Needs a transaction.
    """
    ids = {sender.external_id, *sender.aliases}
    found = ContactIdentity.objects.filter(inbox=inbox, external_id__in=ids)
    if _are_one(known := list(found), ids):
        _note_address(known, sender)
        return
    # Whoever joins ids of an inbox does so alone: two who began at different ends would wait for each other.
    Inbox.objects.select_for_update(no_key=True).get(pk=inbox.pk)
    known = list(found.select_for_update(of=("self",)).select_related("same_as").order_by("pk"))
    strangers = _of_others(known, ids, sender)
    ids -= {row.external_id for row in known if row.pk in strangers}
    known = [row for row in known if row.pk not in strangers]
    first = (known[0].same_as or known[0]) if known else _newcomer(inbox, sender)
    missing = ids - {row.external_id for row in known} - {first.external_id}
    ContactIdentity.objects.bulk_create(
        (
            ContactIdentity(inbox=inbox, external_id=each, contact_id=first.contact_id, same_as=first)
            for each in sorted(missing)
        ),
        ignore_conflicts=True,
    )
    for row in known:
        if first.pk not in {row.pk, row.same_as_id}:
            _point_to(row, first)
    _note_address([first], sender)


def _are_one(known: Sequence[ContactIdentity], ids: set[str]) -> bool:
    """Says whether all these ids are known, and as one person's."""
    return len(known) == len(ids) and len({row.same_as_id or row.pk for row in known}) == 1


def _newcomer(inbox: Inbox, sender: Sender) -> ContactIdentity:
    """Makes a person of whom no id is known; the unique constraint decides who of many does."""
    contact = Contact.objects.create(name=sender.name[:120], phone=sender.phone[:32])
    row = ContactIdentity(inbox=inbox, external_id=sender.external_id, contact=contact)
    ContactIdentity.objects.bulk_create([row], ignore_conflicts=True)
    rows = ContactIdentity.objects.select_for_update(of=("self",)).select_related("same_as")
    made = rows.get(inbox=inbox, external_id=sender.external_id)
    if made.contact_id != contact.pk:
        # Somebody else was quicker.
        contact.delete()
    return made.same_as or made


def _note_address(known: Sequence[ContactIdentity], sender: Sender) -> None:
    """Remembers which of a person's ids wrote last."""
    root = next((row for row in known if row.same_as_id is None), None)
    if root is None:
        return
    address = sender.external_id if sender.external_id != root.external_id else ""
    if root.address != address:
        root.address = address
        root.save(update_fields=["address"])


def _of_others(known: list[ContactIdentity], ids: set[str], sender: Sender) -> set[int]:
    """Returns the aliases that belong to a person whom the provider names by an id of their own."""
    if any(row.external_id == sender.external_id for row in known):
        return set()
    found = set()
    for row in known:
        root = row.same_as_id or row.pk
        group = ContactIdentity.objects.filter(Q(pk=root) | Q(same_as_id=root))
        if group.exclude(external_id__in=ids).exists():
            found.add(row.pk)
    return found


def _point_to(row: ContactIdentity, first: ContactIdentity) -> None:
    """Makes an identity that had conversations of its own another id of the first."""
    ContactIdentity.objects.filter(same_as=row).update(same_as=first, contact_id=first.contact_id)
    former = row.contact_id
    row.first_contact_id = row.first_contact_id or former
    row.contact_id, row.same_as = first.contact_id, first
    row.save(update_fields=["contact", "same_as", "first_contact"])
    if former != first.contact_id:
        _bring(Q(identity=row), former=former, contact=first.contact_id)


def _bring(theirs: Q, *, former: UUID, contact: UUID) -> None:
    """Gives conversations to the contact to whom their identity went."""
    rows = Conversation.objects.filter(theirs).select_for_update().order_by("pk")
    moved = list(rows.values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=moved).update(contact_id=contact)
    signals.identity_moved.send(ContactIdentity, conversations=moved, former=former, contact=contact)


@transaction.atomic
def merge_contacts(*, keep: Contact, other: Contact, by: Actor, expected: str | None = None) -> Contact:
    """Makes two contacts one: identities and conversations of `other` become those of `keep`.

    What `keep` lacks (name, e-mail, phone, language) is taken from `other`, which stays as an empty row so
    that a split can bring it back. Raises Forbidden for all but staff, Conflict for a contact with itself or
    one that is merged already.
    """
    if not by.is_staff:
        raise Forbidden
    # Identities first, then conversations, then contacts: the order in which all take their locks.
    both = [keep.pk, other.pk]
    identities = list(ContactIdentity.objects.select_for_update().filter(contact__in=both).order_by("pk"))
    list(Conversation.objects.select_for_update().filter(contact__in=both).order_by("pk").values("pk"))
    rows = {row.pk: row for row in Contact.objects.select_for_update().filter(pk__in=both).order_by("pk")}
    require_version(rows[keep.pk], expected)
    if keep.pk == other.pk or any(row.merged_into_id for row in rows.values()):
        detail = _("These contacts cannot be merged.")
        raise Conflict(detail)
    keep, other = rows[keep.pk], rows[other.pk]
    for identity in identities:
        if identity.contact_id != other.pk:
            continue
        identity.first_contact_id = identity.first_contact_id or other.pk
        identity.contact = keep
        identity.save(update_fields=["contact", "first_contact"])
    Conversation.objects.filter(contact=other).update(contact=keep)
    _stand_in(keep, other)
    signals.contacts_merged.send(Contact, keep=keep, other=other, by=by)
    return keep


def _stand_in(keep: Contact, other: Contact) -> None:
    """Lets a contact stand for another one, from which it takes what it lacks."""
    taken = [name for name in KNOWN if getattr(other, name) and not getattr(keep, name)]
    for name in taken:
        setattr(keep, name, getattr(other, name))
    keep.save(update_fields=taken)
    other.merged_into = keep
    other.lent = " ".join(dict.fromkeys([*other.lent.split(), *taken]))
    other.save(update_fields=["merged_into", "lent"])


def _give_back(keep: Contact, other: Contact) -> None:
    """Takes from a contact what it had of another one, unless somebody has written something else there."""
    lent = [name for name in other.lent.split() if getattr(keep, name) == getattr(other, name)]
    for name in lent:
        setattr(keep, name, getattr(Contact(), name))
    keep.save(update_fields=lent)
    other.merged_into, other.lent = None, ""
    other.save(update_fields=["merged_into", "lent"])


@transaction.atomic
def split_identity(*, identity: ContactIdentity, by: Actor) -> Contact:
    """Gives an identity, with its conversations, a contact of its own again and returns it.

    The one it had before a merge comes back, and who stood for it keeps nothing of it. Where all others of
    the contact came by merges and this one did not, it is they who go back. An identity that was never merged
    gets a new contact without a name. Raises Forbidden for all but staff, Conflict for the only identity of a
    contact and for a further id of another one.
    """
    if not by.is_staff:
        raise Forbidden
    together = ContactIdentity.objects.filter(contact__identities=identity).order_by("pk")
    rows = list(together.select_for_update(of=("self",)).select_related("contact", "first_contact"))
    going = [row for row in rows if identity.pk in {row.pk, row.same_as_id}]
    staying = [row for row in rows if row not in going]
    if not staying or any(row.pk == identity.pk and row.same_as_id for row in rows):
        detail = _("This identity cannot be split off.")
        raise Conflict(detail)
    former = rows[0].contact
    if None in _origins(going) and None not in _origins(staying):
        _part(staying, former)
        return former
    return _part(going, former)


def _origins(rows: Sequence[ContactIdentity]) -> list[Contact | None]:
    """Returns with whom identities came to their contact, each once; None for what was always theirs."""
    return list(
        dict.fromkeys(
            row.first_contact if row.first_contact_id != row.contact_id else None
            for row in rows
            if row.same_as_id is None
        )
    )


def _part(going: Sequence[ContactIdentity], former: Contact) -> Contact:
    """Gives identities back to whom they came with, or to a new contact; the first stands for the others."""
    origins = [row for row in _origins(going) if row] or [Contact.objects.create(locale=former.locale)]
    contact = origins[0]
    moving = ContactIdentity.objects.filter(pk__in=[row.pk for row in going])
    moving.update(contact=contact)
    moving.filter(first_contact=contact).update(first_contact=None)
    # A further id may have conversations from before it was known to be one.
    _bring(Q(identity__in=moving), former=former.pk, contact=contact.pk)
    touched = Q(pk__in=[former.pk, *(row.pk for row in origins)]) | Q(merged_into=former)
    held = {row.pk: row for row in Contact.objects.select_for_update().filter(touched).order_by("pk")}
    for row in origins:
        _give_back(held[former.pk], held[row.pk])
    for row in held.values():
        if row.merged_into_id == former.pk:
            # It may know as well what was given back.
            _stand_in(held[former.pk], row)
    for row in origins[1:]:
        _stand_in(held[contact.pk], held[row.pk])
    return held[contact.pk]
