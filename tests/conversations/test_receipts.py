"""What providers tell of messages: it moves forward only, whatever the order in which it comes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from conversations.actions import claiming, settling
from conversations.actions.intake import take_in, take_in_some
from conversations.actions.receipts import record_receipt
from conversations.enums import DeliveryStatus, EventType, Verdict
from conversations.errors import NotYet
from conversations.exchange import Receipt, Sent
from conversations.models import ContactIdentity, Conversation, Delivery, Event, Inbox
from conversations.queries.delivered import delivery_states
from tests.conversations.lines import (
    event,
    hand_out,
    incoming,
    only_delivery,
    pass_time,
    planned,
    say,
    sent,
    told,
)
from tests.conversations.scripted import ScriptedAdapter

QUEUED, SENDING, UNKNOWN = DeliveryStatus.QUEUED, DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN
SENT, DELIVERED, READ, FAILED = (
    DeliveryStatus.SENT,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
    DeliveryStatus.FAILED,
)
TOLD = [SENT, DELIVERED, READ, FAILED]
pytestmark = pytest.mark.django_db


def receipt(delivery: Delivery, status: str, **more: Any) -> dict[str, Any]:
    """What a webhook says of a delivery."""
    return {"kind": "receipt", "status": status, "provider_id": delivery.provider_id, **more}


def furthest(statuses: list[DeliveryStatus]) -> DeliveryStatus:
    """Where a message has come to that was sent and of which this was told, without times."""
    if READ in statuses:
        return READ
    if DELIVERED in statuses:
        # Told again without a time, it is the same delivery as before.
        return FAILED if FAILED in statuses[statuses.index(DELIVERED) :] else DELIVERED
    return FAILED if FAILED in statuses else SENT


@examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statuses=st.lists(st.sampled_from(TOLD), min_size=1, max_size=8))
def test_receipts_in_any_order_end_at_the_furthest(
    chat: Conversation, statuses: list[DeliveryStatus]
) -> None:
    """Case K: statuses come doubled and out of order; read never goes back to sent."""
    delivery = sent(chat)
    before: list[DeliveryStatus] = []
    for status in statuses:
        record_receipt(chat.inbox, Receipt(status, provider_id=delivery.provider_id or ""))
        before.append(status)
        delivery.refresh_from_db()
        assert delivery.status == furthest(before)
    assert (delivery.read_at is not None) == (READ in statuses)


@examples(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), happened=st.lists(st.sampled_from(TOLD), min_size=1, max_size=4, unique=True))
def test_receipts_with_times_end_where_it_ended_whatever_their_order(
    chat: Conversation, data: st.DataObject, happened: list[DeliveryStatus]
) -> None:
    """What happened first may be told last, and twice."""
    delivery = sent(chat)
    times = {status: timezone.now() + timedelta(seconds=number) for number, status in enumerate(happened)}
    told_as = data.draw(st.permutations(happened * 2))
    for status in told_as:
        record_receipt(chat.inbox, Receipt(status, provider_id=delivery.provider_id or "", at=times[status]))
    delivery.refresh_from_db()
    ends = [status for status in happened if status in {DELIVERED, FAILED}]
    assert delivery.status == (READ if READ in happened else [SENT, *ends][-1])


def test_bounce_after_delivery_is_shown(chat: Conversation, line: Inbox) -> None:
    """A mail server that said 250 sends it back later; the operator saw a delivered message for ever."""
    delivery = sent(chat)
    told(line, receipt(delivery, "delivered"))
    assert told(line, receipt(delivery, "failed", error="mailbox full", error_code="5.2.2")) == Verdict.DONE
    told(line, receipt(delivery, "sent"), receipt(delivery, "delivered"))
    state = delivery_states(chat.pk)[str(delivery.message_id)]
    assert state == {"status": "failed", "error": "mailbox full", "can_retry": True}
    assert Event.objects.filter(type=EventType.DELIVERY_FAILED).count() == 1


@pytest.mark.parametrize("status", TOLD)
def test_receipt_twice_changes_nothing_more(chat: Conversation, status: DeliveryStatus) -> None:
    delivery = sent(chat)
    item = Receipt(status, provider_id=delivery.provider_id or "", at=timezone.now())
    record_receipt(chat.inbox, item)
    before = Delivery.objects.values().get(pk=delivery.pk), Event.objects.count()
    assert record_receipt(chat.inbox, item) == "nothing changed"
    assert (Delivery.objects.values().get(pk=delivery.pk), Event.objects.count()) == before


def test_message_that_the_provider_took_may_fail_behind_it(chat: Conversation, line: Inbox) -> None:
    """A bounce, or WhatsApp's 131047: the call was answered 200 long ago, and nothing will ever arrive."""
    delivery = sent(chat)
    assert (
        told(line, receipt(delivery, "failed", error="Re-engagement message", error_code="131047")) == "done"
    )
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error_code) == (FAILED, "131047")
    row = Event.objects.get(type=EventType.DELIVERY_FAILED)
    assert (row.is_internal, row.payload["error"]) == (True, "Re-engagement message")
    state = delivery_states(chat.pk)[str(delivery.message_id)]
    assert state == {"status": "failed", "error": "Re-engagement message", "can_retry": True}


