"""Whose a ticket is, once two contacts are one person, and two again."""

import pytest

from accounts.models import User
from conversations.actions import Sender, merge_contacts, receive, split_identity
from conversations.models import ContactIdentity, Conversation, Inbox
from core.actor import Actor
from tickets.actions import create_ticket
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


def opened(inbox: Inbox, external_id: str, *aliases: str) -> Conversation:
    return receive(inbox=inbox, sender=Sender(external_id, aliases=aliases), text="Oi").conversation


def asked(conversation: Conversation | None, agent: Actor, subject: str = "Pedido atrasado") -> Ticket:
    return create_ticket(by=agent, subject=subject, conversation=conversation)


def now(ticket: Ticket) -> object:
    ticket.refresh_from_db()
    return ticket.requester_id


def test_tickets_of_a_merged_contact_are_those_of_who_stands_for_it(
    inbox: Inbox, agent: Actor, bruno: User
) -> None:
    """They stayed with a contact that nobody sees any more, and the customer saw none of them."""
    keep, other = opened(inbox, "e1"), opened(inbox, "e2")
    theirs = asked(other, agent)
    alone = create_ticket(by=bruno.as_actor(), subject="Por telefone", contact=other.contact)
    merge_contacts(keep=keep.contact, other=other.contact, by=bruno.as_actor())
    assert {now(theirs), now(alone)} == {keep.contact_id}
    assert Ticket.objects.visible_to(keep.contact.as_actor()).count() == 2


def test_split_gives_back_the_tickets_about_what_is_split_off(
    inbox: Inbox, agent: Actor, bruno: User
) -> None:
    by = bruno.as_actor()
    keep, other = opened(inbox, "e1"), opened(inbox, "e2")
    theirs, own, both = asked(other, agent), asked(keep, agent), asked(other, agent, "Fatura errada")
    both.conversations.add(keep)
    merge_contacts(keep=keep.contact, other=other.contact, by=by)
    split_identity(identity=ContactIdentity.objects.get(external_id="e2"), by=by)
    assert now(theirs) == other.contact_id
    # What is about conversations of both stays where it is: nothing tells whose it was.
    assert {now(own), now(both)} == {keep.contact_id}


def test_ticket_goes_along_with_an_identity_that_a_provider_joins(inbox: Inbox, agent: Actor) -> None:
    first, second = opened(inbox, "+55"), opened(inbox, "uid")
    ticket = asked(second, agent)
    opened(inbox, "uid", "+55")
    assert now(ticket) == first.contact_id
