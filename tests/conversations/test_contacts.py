"""Customers whom staff and programs write down, find, change and forget."""

from functools import partial
from typing import Any

import pytest
from django.core.files.base import ContentFile

from accounts.models import Team, User
from agents.models import Agent, Run
from campaigns.models import Consent
from conversations.actions import (
    Known,
    Sender,
    Told,
    add_identity,
    begin,
    create_contact,
    edit_contact,
    erase_contact,
    erasing,
    merge_contacts,
    receive,
    reply,
)
from conversations.models import Attachment, Contact, ContactIdentity, Conversation, Event, Inbox, Message
from conversations.queries.contacts import (
    contact_seen_by,
    contacts_seen_by,
    with_email,
    with_phone,
    with_words,
)
from core.actor import Actor
from core.errors import Changed, Conflict, Forbidden, Invalid, NotFound
from core.versions import version_of
from tests.campaigns.lines import no_errors, together
from tickets.actions import create_ticket


@pytest.fixture
def api_inbox(team: Team) -> Inbox:
    return Inbox.objects.create(name="App", channel="api", team=team)


def test_customer_made_for_an_inbox_can_be_written_to(api_inbox: Inbox, bruno: User) -> None:
    by = bruno.as_actor()
    told = Told(name=" Eva  Lima ", email="eva@example.com", locale="pt-BR", tags=["VIP", "vip"])
    contact = create_contact(by=by, told=told, identities=[Known(api_inbox, "u-7")])
    assert (contact.name, contact.tags) == ("Eva Lima", ["VIP"])
    identity = contact.identities.get()
    conversation = begin(inbox=api_inbox, to=identity, by=by)
    assert reply(conversation=conversation, text="Olá", by=by).seq > 0
    assert conversation.contact == contact


def test_who_sees_not_every_team_must_name_an_inbox_of_theirs(
    bruno: User, ana: User, other_team: Team
) -> None:
    foreign = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    with pytest.raises(Invalid) as refused:
        create_contact(by=bruno.as_actor(), told=Told(name="Eva"))
    assert refused.value.extra["field"] == "identities"
    with pytest.raises(NotFound):
        create_contact(by=bruno.as_actor(), told=Told(name="Eva"), identities=[Known(foreign, "7")])
    assert create_contact(by=ana.as_actor(), told=Told(name="Eva")).name == "Eva"
    with pytest.raises(Forbidden):
        create_contact(by=Actor.system().__class__("contact", "1", "Davi"), told=Told())  # type: ignore[arg-type]


def test_id_of_somebody_else_is_not_given_again(api_inbox: Inbox, ana: User) -> None:
    known = Known(api_inbox, "u-7")
    first = create_contact(by=ana.as_actor(), told=Told(name="Eva"), identities=[known])
    with pytest.raises(Conflict):
        create_contact(by=ana.as_actor(), told=Told(name="Other"), identities=[known])
    assert not Contact.objects.filter(name="Other").exists()
    assert add_identity(contact=first, known=known, by=ana.as_actor()) == first.identities.get()