def test_message_that_was_read_does_not_fail_any_more(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat)
    told(line, receipt(delivery, "read"), receipt(delivery, "failed"))
    assert only_delivery().status == READ
    assert not Event.objects.filter(type=EventType.DELIVERY_FAILED).exists()


def test_message_that_failed_may_turn_out_to_have_arrived(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat)
    told(line, receipt(delivery, "failed", error="soft bounce", error_code="4.2.2"))
    told(line, receipt(delivery, "delivered"))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error, delivery.error_code) == (DELIVERED, "", "")


def test_failure_that_comes_before_the_answer_of_the_call_is_kept(
    chat: Conversation, line: Inbox, scripted: type[ScriptedAdapter], monkeypatch: Any
) -> None:
    """The webhook overtakes the answer: that the provider took it is older news than that it failed."""
    line.channel = "callback"
    line.save(update_fields=["channel"])
    delivery = say(chat)
    claim = claiming.claim(str(chat.pk))
    assert isinstance(claim, claiming.Claim)
    told(line, {"kind": "receipt", "status": "failed", "key": claim.outgoing.key, "error": "no such number"})
    settling.settle(claim.key, claim.attempt, Sent("p1"))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error, delivery.provider_id) == (FAILED, "no such number", "p1")


def test_read_that_comes_before_the_answer_of_the_call_is_kept(chat: Conversation, line: Inbox) -> None:
    say(chat)
    claim = claiming.claim(str(chat.pk))
    assert isinstance(claim, claiming.Claim)
    told(line, {"kind": "receipt", "status": "read", "key": claim.outgoing.key, "provider_id": "p1"})
    settling.settle(claim.key, claim.attempt, Sent("p1"))
    assert (only_delivery().status, only_delivery().provider_id) == (READ, "p1")


def test_status_before_its_message_waits_for_it(chat: Conversation, line: Inbox) -> None:
    """Case K: the status webhook of a call whose answer is still on its way."""
    early = event(line, {"kind": "receipt", "status": "delivered", "provider_id": f"p-{say(chat).pk.hex}"})
    assert take_in(early) == Verdict.RECEIVED
    hand_out(chat)
    pass_time(2)
    assert take_in_some(line.pk) == 1
    early.refresh_from_db()
    assert (early.verdict, only_delivery().status) == (Verdict.DONE, DELIVERED)


def test_receipt_of_nothing_known_is_not_yet(chat: Conversation, line: Inbox) -> None:
    for item in (Receipt(SENT, provider_id="nobody"), Receipt(SENT), Receipt(SENT, key="no uuid")):
        with pytest.raises(NotYet):
            record_receipt(line, item)


def test_receipt_of_another_inbox_is_not_ours(chat: Conversation, line: Inbox) -> None:
    """Chatwoot looks a message up by its id alone, in whichever inbox or account it is."""
    other = Inbox.objects.create(name="Other", channel="scripted")
    delivery = sent(chat)
    for item in (Receipt(READ, provider_id=delivery.provider_id or ""), Receipt(READ, key=delivery.pk.hex)):
        with pytest.raises(NotYet):
            record_receipt(other, item)
    assert only_delivery().status == SENT


def test_key_finds_what_has_no_provider_id_yet_and_teaches_it(chat: Conversation, line: Inbox) -> None:
    delivery = say(chat)
    assert record_receipt(line, Receipt(SENT, key=str(delivery.pk), provider_id="wamid.7")) is None
    delivery.refresh_from_db()
    assert (delivery.status, delivery.provider_id) == (SENT, "wamid.7")


