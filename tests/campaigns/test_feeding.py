"""From approval to the last recipient: each at most once, whoever is left out with a reason."""

import pytest

from campaigns import actions
from campaigns.actions.feeding import go_on
from campaigns.enums import CampaignStatus, ConsentState, RecipientState, Skip
from campaigns.models import Campaign, Recipient
from campaigns.queries.stats import stats
from conversations.enums import Status
from conversations.models import Conversation, Delivery, Inbox, Message
from core.actor import Actor
from tests.campaigns.conftest import Draft, people

pytestmark = pytest.mark.django_db(transaction=True)


def run(campaign: Campaign, lead: Actor) -> Campaign:
    """Approves, starts and feeds until nothing can be written now."""
    actions.approve(campaign=campaign, by=lead)
    actions.start(campaign=campaign, by=lead)
    feed(campaign)
    return Campaign.objects.get(pk=campaign.pk)


def feed(campaign: Campaign) -> None:
    pause: float | None = 0.0
    while pause is not None and pause <= 0.25:
        pause = go_on(str(campaign.pk))
        Delivery.objects.filter(status="queued").update(status="sent")


def test_everybody_is_written_to_once(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 30)
    campaign = run(draft(), lead)
    assert campaign.status == CampaignStatus.DONE
    assert Message.objects.count() == Recipient.objects.count() == 30
    assert set(Recipient.objects.values_list("state", flat=True)) == {RecipientState.WRITTEN}
    message = Message.objects.get(conversation__contact__name="Maria 7")
    assert message.text == "Oi Maria, 10% de desconto."
    assert message.details["campaign"] == {"id": str(campaign.pk), "name": "Natal", "brief": ""}
    assert set(Conversation.objects.values_list("status", flat=True)) == {Status.RESOLVED}
    found = stats(campaign)
    assert (found.recipients, found.sent, found.waiting) == (30, 30, 0)


def test_who_wants_no_messages_gets_none(draft: Draft, number: Inbox, lead: Actor) -> None:
    first, *_ = people(number, 3)
    actions.set_consent(identity=first.identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    campaign = run(draft(), lead)
    assert Recipient.objects.get(contact=first).reason == Skip.OPTED_OUT
    assert stats(campaign).left_out == [{"reason": "opted_out", "label": "Wants no messages", "count": 1}]
    assert Message.objects.count() == 2
