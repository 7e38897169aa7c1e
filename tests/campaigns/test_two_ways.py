"""Lists that write a number otherwise than WhatsApp knows it: the same customer, written to once or not."""

from typing import Any

import pytest

from accounts.models import Team
from campaigns.models import Campaign, Recipient
from campaigns.queries.consents import has_opted_out
from campaigns.queries.known import known_at
from conversations.actions import Sender, receive
from conversations.actions.people import Person, know_people
from conversations.models import Contact, ContactIdentity, Inbox, Message
from core.actor import Actor
from tests.campaigns.conftest import Draft
from tests.campaigns.lines import run
from tests.campaigns.test_importing import account, read

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = [
    ("5215512345678", "525512345678"),
    ("5491123456789", "541123456789"),
    ("559281234567", "5592981234567"),
]


@pytest.fixture
def campaign(draft: Draft) -> Campaign:
    """A draft."""
    return draft()


def wrote(inbox: Inbox, number: str, *texts: str) -> ContactIdentity:
    sender = Sender(number, name="Ana", phone=f"+{number}", is_verified=True)
    found = [receive(inbox=inbox, sender=sender, text=text).conversation for text in texts]
    return found[0].identity


@pytest.mark.parametrize(("known", "written"), [*WAYS, *[way[::-1] for way in WAYS]])
def test_list_finds_whom_the_inbox_knows_by_the_other_way(
    campaign: Campaign, number: Inbox, lead: Actor, known: str, written: str
) -> None:
    identity = wrote(number, known, "Oi")
    upload = read(campaign, f"fone;plano\n+{written};ouro\n+{known};\n", lead)
    assert account(upload) == (2, 1, 1, 0)
    assert Contact.objects.get().attributes == {"plano": "ouro"}
    assert ContactIdentity.objects.get() == identity
    assert known_at(number, f"+{written}") == identity
    run(campaign, lead)
    assert Message.objects.get(direction="out").conversation.identity == identity


@pytest.mark.parametrize(("known", "written"), WAYS)
def test_stop_counts_for_the_number_in_the_other_way(
    campaign: Campaign, number: Inbox, lead: Actor, known: str, written: str
) -> None:
    identity = wrote(number, known, "Oi", "STOP")
    assert has_opted_out(identity)
    read(campaign, f"fone\n+{written}\n", lead, gives_consent=True)
    run(campaign, lead)
    assert [row.reason for row in Recipient.objects.all()] == ["opted_out"]


def test_both_ways_in_a_list_are_one_customer_in_one_list_and_in_two(campaign: Campaign, lead: Actor) -> None:
    assert account(read(campaign, "fone\n+525512345678\n+5215512345678\n", lead)) == (2, 1, 1, 0)
    assert account(read(campaign, "fone\n+5215512345678\n", lead)) == (1, 0, 1, 0)
    assert ContactIdentity.objects.get().external_id == "525512345678"
    run(campaign, lead)
    assert Message.objects.count() == 1


def test_of_two_that_are_known_the_one_who_wrote_is_meant(
    campaign: Campaign, number: Inbox, lead: Actor
) -> None:
    made = Contact.objects.create(name="from an old list")
    ContactIdentity.objects.create(inbox=number, contact=made, external_id="525512345678")
    identity = wrote(number, "5215512345678", "Oi", "STOP")
    read(campaign, "fone\n+525512345678\n", lead)
    assert Recipient.objects.get().contact_id == identity.contact_id
    run(campaign, lead)
    assert Recipient.objects.get().reason == "opted_out"


def test_number_beside_an_id_that_whatsapp_made_is_found_too(
    campaign: Campaign, number: Inbox, lead: Actor
) -> None:
    sender = Sender(
        "MX.1502576394655843", phone="+5215512345678", aliases=("5215512345678",), is_verified=True
    )
    identity = receive(inbox=number, sender=sender, text="Hola").conversation.identity
    read(campaign, "fone\n+525512345678\n", lead)
    assert Recipient.objects.get().contact_id == identity.contact_id
    assert Contact.objects.count() == 1


def test_other_channels_know_nothing_of_it(team: Team, lead: Actor, mailbox: Inbox, inbox: Inbox) -> None:
    people: Any = [Person(Sender("525512345678")), Person(Sender("5215512345678"))]
    assert len({row.pk for row in know_people(inbox=inbox, people=people).values()}) == 2
    assert len({row.pk for row in know_people(inbox=mailbox, people=people).values()}) == 2
