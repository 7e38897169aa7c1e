"""One person under several ids: joined by a provider's word, merged and split by people."""

from functools import partial
from itertools import permutations
from typing import Any

import pytest

from conversations import signals
from conversations.actions import Sender, merge_contacts, receive, split_identity
from conversations.actions.identities import join_identities
from conversations.models import Contact, ContactIdentity, Conversation, Inbox, Message
from core.actor import Actor
from core.errors import Conflict, Forbidden
from tests.conversations.lines import incoming, sent, told
from tests.conversations.test_receive import in_parallel

pytestmark = pytest.mark.django_db


def by_number(number: str, sender: Any) -> dict[str, Any]:
    return incoming(number, sender=sender)


NUMBER = {"external_id": "+55", "name": "Eva"}
USER = {"external_id": "uid", "name": "Eva"}
BOTH = {"external_id": "uid", "name": "Eva", "aliases": ["+55"]}


@pytest.mark.parametrize("order", list(permutations([NUMBER, USER, BOTH])))
def test_number_and_user_id_of_one_person_end_as_one_contact(line: Inbox, order: Any) -> None:
    """WhatsApp 2026: a message may name a user id without a number, a number without one, or both."""
    for number, sender in enumerate(order):
        told(line, by_number(str(number), sender))
    assert len({row.contact_id for row in ContactIdentity.objects.all()}) == 1
    assert len({row.same_as_id or row.pk for row in ContactIdentity.objects.all()}) == 1
    told(line, by_number("n", NUMBER), by_number("u", USER))
    pair = Message.objects.filter(external_id__in=["mn", "mu"]).values_list("conversation_id", flat=True)
    assert len(set(pair)) == 1


def test_person_known_by_one_id_keeps_the_conversation_under_the_other(line: Inbox) -> None:
    told(line, by_number("1", NUMBER), by_number("2", BOTH), by_number("3", USER))
    assert Conversation.objects.count() == Contact.objects.count() == 1


def test_answer_goes_to_the_id_that_wrote_last(line: Inbox, scripted: Any) -> None:
    told(line, by_number("1", NUMBER), by_number("2", BOTH))
    sent(Conversation.objects.get())
    told(line, by_number("3", {"external_id": "+55", "aliases": ["uid"]}))
    sent(Conversation.objects.get())
    assert [call.to for call in scripted.calls] == ["uid", "+55"]


def test_number_that_changed_hands_is_left_to_whom_it_belonged(line: Inbox) -> None:
    told(
        line, by_number("1", BOTH), by_number("2", {"external_id": "new", "name": "Otto", "aliases": ["+55"]})
    )
    assert Conversation.objects.count() == Contact.objects.count() == 2
    told(line, by_number("3", {"external_id": "new"}), by_number("4", USER))
    owners = dict(Message.objects.values_list("external_id", "conversation__contact__name"))
    assert owners == {"m1": "Eva", "m2": "Otto", "m3": "Otto", "m4": "Eva"}


def test_same_ids_in_two_inboxes_are_two_people(line: Inbox) -> None:
    """Neither number nor e-mail identifies anybody by itself."""
    other = Inbox.objects.create(name="Other", channel="scripted")
    for inbox in (line, other):
        told(inbox, by_number("1", {**BOTH, "email": "eva@example.com", "phone": "+55"}))
    assert Contact.objects.count() == 2


def test_two_contacts_that_a_provider_calls_one_become_one(line: Inbox) -> None:
    told(line, by_number("1", NUMBER), by_number("2", USER))
    assert Contact.objects.count() == Conversation.objects.count() == 2
    told(line, by_number("3", BOTH))
    assert {row.contact_id for row in Conversation.objects.all()} == {
        ContactIdentity.objects.get(external_id="+55").contact_id
    }


@pytest.mark.django_db(transaction=True)
def test_ids_that_come_at_once_in_every_mixture_make_one_person(line: Inbox) -> None:
    senders = [Sender("uid", name="Eva", aliases=("+55",)), Sender("+55", name="Eva", aliases=("uid",))]
    calls = [
        partial(receive, inbox=line, sender=senders[n % 2], text=str(n), external_id=f"x{n}")
        for n in range(16)
    ]
    in_parallel(calls)
    assert Message.objects.count() == 16
    assert len({row.same_as_id or row.pk for row in ContactIdentity.objects.all()}) == 1
    assert Conversation.objects.values("contact").distinct().count() == 1
    assert Contact.objects.filter(identities=None).count() == 0