def test_key_of_somebody_else_gives_way_to_the_provider_id(chat: Conversation, line: Inbox) -> None:
    delivery = sent(chat)
    item = Receipt(DELIVERED, key="0" * 32, provider_id=delivery.provider_id or "")
    assert record_receipt(line, item) is None
    assert only_delivery().status == DELIVERED


def test_confirmation_lets_what_waited_behind_it_go(chat: Conversation, line: Inbox) -> None:
    delivery = say(chat)
    Delivery.objects.update(status=UNKNOWN)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    record_receipt(line, Receipt(SENT, key=delivery.pk.hex, provider_id="p1"))
    assert planned("conversations.deliver") == [{"conversation_id": str(chat.pk)}]


def test_receipt_teaches_no_id_that_another_message_has(chat: Conversation, line: Inbox) -> None:
    first, second = sent(chat, "a"), say(chat, "b")
    record_receipt(line, Receipt(SENT, key=second.pk.hex, provider_id=first.provider_id or ""))
    second.refresh_from_db()
    assert (second.status, second.provider_id) == (SENT, None)


@pytest.mark.parametrize("reader", ["davi", "davi-by-number"])
def test_watermark_marks_what_was_sent_to_that_reader_until_then(
    chat: Conversation, line: Inbox, reader: str
) -> None:
    identity = ContactIdentity.objects.get()
    ContactIdentity.objects.create(
        inbox=line, external_id="davi-by-number", contact=identity.contact, same_as=identity
    )
    first = sent(chat, "before")
    told(line, incoming(7, sender="eva"))
    other = Conversation.objects.exclude(pk=chat.pk).get()
    elsewhere = sent(other, "to eva")
    upto = timezone.now()
    later = sent(chat, "after")
    assert record_receipt(line, Receipt(READ, reader=reader, upto=upto)) is None
    states = {row.pk: row.status for row in Delivery.objects.all()}
    assert states == {first.pk: READ, later.pk: SENT, elsewhere.pk: SENT}


def test_watermark_by_the_time_of_the_message_reaches_that_message(chat: Conversation, line: Inbox) -> None:
    """Messenger's watermark is the time of the message that was read: before our call even had its answer."""
    delivery = sent(chat)
    assert delivery.claimed_at is not None
    Delivery.objects.update(sent_at=delivery.claimed_at + timedelta(seconds=3))
    record_receipt(line, Receipt(READ, reader="davi", upto=delivery.claimed_at + timedelta(seconds=1)))
    assert only_delivery().status == READ


@pytest.mark.parametrize("status", [QUEUED, SENDING, UNKNOWN, FAILED])
def test_watermark_proves_nothing_of_what_was_not_sent(
    chat: Conversation, line: Inbox, status: DeliveryStatus
) -> None:
    sent(chat)
    Delivery.objects.update(status=status)
    assert record_receipt(line, Receipt(READ, reader="davi")) == "nothing changed"
    assert only_delivery().status == status


def test_bounce_of_a_dead_address_marks_the_contact(chat: Conversation, line: Inbox) -> None:
    told(line, receipt(sent(chat), "failed", error="no such mailbox", error_code="5.1.1"))
    assert ContactIdentity.objects.get().unreachable_since is not None


@pytest.mark.parametrize("code", ["", "4.2.2", "5.7.1", "131026"])
def test_bounce_of_another_kind_marks_nobody(chat: Conversation, line: Inbox, code: str) -> None:
    told(line, receipt(sent(chat), "failed", error="full", error_code=code))
    assert ContactIdentity.objects.get().unreachable_since is None


def test_receipt_with_words_that_no_database_holds_counts_all_the_same(
    chat: Conversation, line: Inbox
) -> None:
    delivery = sent(chat)
    assert told(line, receipt(delivery, "failed", error="a\x00b \ud83d", error_code="\x00")) == Verdict.DONE
    assert only_delivery().error == "ab ?"


def test_every_receipt_of_a_batch_counts(chat: Conversation, line: Inbox) -> None:
    """Chatwoot reads `statuses.first`: of a batch, the rest is lost."""
    deliveries = [sent(chat, str(number)) for number in range(5)]
    told(line, *(receipt(delivery, "delivered") for delivery in deliveries))
    assert set(Delivery.objects.values_list("status", flat=True)) == {DELIVERED}
