"""Customers as staff find them."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from conversations.models import Contact, ContactIdentity, Conversation, Inbox
from conversations.models.contacts import digits
from core.actor import Actor
from core.errors import NotFound


def contacts_seen_by(actor: Actor) -> "QuerySet[Contact]":
    """Returns the customers with whom the actor may see a conversation, or whom their inboxes know."""
    if actor.is_admin:
        return Contact.objects.all()
    if not actor.is_staff:
        return Contact.objects.none()
    spoken = Conversation.objects.visible_to(actor).filter(contact=OuterRef("pk"))
    known = ContactIdentity.objects.filter(contact=OuterRef("pk"), inbox__in=Inbox.objects.visible_to(actor))
    return Contact.objects.filter(Exists(spoken) | Exists(known))


def contact_seen_by(contact_id: UUID | str, *, actor: Actor) -> Contact:
    """Returns the customer; raises NotFound when there is none or the actor may not see them.

    One whom another stands for is seen by whoever sees that one.
    """
    seen = contacts_seen_by(actor)
    stood_for = Contact.objects.filter(merged_into__in=seen)
    found = seen.filter(pk=contact_id).first() or stood_for.filter(pk=contact_id).first()
    if found is None:
        raise NotFound
    return found


def with_words(words: str) -> Q:
    """Finds customers by a part of their name, e-mail address or number, as it is written."""
    return Q(name__icontains=words) | Q(email__icontains=words) | Q(phone__icontains=words)


def with_email(contacts: "QuerySet[Contact]", *addresses: str) -> "QuerySet[Contact]":
    """Narrows to customers with one of these addresses, whatever their case."""
    wanted = [address.lower() for address in addresses]
    return contacts.alias(lower_email=Lower("email")).filter(lower_email__in=wanted)


def with_phone(contacts: "QuerySet[Contact]", number: str) -> "QuerySet[Contact]":
    """Narrows to customers with a number, however it is written; nobody has one without digits."""
    wanted = "".join(sign for sign in number if sign.isdecimal())
    if not wanted:
        return contacts.none()
    return contacts.alias(phone_digits=digits("phone")).filter(phone_digits=wanted).exclude(phone="")