def two(line: Inbox) -> tuple[Contact, Contact]:
    """Eva by mail and Eva by chat."""
    one = receive(inbox=line, sender=Sender("e1", name="Eva"), text="a").conversation.contact
    two = receive(inbox=line, sender=Sender("e2", email="eva@example.com"), text="b").conversation.contact
    return one, two


def test_merge_brings_all_together_and_split_brings_it_back(line: Inbox, bruno: Any) -> None:
    keep, other = two(line)
    heard: list[Any] = []

    def listen(keep: Contact, other: Contact, **_: Any) -> None:
        heard.append((keep.pk, other.pk))

    signals.contacts_merged.connect(listen)
    try:
        merged = merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    finally:
        signals.contacts_merged.disconnect(listen)
    assert heard == [(keep.pk, other.pk)]
    assert (merged.name, merged.email) == ("Eva", "eva@example.com")
    assert set(Conversation.objects.values_list("contact_id", flat=True)) == {keep.pk}
    other.refresh_from_db()
    assert other.merged_into == keep
    again = split_identity(identity=ContactIdentity.objects.get(external_id="e2"), by=bruno.as_actor())
    assert (again.pk, again.merged_into) == (other.pk, None)
    assert Conversation.objects.get(contact=other).identity.external_id == "e2"
    assert Conversation.objects.get(contact=keep).identity.external_id == "e1"


LIA, DAVI = (
    Sender("wa-55", name="Lia Souza", phone="+55119"),
    Sender("cust-17", name="Davi Duarte", email="davi@example.com"),
)


def known_of(external_id: str) -> tuple[str, str, str]:
    """What the contact of an identity is shown with."""
    contact = ContactIdentity.objects.get(external_id=external_id).contact
    return contact.name, contact.email, contact.phone


@pytest.mark.parametrize("order", [(LIA, DAVI), (DAVI, LIA)])
@pytest.mark.parametrize("parted", ["wa-55", "cust-17"])
def test_split_leaves_each_with_their_own_name_and_addresses(
    line: Inbox, bruno: Any, order: Any, parted: str
) -> None:
    """Whose page stayed kept the other's e-mail, and whose identity was pressed lost its name."""
    keep, other = (receive(inbox=line, sender=each, text="a").conversation.contact for each in order)
    merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    identity = ContactIdentity.objects.get(external_id=parted)
    contact = split_identity(identity=identity, by=bruno.as_actor())
    assert known_of("wa-55") == ("Lia Souza", "", "+55119")
    assert known_of("cust-17") == ("Davi Duarte", "davi@example.com", "")
    identity.refresh_from_db()
    assert identity.contact == contact
    assert not Contact.objects.exclude(merged_into=None).exists()
    assert {row.contact_id == row.identity.contact_id for row in Conversation.objects.all()} == {True}


def test_identity_that_was_never_merged_leaves_the_name_where_it_is(line: Inbox, bruno: Any) -> None:
    keep = receive(inbox=line, sender=LIA, text="a").conversation.contact
    identity = ContactIdentity.objects.create(inbox=line, external_id="second", contact=keep)
    split_identity(identity=identity, by=bruno.as_actor())
    assert (known_of("wa-55"), known_of("second")) == (("Lia Souza", "", "+55119"), ("", "", ""))


def test_split_of_the_own_identity_of_three_leaves_the_others_together(line: Inbox, bruno: Any) -> None:
    third = Sender("e3", name="Eva", phone="+1")
    keep, *others = (
        receive(inbox=line, sender=each, text="a").conversation.contact for each in (LIA, DAVI, third)
    )
    for other in others:
        merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    split_identity(identity=ContactIdentity.objects.get(external_id="wa-55"), by=bruno.as_actor())
    assert known_of("wa-55") == ("Lia Souza", "", "+55119")
    assert known_of("cust-17") == known_of("e3") == ("Davi Duarte", "davi@example.com", "+1")
    split_identity(identity=ContactIdentity.objects.get(external_id="e3"), by=bruno.as_actor())
    assert known_of("cust-17") == ("Davi Duarte", "davi@example.com", "")
    assert known_of("e3") == ("Eva", "", "+1")