def test_address_is_kept_as_the_channel_knows_it(ana: User, mailbox: Inbox) -> None:
    contact = create_contact(by=ana.as_actor(), told=Told(), identities=[Known(mailbox, " Eva@Example.com ")])
    assert contact.identities.get().external_id == "eva@example.com"
    with pytest.raises(Invalid) as refused:
        create_contact(by=ana.as_actor(), told=Told(), identities=[Known(mailbox, "no address")])
    assert refused.value.extra["field"] == "identities.0.external_id"


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (Told(email="nobody"), "email"),
        (Told(phone="call me"), "phone"),
        (Told(name="x" * 121), "name"),
        (Told(timezone="Mars/Base"), "timezone"),
        (Told(tags=["a,b"]), "tags"),
        (Told(attributes={"orders": 5}), "attributes.orders"),
    ],
)
def test_what_is_no_value_is_refused_by_name(davi: Contact, ana: User, told: Told, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        edit_contact(contact=davi, by=ana.as_actor(), told=told)
    assert refused.value.extra["field"] == field


def test_change_is_dated_and_no_change_is_none(davi: Contact, bruno: User) -> None:
    before = Contact.objects.get(pk=davi.pk)
    same = Told(name=davi.name, tags=[], attributes={"none": None})
    edit_contact(contact=davi, by=bruno.as_actor(), told=same, expected=version_of(before))
    assert Contact.objects.get(pk=davi.pk).updated_at == before.updated_at
    edit_contact(contact=davi, by=bruno.as_actor(), told=Told(name="Davi"), expected=version_of(before))
    davi.refresh_from_db()
    assert davi.name == "Davi"
    assert davi.updated_at > before.updated_at
    with pytest.raises(Changed):
        edit_contact(contact=davi, by=bruno.as_actor(), told=Told(name="D"), expected=version_of(before))


def test_other_teams_do_not_see_a_customer(davi: Contact, clara: User) -> None:
    with pytest.raises(NotFound):
        edit_contact(contact=davi, by=clara.as_actor(), told=Told(name="X"))


def test_one_who_is_merged_is_read_and_not_changed(davi: Contact, api_inbox: Inbox, bruno: User) -> None:
    by = bruno.as_actor()
    other = create_contact(by=by, told=Told(name="Davi D."), identities=[Known(api_inbox, "d")])
    merge_contacts(keep=davi, other=other, by=by)
    assert contact_seen_by(other.pk, actor=by).merged_into == davi
    with pytest.raises((Conflict, NotFound)):
        edit_contact(contact=other, by=by, told=Told(name="X"))
    with pytest.raises(Conflict):
        edit_contact(contact=other, by=Actor.system(), told=Told(name="X"))


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_are_all_there(davi: Contact, system: Actor) -> None:
    told = [Told(add_tags=[f"t{number}"], attributes={f"a{number}": "x"}) for number in range(6)]
    no_errors(together(*(partial(edit_contact, contact=davi, by=system, told=one) for one in told)))
    davi.refresh_from_db()
    assert sorted(davi.tags) == [f"t{number}" for number in range(6)]
    assert sorted(davi.attributes) == [f"a{number}" for number in range(6)]


def test_customers_are_found_however_they_are_written(ana: User) -> None:
    by = ana.as_actor()
    eva = create_contact(by=by, told=Told(name="Eva Lima", email="Eva@Example.com", phone="+55 11 9999-0001"))
    create_contact(by=by, told=Told(name="Rui"))
    seen = contacts_seen_by(by)
    assert [*with_email(seen, "eva@example.COM")] == [eva]
    assert [*with_phone(seen, "551199990001")] == [eva]
    assert not with_phone(seen, "+")
    for words in ("a li", "EXAMPLE", "9999-0"):
        assert [*seen.filter(with_words(words))] == [eva]


# --- Forgetting --------------------------------------------------------------------------------------------
@pytest.fixture
def full(davi: Contact, conversation: Conversation, api_inbox: Inbox, ana: User) -> Contact:
    """Davi with everything that can hang on a customer, himself merged with somebody."""
    by = ana.as_actor()
    message = reply(conversation=conversation, text="Olá", by=by)
    file = Attachment(inbox=conversation.inbox, uploader="x", name="a.txt", content_type="text/plain", size=1)
    file.message = message
    file.file.save("a", ContentFile(b"x"))
    Run.objects.create(agent=Agent.objects.create(name="Lia"), conversation=conversation, up_to_seq=1)
    Consent.objects.create(identity=conversation.identity, state="given", source="staff")
    create_ticket(by=by, subject="Pedido", conversation=conversation)
    other = create_contact(by=by, told=Told(name="Davi D."), identities=[Known(api_inbox, "d")])
    merge_contacts(keep=davi, other=other, by=by)
    return davi


@pytest.mark.django_db(transaction=True)
def test_erased_customer_leaves_nothing_but_the_ticket(full: Contact, ana: User) -> None:
    content = Attachment.objects.get().file
    assert content.storage.exists(str(content.name))
    assert erase_contact(contact=full, by=ana.as_actor())
    for model in (Contact, ContactIdentity, Conversation, Message, Event, Attachment, Run, Consent):
        assert not model.objects.exists(), model
    assert not content.storage.exists(str(content.name))
    ticket = full.tickets.model.objects.get()
    assert (ticket.requester, ticket.conversations.count()) == (None, 0)


@pytest.mark.django_db(transaction=True)
def test_customer_who_said_much_is_erased_by_a_job(
    full: Contact, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 1)
    assert not erase_contact(contact=full, by=ana.as_actor())
    assert Contact.objects.filter(pk=full.pk).exists()
    erasing.erase_now(full.pk)
    erasing.erase_now(full.pk)
    assert not Contact.objects.exists()


def test_others_are_left_alone(davi: Contact, inbox: Inbox, ana: User) -> None:
    eva = receive(inbox=inbox, sender=Sender("eva", name="Eva"), text="Oi").conversation
    erase_contact(contact=davi, by=ana.as_actor())
    assert Message.objects.filter(conversation=eva).exists()


def test_only_administrators_erase(davi: Contact, bruno: User, ana: User) -> None:
    with pytest.raises(Forbidden):
        erase_contact(contact=davi, by=bruno.as_actor())
    read = version_of(Contact.objects.get(pk=davi.pk))
    edit_contact(contact=davi, by=ana.as_actor(), told=Told(name="D"))
    with pytest.raises(Changed):
        erase_contact(contact=davi, by=ana.as_actor(), expected=read)


@pytest.mark.django_db(transaction=True)
def test_message_that_comes_while_somebody_is_erased_is_kept_or_gone_whole(
    davi: Contact, inbox: Inbox, ana: User
) -> None:
    by, sender = ana.as_actor(), Sender("davi", name="Davi")

    def write() -> Any:
        return receive(inbox=inbox, sender=sender, text="Oi")

    together(partial(erase_contact, contact=davi, by=by), write, write)
    for identity in ContactIdentity.objects.all():
        assert identity.conversations.exists()
    assert Message.objects.count() in {0, 1, 2}
    assert receive(inbox=inbox, sender=sender, text="Ainda aí?").created
