"""Under which ids inboxes know a customer whom staff or programs wrote down."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from conversations.models import Contact, ContactIdentity, Inbox
from conversations.queries.recipients import known_ids, recipient_at
from conversations.queries.windows import capabilities
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Known:
    """An id of somebody in an inbox: an address where the channel has addresses, else as its program says."""

    inbox: Inbox
    external_id: str


def id_in(known: Known, *, by: Actor, path: str = "") -> str:
    """Returns the id as the inbox keeps it.

    Raises NotFound for an inbox of other teams, Invalid for what is no id there.
    """
    start = f"{path}." if path else ""
    if not Inbox.objects.visible_to(by).filter(pk=known.inbox.pk).exists():
        raise NotFound(field=f"{start}inbox")
    return plain_id(known, path=path)


def plain_id(known: Known, *, path: str = "") -> str:
    """The part of `id_in` that asks nobody for rights."""
    field = f"{path}.external_id" if path else "external_id"
    given = known.external_id.strip()
    if capabilities(known.inbox).opens:
        found = recipient_at(known.inbox, given)
        if found is None:
            raise Invalid(_("Nobody can be written to at %s.") % given[:100], field=field)
        given = found.external_id
    if not given or len(given) > LONGEST_ID or not given.isprintable():
        raise Invalid(_("An id has 1 to %d characters.") % LONGEST_ID, field=field)
    return given


def known_as(contact: Contact, known: Known, *, by: Actor, path: str) -> ContactIdentity:
    """Notes under which id an inbox knows a customer; again, it changes nothing.

    Raises Conflict where the inbox knows somebody else by it, and what `id_in` raises.
    """
    given = id_in(known, by=by, path=path)
    external_id = known_ids(known.inbox, [given])[given]
    row = ContactIdentity(inbox=known.inbox, external_id=external_id, contact=contact)
    ContactIdentity.objects.bulk_create([row], ignore_conflicts=True)
    found = ContactIdentity.objects.get(inbox=known.inbox, external_id=external_id)
    if found.contact_id != contact.pk:
        raise Conflict(
            _("The inbox knows another customer by this id."), field=f"{path}.external_id".strip(".")
        )
    return found