def test_what_is_given_back_stays_where_another_one_knows_it_too(line: Inbox, bruno: Any) -> None:
    twin = Sender("e3", email="davi@example.com")
    keep, *others = (
        receive(inbox=line, sender=each, text="a").conversation.contact for each in (LIA, DAVI, twin)
    )
    for other in others:
        merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    split_identity(identity=ContactIdentity.objects.get(external_id="cust-17"), by=bruno.as_actor())
    assert known_of("wa-55") == ("Lia Souza", "davi@example.com", "+55119")


def test_what_an_operator_wrote_after_the_merge_stays(line: Inbox, bruno: Any) -> None:
    keep, other = (receive(inbox=line, sender=each, text="a").conversation.contact for each in (LIA, DAVI))
    merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    Contact.objects.filter(pk=keep.pk).update(email="lia@example.com")
    split_identity(identity=ContactIdentity.objects.get(external_id="cust-17"), by=bruno.as_actor())
    assert known_of("wa-55") == ("Lia Souza", "lia@example.com", "+55119")


def test_who_writes_after_a_merge_stays_merged(line: Inbox, bruno: Any) -> None:
    keep, other = two(line)
    merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    again = receive(inbox=line, sender=Sender("e2"), text="again").conversation
    assert again.contact_id == keep.pk
    assert Conversation.objects.count() == 2


def test_split_takes_the_further_ids_along(line: Inbox, bruno: Any) -> None:
    keep, other = two(line)
    join = Sender("e2", aliases=("e3",))
    receive(inbox=line, sender=join, text="c")
    merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    split_identity(identity=ContactIdentity.objects.get(external_id="e2"), by=bruno.as_actor())
    assert ContactIdentity.objects.get(external_id="e3").contact_id == other.pk


def test_split_leaves_no_conversation_of_a_further_id_with_the_other(line: Inbox, bruno: Any) -> None:
    keep, other = two(line)
    receive(inbox=line, sender=Sender("e3"), text="under an id of its own")
    receive(inbox=line, sender=Sender("e2", aliases=("e3",)), text="the provider calls them one")
    merge_contacts(keep=keep, other=other, by=bruno.as_actor())
    split_identity(identity=ContactIdentity.objects.get(external_id="e2"), by=bruno.as_actor())
    theirs = Conversation.objects.filter(contact=keep).values_list("identity__external_id", flat=True)
    assert list(theirs) == ["e1"]


def test_contacts_that_cannot_be_merged_or_split_are_left(line: Inbox, bruno: Any) -> None:
    keep, other = two(line)
    by = bruno.as_actor()
    with pytest.raises(Conflict):
        merge_contacts(keep=keep, other=keep, by=by)
    with pytest.raises(Conflict):
        split_identity(identity=ContactIdentity.objects.get(external_id="e1"), by=by)
    merge_contacts(keep=keep, other=other, by=by)
    with pytest.raises(Conflict):
        merge_contacts(keep=keep, other=other, by=by)
    alias = ContactIdentity.objects.create(
        inbox=line, external_id="x", contact=keep, same_as=ContactIdentity.objects.get(external_id="e1")
    )
    with pytest.raises(Conflict):
        split_identity(identity=alias, by=by)


def test_customers_and_agents_merge_nobody(line: Inbox, lia: Actor) -> None:
    keep, other = two(line)
    for by in (keep.as_actor(), lia):
        with pytest.raises(Forbidden):
            merge_contacts(keep=keep, other=other, by=by)
        with pytest.raises(Forbidden):
            split_identity(identity=ContactIdentity.objects.get(external_id="e1"), by=by)


def test_joining_what_is_joined_costs_one_query(line: Inbox, django_assert_num_queries: Any) -> None:
    told(line, by_number("1", BOTH))
    with django_assert_num_queries(1):
        join_identities(line, Sender("uid", aliases=("+55",)))
