"""What is told of a campaign: each recipient once, by the worst of what became of them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import actions
from campaigns.actions import Wording
from campaigns.enums import ConsentState, Outcome
from campaigns.models import Campaign, Recipient
from campaigns.queries.stats import course, stats, with_outcome
from conversations.actions import Sender, receive
from conversations.actions.claiming import Claim, claim
from conversations.actions.receipts import record_receipt
from conversations.actions.settling import settle
from conversations.channels import SendFailed, SendRefused, SendUnclear
from conversations.enums import DeliveryStatus
from conversations.exchange import Receipt, Sent
from conversations.models import Delivery, Inbox, Message, MessageTemplate
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, feed, go_on

pytestmark = pytest.mark.django_db(transaction=True)
D = DeliveryStatus


def outcomes() -> dict[str, str]:
    """What became of each, by name."""
    rows: Any = with_outcome(Recipient.objects.select_related("contact"))
    return {row.contact.name: row.outcome for row in rows}


def write_all(campaign: Campaign, lead: Actor) -> Campaign:
    """Everything is written, nothing sent."""
    begin(campaign, lead)
    for _turn in range(20):
        Campaign.objects.filter(pk=campaign.pk).update(next_slot=None)
        go_on(str(campaign.pk))
    campaign.refresh_from_db()
    return campaign


def call(name: str, outcome: Sent | SendFailed | None = None) -> str:
    """The provider is asked to carry somebody's message, and says so or other; returns its id."""
    delivery = Delivery.objects.get(conversation__contact__name=name)
    found = claim(str(delivery.conversation_id))
    assert isinstance(found, Claim)
    provider_id = f"wamid.{name}"
    settle(found.key, found.attempt, outcome or Sent(provider_id))
    return provider_id


def receipt(inbox: Inbox, provider_id: str, *states: D, **more: Any) -> None:
    for state in states:
        record_receipt(inbox, Receipt(state, provider_id=provider_id, **more))


def test_each_outcome_is_told_from_what_providers_said(draft: Draft, number: Inbox, lead: Actor) -> None:
    names = [*"ABCDEFGHI"]
    made = {name: people(number, 1, start=place, name=name)[0] for place, name in enumerate(names)}
    actions.set_consent(identity=made["I"].identities.get(), state=ConsentState.WITHDRAWN, by=lead)
    campaign = write_all(draft(price=Decimal("0.0625"), currency="BRL"), lead)
    call("A")
    receipt(number, call("B"), D.DELIVERED)
    receipt(number, call("C"), D.READ, D.DELIVERED, D.SENT)
    call("D", SendRefused("The number is blocked.", provider_code="131026"))
    receipt(number, call("E"), D.DELIVERED)
    receipt(number, "wamid.E", D.FAILED, error="Expired", error_code="131047")
    call("F", SendUnclear("no answer"))
    claim(str(Delivery.objects.get(conversation__contact__name="G").conversation_id))
    found = stats(campaign)
    assert (found.recipients, found.sent, found.delivered, found.read) == (9, 3, 2, 1)
    assert (found.failed, found.unknown, found.sending, found.skipped, found.waiting) == (2, 1, 2, 1, 0)
    assert (found.cost, found.currency) == (Decimal("0.1875"), "BRL")
    assert found.failures == [
        {"code": "131026", "error": "The number is blocked.", "stored": "The number is blocked.", "count": 1},
        {"code": "131047", "error": "Expired", "stored": "Expired", "count": 1},
    ]
    assert found.left_out == [{"reason": "opted_out", "label": "Wants no messages", "count": 1}]
    told = outcomes()
    assert told == {
        "A": "sent", "B": "delivered", "C": "read", "D": "failed", "E": "failed", "F": "unknown",
        "G": "sending", "H": "sending", "I": "skipped",
    }  # fmt: skip


def test_waiting_recipients_are_told_while_it_runs(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 5)
    campaign = begin(draft(daily_limit=2), lead)
    feed(campaign)
    found = stats(campaign)
    assert (found.recipients, found.sent, found.waiting) == (5, 2, 3)


def parts_of(message: Message, *states: D) -> None:
    """Makes a message have as many parts."""
    first = Delivery.objects.get(message=message)
    for part, state in enumerate(states):
        failed = {"error": f"part {part}", "error_code": f"c{part}"} if state == D.FAILED else {}
        if part == 0:
            Delivery.objects.filter(pk=first.pk).update(status=state, **failed)
        else:
            Delivery.objects.create(
                message=message, conversation_id=first.conversation_id, inbox_id=first.inbox_id,
                seq=first.seq, part=part, status=state, **failed,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ((D.READ, D.FAILED), "failed"), ((D.FAILED, D.FAILED), "failed"), ((D.UNKNOWN, D.FAILED), "failed"),
        ((D.READ, D.UNKNOWN), "unknown"), ((D.QUEUED, D.UNKNOWN), "unknown"), ((D.SENT, D.QUEUED), "sending"),
        ((D.READ, D.SENDING), "sending"), ((D.READ, D.SENT), "sent"), ((D.READ, D.DELIVERED), "delivered"),
        ((D.READ, D.READ), "read"),
    ],
)  # fmt: skip
def test_message_in_parts_counts_once_by_its_worst(
    draft: Draft, number: Inbox, lead: Actor, states: tuple[D, ...], outcome: str
) -> None:
    people(number, 1)
    campaign = write_all(draft(price=1), lead)
    parts_of(Message.objects.get(), *states)
    found = stats(campaign)
    assert list(outcomes().values()) == [outcome]
    assert found.recipients == 1
    assert sum(row["count"] for row in found.failures) == found.failed == (outcome == "failed")
    assert found.cost == found.sent <= 1


