"""Whose turn it is, and how much of the day is left: right, and without reading all rows each time."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from campaigns.actions.feeding import Feeding, Turn, turn_of
from campaigns.actions.turns import ANYWHERE, WHERE_OPEN, next_locked
from campaigns.models import Campaign, Recipient
from campaigns.queries.pace import ZONES, day_before, left_today, waiting_zones
from conversations.models import Contact, Delivery, Inbox
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ZONED = ["", "America/Sao_Paulo", "Europe/Lisbon"]


@pytest.fixture
def crowd(draft: Draft, number: Inbox) -> Campaign:
    """A campaign with six thousand recipients in three zones, most of whom have been left out."""
    campaign: Campaign = draft()
    made = people(number, 6_000, timezone="")
    Recipient.objects.bulk_create(
        Recipient(
            campaign=campaign, contact=contact, zones=ZONED[place % 3],
            state="queued" if place > 5_400 or place % 3 == 1 else "skipped",
            reason="" if place > 5_400 or place % 3 == 1 else "busy",
        )
        for place, contact in enumerate(made)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE campaigns_recipient")
    return campaign


def rows_in_vain(plan: dict[str, Any]) -> int:
    """Returns how many rows a statement read that it had no use for."""
    found = plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"]
    found += plan["Actual Rows"] * plan["Actual Loops"] if "Seq Scan" in plan["Node Type"] else 0
    return int(found) + sum(map(rows_in_vain, plan.get("Plans", [])))


def plan_of(statement: str, values: list[Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        found: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    return found


def test_next_is_found_without_reading_those_who_come_later_or_have_been_written_to(crowd: Campaign) -> None:
    key = crowd.pk
    assert rows_in_vain(plan_of(WHERE_OPEN, [["Africa/Lagos", "Europe/Lisbon"], key, key])) < 10
    assert rows_in_vain(plan_of(ANYWHERE, [key, key])) < 10
    zones = plan_of(ZONES, [key, key])
    assert rows_in_vain(zones) < 10
    assert "Seq Scan" not in str(zones)
    assert waiting_zones(crowd) == ZONED


def test_next_is_the_first_of_the_open_zones_that_nobody_holds(crowd: Campaign) -> None:
    waiting = Recipient.objects.filter(state="queued").order_by("pk")
    there = list(waiting.filter(zones="Europe/Lisbon")[:2])
    with transaction.atomic():
        assert next_locked(crowd, None) == waiting[0]
        assert next_locked(crowd, ["Europe/Lisbon"]) == there[0]
        assert next_locked(crowd, ["Africa/Lagos", "Europe/Lisbon", ""]) == there[0]
        assert next_locked(crowd, ["Africa/Lagos"]) is None
        assert next_locked(crowd, []) is None
    found = next_locked_beside(crowd, there[0])
    assert found == there[1]


def next_locked_beside(campaign: Campaign, held: Recipient) -> Recipient | None:
    """Who is next while somebody else holds a recipient."""
    other = connection.copy()
    try:
        with other.cursor() as cursor, transaction.atomic():
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM campaigns_recipient WHERE id = %s FOR UPDATE", [held.pk])
            return next_locked(campaign, ["Europe/Lisbon"])
    finally:
        other.close()


def test_zones_are_those_of_whoever_waits_and_of_this_campaign(draft: Draft, crowd: Campaign) -> None:
    other: Campaign = draft()
    Recipient.objects.create(campaign=other, contact=Contact.objects.first(), zones="Asia/Tokyo")
    Recipient.objects.filter(campaign=crowd, zones="").update(state="skipped", reason="busy")
    assert waiting_zones(crowd) == ["America/Sao_Paulo", "Europe/Lisbon"]
    assert waiting_zones(other) == ["Asia/Tokyo"]
    Recipient.objects.update(state="skipped", reason="busy")
    assert waiting_zones(crowd) == []


def test_recipient_in_an_open_zone_whom_somebody_holds_is_soon_looked_for_again(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 1, timezone="Asia/Tokyo", phone="")
    people(number, 1, start=1, timezone="Europe/Madrid", phone="")
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False):
        campaign = begin(draft(quiet_from=time(22), quiet_until=time(8)), lead)
        feeding = Feeding(str(campaign.pk))
        feeding.go_on()
        Recipient.objects.filter(zones="Europe/Madrid").update(
            state="queued", written_at=None, message=None, identity=None
        )
        Campaign.objects.update(next_slot=None)
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM campaigns_recipient WHERE zones = 'Europe/Madrid' FOR UPDATE")
            assert (feeding.go_on() or 99) < 1
        other.close()


# --- the day -----------------------------------------------------------------------------------------------


@pytest.fixture
def said(draft: Draft, number: Inbox) -> Callable[..., None]:
    """Notes that campaigns wrote through the inbox so long ago."""
    campaign = draft()
    made = iter(people(number, 60, start=500))

    def say(*ago: timedelta) -> None:
        now = timezone.now()
        Recipient.objects.bulk_create(
            Recipient(campaign=campaign, contact=next(made), state="written", written_at=now - each)
            for each in ago
        )

    return say


def test_day_that_was_counted_before_is_counted_right_later(
    draft: Draft, said: Callable[..., None], number: Inbox
) -> None:
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    with time_machine.travel(NOON, tick=False) as clock:
        campaign = draft(daily_limit=100)
        said(
            25 * hour,
            24 * hour,
            24 * hour - 5 * second,
            2 * hour,
            31 * second,
            30 * second,
            second,
            0 * second,
        )
        day = day_before(number, timezone.now())
        for _step in range(8):
            now = timezone.now()
            assert left_today(campaign, now, day) == left_today(campaign, now) != (100, None)
            assert day_before(number, now, day) is day
            clock.shift(2)
            # Of somebody who began to write before the count was made.
            said(timedelta(), 20 * second)
        clock.shift(4)
        assert day_before(number, timezone.now(), day) is not day


def test_day_is_not_counted_anew_in_each_turn_or_for_each_message(
    draft: Draft, number: Inbox, lead: Actor, django_assert_num_queries: Any
) -> None:
    people(number, 8)
    campaign = begin(draft(daily_limit=1_000), lead)
    feeding = Feeding(str(campaign.pk))
    while feeding.day is None:
        feeding.go_on()
    day, now = feeding.day, timezone.now()
    feeding.go_on()
    assert feeding.day is day
    turn = turn_of(campaign, now, day)
    assert isinstance(turn, Turn)
    assert turn.scarce is day
    with django_assert_num_queries(2):
        left_today(campaign, now, day)


def test_campaigns_that_remember_their_count_do_not_both_take_the_last_places(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 20)
    with time_machine.travel(NOON, tick=False) as clock:
        feedings = [Feeding(str(begin(draft(daily_limit=9), lead).pk)) for _each in range(3)]
        for turn in range(60):
            Campaign.objects.update(next_slot=None)
            feedings[turn % 3].go_on()
            Delivery.objects.filter(status="queued").update(status="sent")
            clock.shift(0.1)
    assert Recipient.objects.filter(state="written").count() == 9
