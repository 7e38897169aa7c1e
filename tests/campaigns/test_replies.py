"""Which campaign a customer answers: the one they quote, else the newest that reached them; once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import actions
from campaigns.models import Campaign, Recipient
from conversations.actions import Sender, receive
from conversations.exchange import Incoming
from conversations.models import Delivery, Inbox, Message
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, go_on, run

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "5511900000000"


@pytest.fixture
def two(draft: Draft, number: Inbox, lead: Actor) -> tuple[Campaign, Campaign]:
    """An older and a newer campaign, which Maria both got."""
    people(number, 1)
    return run(draft(name="Older"), lead), run(draft(name="Newer"), lead)


def replied() -> set[str]:
    return set(Recipient.objects.exclude(replied_at=None).values_list("campaign__name", flat=True))


def write(number: Inbox, text: str = "Oi", **more: object) -> None:
    receive(inbox=number, sender=Sender(PHONE), text=text, **more)  # type: ignore[arg-type]


@pytest.mark.usefixtures("two")
def test_first_message_answers_the_newest_and_the_next_ones_nothing(number: Inbox) -> None:
    write(number)
    assert replied() == {"Newer"}
    first = Recipient.objects.get(campaign__name="Newer").replied_at
    write(number, "E mais")
    write(number, "E mais")
    assert replied() == {"Newer"}
    assert Recipient.objects.get(campaign__name="Newer").replied_at == first


@pytest.mark.usefixtures("two")
def test_quoted_message_is_the_one_that_is_answered(number: Inbox) -> None:
    Delivery.objects.filter(message=Recipient.objects.get(campaign__name="Older").message_id).update(
        provider_id="wamid.older"
    )
    origin = Incoming("m1", Sender(PHONE), "Oi", reply_to="wamid.older")
    write(number, external_id="m1", origin=origin)
    assert replied() == {"Older"}
    again = Incoming("m2", Sender(PHONE), "Oi", reply_to="wamid.older")
    write(number, external_id="m2", origin=again)
    assert replied() == {"Older"}
    write(number, "Sem citar")
    assert replied() == {"Older", "Newer"}


@pytest.mark.usefixtures("two")
def test_word_to_the_machine_is_no_reply(number: Inbox) -> None:
    write(number, "stop")
    assert replied() == set()


@pytest.mark.usefixtures("two")
def test_machine_does_not_reply(number: Inbox) -> None:
    origin = Incoming("m1", Sender(PHONE), "Away", is_automatic=True)
    write(number, external_id="m1", origin=origin)
    assert replied() == set()


@pytest.mark.usefixtures("two")
def test_after_a_fortnight_it_is_about_something_else(number: Inbox) -> None:
    Recipient.objects.update(written_at=timezone.now() - timedelta(days=14))
    write(number)
    assert replied() == set()
    Recipient.objects.update(written_at=timezone.now() - timedelta(days=13, hours=23))
    write(number)
    assert len(replied()) == 1


def test_nobody_replies_to_what_never_arrived(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    run(draft(name="Older"), lead)
    campaign = begin(draft(name="Newer"), lead)
    for _turn in range(5):
        go_on(str(campaign.pk))
    Campaign.objects.filter(pk=campaign.pk).update(status="running", finished_at=None)
    actions.cancel(campaign=campaign, by=lead)
    assert Delivery.objects.filter(status="failed").count() == 1
    write(number)
    assert replied() == {"Older"}


def test_other_customers_and_other_inboxes_do_not_reply(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 2)
    run(draft(name="Only"), lead)
    receive(inbox=number, sender=Sender("5511977770000"), text="Oi")
    assert replied() == set()
    write(number)
    assert Recipient.objects.exclude(replied_at=None).count() == 1


def test_reply_keeps_what_it_answers_in_its_thread(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 1)
    campaign = run(draft(brief="Ends on Friday."), lead)
    write(number)
    said, asked = Message.objects.order_by("seq")
    assert said.conversation_id == asked.conversation_id
    assert said.details["campaign"]["brief"] == "Ends on Friday."
    assert Recipient.objects.get(campaign=campaign).conversation_id == asked.conversation_id
