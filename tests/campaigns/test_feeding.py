"""From the first recipient to the last: each at most once, in time, whoever is left out with a reason."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Team, User
from campaigns import actions
from campaigns.actions import Wording, feeding
from campaigns.actions.feeding import sweep, write_next
from campaigns.actions.importing import give_list, read_some
from campaigns.actions.preparing import prepare_some
from campaigns.enums import CampaignStatus, ConsentState, RecipientState, Skip
from campaigns.models import Campaign, Recipient
from campaigns.queries.stats import stats
from conversations.actions import Sender, merge_contacts, receive
from conversations.enums import AuthorKind, Status
from conversations.models import (
    Attachment,
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    Inbox,
    InboxState,
    Message,
    MessageTemplate,
)
from core.actor import Actor
from core.reasons import in_english
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, feed, go_on, no_errors, run, states, together
from tests.conversations.lines import planned

pytestmark = pytest.mark.django_db(transaction=True)


def turn_of(campaign: Campaign) -> feeding.Turn:
    """A turn in which nothing holds the campaign up."""
    return feeding.Turn(9, {row.pk: row for row in campaign.variants.select_related("template")}, {})


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


def test_message_is_the_companys_and_takes_charge_of_nothing(
    draft: Draft, number: Inbox, lead: Actor, bruno: User
) -> None:
    people(number, 1)
    conversation = receive(inbox=number, sender=Sender("5511900000000"), text="Oi").conversation
    before = Conversation.objects.get(pk=conversation.pk)
    run(draft(), lead)
    after = Conversation.objects.get()
    for name in ("status", "assignee_id", "waiting_since", "first_reply_at", "last_contact_seq", "is_unread"):
        assert getattr(after, name) == getattr(before, name), name
    message = Message.objects.get(direction="out")
    assert (message.author_kind, message.author_name) == (AuthorKind.OPERATOR, "Aurora")
    assert after.preview == message.text


def test_four_feeders_at_once_write_to_nobody_twice(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 120)
    campaign = begin(draft(), lead)

    def feeder() -> None:
        for _turn in range(60):
            if go_on(str(campaign.pk)) is None:
                return
            Delivery.objects.filter(status="queued").update(status="sent")

    no_errors(together(*[feeder] * 4))
    feed(campaign)
    assert campaign.status == CampaignStatus.DONE
    assert Message.objects.count() == Delivery.objects.count() == Conversation.objects.count() == 120
    assert Recipient.objects.filter(state="written").count() == 120


def test_recipient_that_somebody_else_holds_is_passed_over(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 2)
    campaign = begin(draft(), lead)
    go_on(str(campaign.pk))
    Recipient.objects.update(state="queued", written_at=None, message=None, identity=None)
    Message.objects.all().delete()
    first = Recipient.objects.order_by("pk")[0]
    Campaign.objects.update(status="running", finished_at=None, next_slot=None)
    seen: list[Any] = []

    def hold() -> None:
        with transaction.atomic():
            Recipient.objects.select_for_update().get(pk=first.pk)
            seen.append("held")
            for _moment in range(250):
                if len(seen) > 1:
                    break
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.02)")

    def write() -> None:
        while not seen:
            pass
        row = Campaign.objects.select_related("inbox").get()
        assert write_next(row, turn_of(row)) is True
        # One waits that cannot be had: the campaign is not over.
        Campaign.objects.update(next_slot=None)
        assert isinstance(write_next(row, turn_of(row)), feeding.Wait)
        seen.append("written")

    no_errors(together(hold, write))
    assert Recipient.objects.get(pk=first.pk).state == "queued"
    assert Campaign.objects.get().status == CampaignStatus.RUNNING
    feed(campaign)
    assert Message.objects.count() == 2


def test_worker_that_dies_between_two_messages_leaves_all_or_nothing(
    draft: Draft, number: Inbox, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(number, 6)
    campaign = begin(draft(), lead)
    deaths = iter([False, True, True, False, True] + [False] * 50)

    def die(_name: str) -> None:
        if next(deaths):
            message = "killed"
            raise RuntimeError(message)

    monkeypatch.setattr(feeding, "crash_point", die)
    died = 0
    for _life in range(10):
        try:
            feed(campaign)
            break
        except RuntimeError:
            died += 1
            written = Recipient.objects.filter(state="written").count()
            assert Message.objects.count() == Delivery.objects.count() == written
    assert died == 3
    assert Message.objects.count() == Recipient.objects.filter(state="written").count() == 6


# --- who is left out ---------------------------------------------------------------------------------------


def test_each_who_cannot_be_written_to_is_left_out_with_the_reason(
    draft: Draft, number: Inbox, lead: Actor, team: Team
) -> None:
    dead, fine = people(number, 2)
    dead.identities.update(unreachable_since=timezone.now())
    elsewhere = Inbox.objects.create(name="Other", channel="telegram", team=team)
    gone = people(number, 1, start=2, phone="")[0]
    bad = people(elsewhere, 1, start=3, phone="not a number")[0]
    long = people(elsewhere, 1, start=4, phone="", email="a" * 240 + "@b.example")[0]
    campaign = draft()
    begin(campaign, lead)
    prepare_some(str(campaign.pk))
    Recipient.objects.bulk_create(
        Recipient(campaign=campaign, contact=one, variant=campaign.variants.get()) for one in (bad, long)
    )
    gone.identities.all().delete()
    feed(campaign)
    assert states(campaign) == {
        dead.name: "unreachable", fine.name: "written", gone.name: "no_address", bad.name: "no_address",
        long.name: "no_address",
    }  # fmt: skip
    assert Conversation.objects.count() == 1


def test_stranger_with_an_address_becomes_known(draft: Draft, number: Inbox, lead: Actor, team: Team) -> None:
    telegram = Inbox.objects.create(name="Telegram", channel="telegram", team=team)
    receive(inbox=telegram, sender=Sender("7", name="Ana", phone="+5511999990001"), text="Oi")
    assert states(run(draft(), lead)) == {"Ana": "written"}
    assert ContactIdentity.objects.get(inbox=number).external_id == "5511999990001"


def test_number_of_one_that_is_the_id_of_another_is_written_to_once(
    draft: Draft, number: Inbox, lead: Actor, team: Team
) -> None:
    telegram = Inbox.objects.create(name="Telegram", channel="telegram", team=team)
    people(number, 1, name="Ana")
    receive(inbox=telegram, sender=Sender("7", name="Bia", phone="+5511900000000"), text="Oi")
    campaign = run(draft(), lead)
    assert sorted(states(campaign).values()) == ["duplicate", "written"]
    assert Message.objects.filter(direction="out").count() == 1


@pytest.mark.parametrize("kept", [0, 1])
def test_customers_who_became_one_meanwhile_are_written_to_once(
    draft: Draft, number: Inbox, lead: Actor, kept: int
) -> None:
    both = people(number, 2)
    campaign = begin(draft(), lead)
    prepare_some(str(campaign.pk))
    merge_contacts(keep=both[kept], other=both[1 - kept], by=lead)
    feed(campaign)
    assert campaign.status == CampaignStatus.DONE
    assert Message.objects.count() == 1
    assert states(campaign)[both[kept].name] == "written"
    assert states(campaign)[both[1 - kept].name] == "duplicate"


def test_customer_merged_into_one_outside_the_audience_is_written_to_as_that_one(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    (ana,) = people(number, 1, name="Ana")
    keep = Contact.objects.create(name="Bia")
    campaign = begin(draft(), lead)
    prepare_some(str(campaign.pk))
    merge_contacts(keep=keep, other=ana, by=lead)
    feed(campaign)
    assert states(campaign) == {"Bia": "written"}
    assert Message.objects.get().text.startswith("Oi Bia")


def test_missing_value_leaves_one_out_and_not_the_campaign_standing(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    people(number, 1, attributes={"cupom": "X1"}, name="Ana")
    people(number, 1, start=1, name="Bia")
    people(number, 1, start=2, attributes={"cupom": "y" * 1_100}, name="Eva")
    people(number, 1, start=3, attributes={"cupom": "Z\n9"}, name="Lia")
    for value in ("{{cupom}}", "{{cupom|}}"):
        wording = Wording(template=offer, values={"1": "{{first_name}}", "2": value})
        campaign = run(draft(wordings=[wording]), lead)
        assert campaign.status == CampaignStatus.DONE, campaign.error
        assert states(campaign) == {
            "Ana": "written", "Bia": "missing_value", "Eva": "too_long", "Lia": "written",
        }  # fmt: skip
    assert Message.objects.filter(text="Oi Lia, Z 9 de desconto.").count() == 2
    assert Conversation.objects.count() == 2


def test_text_that_does_not_fit_leaves_one_out(post: Inbox, lead: Actor) -> None:
    for name, note in (("Ana", "x"), ("Bia", "x" * 100)):
        found = receive(inbox=post, sender=Sender(name.lower(), name=name), text="Oi").conversation
        Contact.objects.filter(pk=found.contact_id).update(attributes={"note": note})
    campaign = actions.create_campaign(
        by=lead, inbox=post, name="News", wordings=[Wording(text="Oi {{note}}")], per_minute=100_000
    )
    assert states(run(campaign, lead)) == {"Ana": "written", "Bia": "too_long"}


def test_closed_window_leaves_no_empty_conversation_behind(post: Inbox, lead: Actor) -> None:
    for name in ("ana", "bia"):
        receive(inbox=post, sender=Sender(name, name=name), text="Oi")
    Conversation.objects.filter(contact__name="bia").update(
        last_contact_at=timezone.now() - timedelta(days=2)
    )
    people(post, 1)
    campaign = actions.create_campaign(
        by=lead, inbox=post, name="News", wordings=[Wording(text="Oi")], per_minute=100_000
    )
    assert states(run(campaign, lead)) == {
        "ana": "written", "bia": "window_closed", "Maria 0": "window_closed",
    }  # fmt: skip
    assert Conversation.objects.count() == 2


def test_who_is_in_conversation_with_us_is_left_alone_if_wanted(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 2)
    receive(inbox=number, sender=Sender("5511900000000"), text="Oi")
    assert states(run(draft(leaves_busy=True), lead)) == {"Maria 0": "busy", "Maria 1": "written"}
    assert states(run(draft(), lead)) == {"Maria 0": "written", "Maria 1": "written"}


# --- what stops all ----------------------------------------------------------------------------------------


def stands_still(campaign: Campaign, why: str) -> None:
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.PAUSED
    assert why in in_english(campaign.error)
    assert Recipient.objects.filter(campaign=campaign, state="queued").exists()
    assert not Conversation.objects.filter(last_seq=0).exists()


def test_template_that_went_away_stops_the_campaign_and_says_so(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    people(number, 3)
    wording = Wording(text="plain words", template=offer, values={"1": "a", "2": "b"})
    campaign = begin(draft(wordings=[wording]), lead)
    MessageTemplate.objects.all().delete()
    assert feed(campaign) is None
    stands_still(campaign, "the template is gone")
    assert not Message.objects.exists()


def test_template_that_is_no_longer_approved_stops_the_campaign_until_it_is(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    people(number, 3)
    campaign = begin(draft(), lead)
    MessageTemplate.objects.update(status="PAUSED")
    assert feed(campaign) is None
    stands_still(campaign, "not approved")
    MessageTemplate.objects.update(status="APPROVED")
    actions.resume(campaign=campaign, by=lead)
    feed(campaign)
    assert (campaign.status, campaign.error) == (CampaignStatus.DONE, "")
    assert Message.objects.count() == 3


def test_file_of_a_template_that_went_away_stops_the_campaign(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    people(number, 1)
    MessageTemplate.objects.update(details={"header_format": "IMAGE"})
    offer.refresh_from_db()
    file = Attachment.objects.create(
        inbox=number, uploader="x", name="a.png", content_type="image/png", size=1, file="a.png"
    )
    wording = Wording(template=offer, values={"1": "a", "2": "b"}, file=file)
    campaign = begin(draft(wordings=[wording]), lead)
    Attachment.objects.all().delete()
    feed(campaign)
    stands_still(campaign, "is gone")


def test_inbox_that_is_switched_off_holds_the_campaign_until_it_is_on(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 2)
    campaign = begin(draft(), lead)
    Inbox.objects.update(is_active=False)
    assert feed(campaign) is None
    sweep()
    assert campaign.status == CampaignStatus.RUNNING
    assert not Message.objects.exists()
    Inbox.objects.update(is_active=True)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    sweep()
    assert planned("campaigns.run") == [{"campaign_id": str(campaign.pk)}]
    feed(campaign)
    assert Message.objects.count() == 2


def test_provider_that_asks_for_a_pause_gets_it(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 2)
    campaign = begin(draft(), lead)
    until = timezone.now() + timedelta(minutes=5)
    InboxState.objects.create(inbox=number, not_before=until)
    pause = feed(campaign)
    assert pause is not None
    assert 290 < pause <= 300
    assert not Message.objects.exists()
    InboxState.objects.update(not_before=timezone.now())
    feed(campaign)
    assert Message.objects.count() == 2


# --- quiet hours -------------------------------------------------------------------------------------------


def test_whole_run_over_a_change_of_clocks_writes_to_nobody_at_night(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    zones = ["America/New_York", "Europe/Madrid", "Australia/Lord_Howe", "Asia/Tokyo", ""]
    for place, zone in enumerate(zones):
        people(number, 2, start=place * 10, timezone=zone, phone="")
    quiet = {"quiet_from": time(21), "quiet_until": time(9), "timezone": "America/Sao_Paulo"}
    # Saturday before the clocks of New York go forward; and those of Lord Howe go back a month later.
    for begun in (datetime(2026, 3, 7, 22, tzinfo=UTC), datetime(2026, 4, 4, 11, tzinfo=UTC)):
        with time_machine.travel(begun, tick=False) as clock:
            campaign = begin(draft(**quiet), lead)
            for _wait in range(100):
                pause = feed(campaign)
                if pause is None:
                    break
                clock.shift(pause)
            assert campaign.status == CampaignStatus.DONE
            assert timezone.now() - begun < timedelta(hours=24)
        rows = Recipient.objects.filter(campaign=campaign).select_related("contact")
        assert {row.state for row in rows} == {"written"}
        for row in rows:
            zone = row.contact.timezone or "America/Sao_Paulo"  # type: ignore[union-attr]
            hour = wall(row.written_at, zone).hour
            assert 9 <= hour < 21, (zone, row.written_at)
        assert len({row.written_at for row in rows}) > 2


def wall(moment: datetime | None, zone: str) -> datetime:
    assert moment
    return moment.astimezone(ZoneInfo(zone))


def test_those_whose_hour_it_is_are_written_to_and_the_others_later(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    for place, zone in enumerate(("Asia/Tokyo", "Europe/Madrid")):
        people(number, 2, start=place * 10, timezone=zone, name=zone, phone="")
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False):
        campaign = begin(draft(quiet_from=time(22), quiet_until=time(8)), lead)
        pause = feed(campaign)
        assert set(Message.objects.values_list("conversation__contact__name", flat=True)) == {"Europe/Madrid"}
        # Looked at again each hour at least.
        assert pause == 3600
        assert campaign.status == CampaignStatus.RUNNING


def test_zone_of_a_list_or_of_the_number_decides(draft: Draft, number: Inbox, lead: Actor) -> None:
    campaign = draft(quiet_from=time(22), quiet_until=time(8), timezone="UTC")
    text = b"fone;nome;fuso\n+81312345678;Aki;\n+34600123456;Eva;\n+34600123457;Mia;Asia/Tokyo\n"
    read_some(give_list(campaign=campaign, data=text, by=lead).pk)
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False):
        run(campaign, lead)
    assert states(campaign) == {"Aki": "queued", "Eva": "written", "Mia": "queued"}


# --- pace and limits ---------------------------------------------------------------------------------------


def written() -> list[datetime]:
    return [each for each in Recipient.objects.values_list("written_at", flat=True) if each]


def most_within(moments: Iterable[datetime], span: timedelta) -> int:
    ordered = sorted(moments)
    return max(sum(1 for each in ordered if begun <= each < begun + span) for begun in ordered)


@pytest.mark.parametrize("idle", [0.0, 1.7, 20.0, 300.0])
def test_pace_is_kept_in_every_window_whatever_was_missed(
    draft: Draft, number: Inbox, lead: Actor, idle: float
) -> None:
    people(number, 60)
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False) as clock:
        campaign = begin(draft(per_minute=120), lead)
        for turn in range(200):
            pause = go_on(str(campaign.pk))
            Delivery.objects.filter(status="queued").update(status="sent")
            if pause is None:
                break
            # Now and then the worker was away.
            clock.shift(max(pause, 0.01) + (idle if turn % 7 == 3 else 0))
    moments = written()
    assert len(moments) == 60
    for seconds in (1, 5, 10, 20):
        most = most_within(moments, timedelta(seconds=seconds))
        assert most <= 2 * seconds + 2 * feeding.BURST.total_seconds() + 1
    if not idle:
        assert max(moments) - min(moments) == timedelta(seconds=29.5)


def test_pace_is_reached_though_each_turn_comes_late(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 60)
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False) as clock:
        campaign = begin(draft(per_minute=120), lead)
        while (pause := go_on(str(campaign.pk))) is not None:
            Delivery.objects.filter(status="queued").update(status="sent")
            clock.shift(pause + 0.4)
    moments = written()
    assert max(moments) - min(moments) <= timedelta(seconds=31)


def test_no_more_is_put_into_an_inbox_than_it_sends_in_five_seconds(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 30)
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False) as clock:
        campaign = begin(draft(per_minute=120), lead)
        for _turn in range(100):
            pause = go_on(str(campaign.pk))
            clock.shift(max(pause or 0, 0.01))
    assert Delivery.objects.filter(status="queued").count() == 10


def test_daily_limit_holds_in_any_day_for_all_campaigns_of_an_inbox(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 7)
    with time_machine.travel(datetime(2026, 6, 1, 15, tzinfo=UTC), tick=False) as clock:
        first, second = (begin(draft(daily_limit=4), lead) for _each in range(2))
        feed(first)
        assert Message.objects.count() == 4
        assert feed(second) == 3600
        assert Message.objects.count() == 4
        clock.shift(timedelta(hours=23, minutes=59))
        feed(second)
        assert Message.objects.count() == 4
        clock.shift(timedelta(minutes=1))
        feed(second)
        assert Message.objects.count() == 8
        clock.shift(timedelta(hours=24))
        feed(first)
        feed(second)
    moments = written()
    assert most_within(moments, timedelta(hours=24)) == 4


def test_two_campaigns_at_once_do_not_both_take_the_last_places(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 20)
    campaigns = [begin(draft(daily_limit=9), lead) for _each in range(3)]

    def feeder(campaign: Campaign) -> None:
        for _turn in range(12):
            go_on(str(campaign.pk))

    no_errors(together(*[lambda one=one: feeder(one) for one in campaigns]))
    assert Message.objects.count() == 9


def test_tier_of_the_provider_is_the_limit_where_none_is_set(
    draft: Draft, number: Inbox, lead: Actor
) -> None:
    people(number, 5)
    InboxState.objects.create(inbox=number, details={"daily_limit": 2})
    campaign = begin(draft(), lead)
    feed(campaign)
    assert Message.objects.count() == 2
    InboxState.objects.update(details={"daily_limit": "many"})
    feed(campaign)
    assert Message.objects.count() == 5


def test_one_who_cannot_be_written_to_keeps_nobody_from_it(
    draft: Draft, number: Inbox, lead: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    odd, fine = people(number, 2)
    # Nothing of ours writes that; the job would be tried again every five seconds, for ever.
    Contact.objects.filter(pk=odd.pk).update(attributes=["no", "object"])
    campaign = run(draft(), lead)
    assert states(campaign) == {odd.name: "broken", fine.name: "written"}
    assert Campaign.objects.get().status == CampaignStatus.DONE
    assert "cannot be written to" in caplog.text