def test_replies_and_opt_outs_are_people_and_not_messages(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 3)
    campaign = write_all(draft(), lead)
    Delivery.objects.update(status="sent")
    for text in ("Oi", "Quero", "parar", "stop"):
        receive(inbox=number, sender=Sender("5511900000000"), text=text)
    receive(inbox=number, sender=Sender("5511900000001"), text="parar")
    found = stats(campaign)
    assert (found.replied, found.opted_out) == (1, 2)
    row = found.variants[0]
    assert (row["replied"], row["opted_out"]) == (1, 2)


STATES = st.sampled_from([None, "skipped", *D.values])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], database=None)
@given(told=st.lists(st.tuples(STATES, st.booleans(), st.booleans()), min_size=24, max_size=24))
def test_variants_and_reasons_add_up_to_the_whole(
    campaign_of_24: Campaign, told: list[tuple[str | None, bool, bool]]
) -> None:
    now = timezone.now()
    for row, (state, replied, opted_out) in zip(Recipient.objects.order_by("pk"), told, strict=True):
        row.state, row.reason, row.written_at = "written", "", now
        if state in {None, "skipped"}:
            row.state, row.written_at = ("queued" if state is None else "skipped"), None
            row.reason = "" if state is None else "busy"
        row.replied_at = now if replied else None
        row.opted_out_at = now if opted_out else None
        row.save()
        if state in D.values:
            code = "x" if state == D.FAILED else ""
            Delivery.objects.filter(message=row.message_id).update(status=state, error_code=code)
    found = stats(campaign_of_24)
    whole = found.waiting + found.sending + found.unknown + found.sent + found.failed + found.skipped
    assert found.recipients == 24 == whole
    assert found.read <= found.delivered <= found.sent
    for name in ("recipients", "sent", "delivered", "read", "failed", "skipped", "replied", "opted_out"):
        assert sum(row[name] for row in found.variants) == getattr(found, name), name
    assert sum(row["count"] for row in found.failures) == found.failed
    assert sum(row["count"] for row in found.left_out) == found.skipped
    assert sum(1 for one in outcomes().values() if one in {Outcome.SENT, "delivered", "read"}) == found.sent
    assert found.replied == sum(replied for _state, replied, _out in told)


@pytest.fixture
def campaign_of_24(draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor) -> Campaign:
    """Three variants, all written."""
    people(number, 24)
    wordings = [Wording(template=offer, values={"1": "a", "2": each}) for each in "xyz"]
    campaign = write_all(draft(wordings=wordings), lead)
    assert Message.objects.count() == 24
    return campaign


def test_variants_get_their_shares_and_keep_them(
    draft: Draft, number: Inbox, offer: MessageTemplate, lead: Actor
) -> None:
    people(number, 400)
    wordings = [
        Wording(template=offer, values={"1": "a", "2": each}, share=share)
        for each, share in (("x", 3), ("y", 1))
    ]
    campaign = begin(draft(wordings=wordings), lead)
    go_on(str(campaign.pk))
    counts = {row["label"]: row["recipients"] for row in stats(campaign).variants}
    assert sum(counts.values()) == 400
    assert 260 <= counts["A"] <= 340


def test_numbers_cost_one_query_however_many_there_are(draft: Draft, number: Inbox, lead: Actor) -> None:
    counts = []
    for start, many in ((0, 1), (10, 30)):
        people(number, many, start=start)
        campaign = write_all(draft(), lead)
        with CaptureQueriesContext(connection) as queries:
            stats(campaign)
            course(campaign, timezone.now())
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3


def test_course_accounts_for_everybody(draft: Draft, number: Inbox, lead: Actor) -> None:
    people(number, 12)
    campaign = write_all(draft(), lead)
    receive(inbox=number, sender=Sender("5511900000000"), text="Oi")
    receive(inbox=number, sender=Sender("5511900000001"), text="stop")
    told = course(campaign, timezone.now())
    sums: dict[str, int] = {}
    for step in told["steps"]:
        sums[step["kind"]] = sums.get(step["kind"], 0) + step["count"]
    assert sums == {"written": 12, "replied": 1, "opted_out": 1}
    assert course(draft(), timezone.now())["steps"] == []


@pytest.mark.parametrize("last", ["written_at", "replied_at", "opted_out_at"])
@pytest.mark.parametrize("days", [0.1, 3, 14, 900])
def test_course_never_has_more_points_than_promised(
    draft: Draft, number: Inbox, days: float, last: str
) -> None:
    campaign, begun = draft(), timezone.now()
    Campaign.objects.update(started_at=begun)
    for place, contact in enumerate(people(number, 200)):
        moments = {"written_at": begun, last: begun + timedelta(days=days) * place / 199}
        Recipient.objects.create(campaign=campaign, contact=contact, state="written", **moments)
    campaign.refresh_from_db()
    told = course(campaign, begun + timedelta(days=2000))
    kind = last.removesuffix("_at")
    steps = [step for step in told["steps"] if step["kind"] == kind]
    assert sum(step["count"] for step in steps) == 200
    assert 15 <= len(steps) <= 90
