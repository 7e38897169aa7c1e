"""What waits in the inbox beside a campaign: how much of it stops the campaign, and what is said of that."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from campaigns.actions import feeding
from campaigns.models import Campaign, Recipient
from campaigns.queries import pace
from campaigns.queries.waits import why_it_waits
from conversations.models import Delivery, Inbox
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, go_on

pytestmark = pytest.mark.django_db(transaction=True)


def written(campaign: Campaign) -> int:
    return Recipient.objects.filter(campaign=campaign, state="written").count()


def feed_with(campaign: Campaign, **outcome: object) -> list[float]:
    """Has a campaign go on, its pace aside; each message it wrote meets with that. Returns the pauses."""
    pauses = []
    for _turn in range(30):
        Campaign.objects.filter(pk=campaign.pk).update(next_slot=None, started_at=timezone.now())
        pause = go_on(str(campaign.pk))
        Delivery.objects.filter(status="queued", attempts=0).update(attempts=1, **outcome)
        if pause is None:
            break
        pauses.append(pause)
    campaign.refresh_from_db()
    return pauses


def in_an_hour() -> datetime:
    return timezone.now() + timedelta(hours=1)


@pytest.mark.parametrize("status", ["queued", "unknown"])
def test_messages_that_wait_for_their_next_try_keep_nobody_else_waiting(
    draft: Draft, number: Inbox, lead: Actor, status: str
) -> None:
    people(number, 20)
    campaign = begin(draft(per_minute=60), lead)
    feed_with(campaign, status=status, next_try_at=in_an_hour())
    assert written(campaign) == 20
    assert campaign.status == "done"


def test_what_waits_behind_them_in_their_conversations_keeps_nobody_either(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 12)
    first = begin(
        draft(per_minute=60, segment={"rules": [{"field": "name", "op": "contains", "value": "1"}]}), lead
    )
    feed_with(first, next_try_at=in_an_hour())
    assert written(first) == 3
    second = begin(draft(per_minute=60), lead)
    behind = Delivery.objects.filter(next_try_at__isnull=False).values("conversation")
    for _turn in range(30):
        Campaign.objects.update(next_slot=None)
        go_on(str(second.pk))
        Delivery.objects.filter(next_try_at=None).exclude(conversation__in=behind).update(status="sent")
    assert written(second) == 12


def test_messages_whose_turn_it_is_still_stop_the_campaign(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 20)
    campaign = begin(draft(per_minute=60), lead)
    feed_with(campaign, status="unknown", next_try_at=timezone.now() - timedelta(seconds=1))
    assert written(campaign) == 5


def test_provider_that_takes_nothing_does_not_get_the_whole_campaign(
    draft: Draft, number: Inbox, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MOST_LATER", 8)
    people(number, 20)
    campaign = begin(draft(per_minute=60), lead)
    feed_with(campaign, next_try_at=in_an_hour())
    assert written(campaign) == 8
    Delivery.objects.update(status="sent")
    feed_with(campaign, status="sent")
    assert written(campaign) == 20


def test_turns_without_room_come_slower_and_no_slower_than_can_be_made_up_for(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 20)
    campaign = begin(draft(per_minute=60), lead)
    feed_with(campaign)
    now = timezone.now()
    pauses = []
    for seconds in (0, 1, 4, 3600):
        Campaign.objects.update(next_slot=now - timedelta(seconds=seconds))
        pauses.append(go_on(str(campaign.pk)) or 0)
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(0.1, abs=0.1)
    assert 1 <= pauses[2] < pauses[3] < feeding.BURST.total_seconds()


def test_page_says_that_messages_wait_for_the_provider(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 20)
    campaign = begin(draft(per_minute=60), lead)
    feed_with(campaign)
    now = timezone.now()
    assert why_it_waits(campaign, now) == ""
    told = why_it_waits(campaign, now + timedelta(seconds=20))
    assert told == "5 messages in this inbox wait for the provider."
    Delivery.objects.update(next_try_at=now + timedelta(hours=1))
    assert why_it_waits(campaign, now + timedelta(seconds=20)) == ""
