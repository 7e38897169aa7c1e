"""The sweep: whatever hint was lost and whoever died, the work is found."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from conversations.actions.sweeping import sweep
from conversations.enums import DeliveryStatus, Verdict
from conversations.models import Attachment, Conversation, Delivery, InboundEvent, Inbox
from tests.conversations.lines import event, incoming, pass_time, planned, say, told

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_jobs(db: None) -> None:
    forget_jobs()


def forget_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def test_receipt_that_nobody_was_woken_for_is_found(line: Inbox) -> None:
    event(line, incoming())
    sweep()
    assert planned("conversations.take_in") == []
    pass_time(4)
    sweep()
    sweep()
    assert planned("conversations.take_in") == [{"inbox_id": line.pk}]


@pytest.mark.parametrize("verdict", [Verdict.DONE, Verdict.IGNORED, Verdict.QUARANTINED])
def test_receipt_that_was_judged_is_left_alone(line: Inbox, verdict: Verdict) -> None:
    InboundEvent.objects.filter(pk=event(line).pk).update(verdict=verdict)
    pass_time(60)
    sweep()
    assert planned("conversations.take_in") == []


def test_receipt_that_waits_is_found_when_its_time_has_come(line: Inbox) -> None:
    told(line, {"kind": "edited", "external_id": "m9", "text": "b"})
    InboundEvent.objects.update(received_at=timezone.now() - timedelta(minutes=1))
    sweep()
    assert planned("conversations.take_in") == []
    pass_time(2)
    sweep()
    assert planned("conversations.take_in") == [{"inbox_id": line.pk}]


@pytest.mark.parametrize(
    ("status", "fields", "seconds", "is_found"),
    [
        (DeliveryStatus.QUEUED, {}, 1, False),
        (DeliveryStatus.QUEUED, {}, 4, True),
        (DeliveryStatus.SENDING, {"claimed_at": 0}, 20, False),
        (DeliveryStatus.SENDING, {"claimed_at": 0}, 26, True),
        (DeliveryStatus.UNKNOWN, {"next_try_at": 60}, 60, False),
        (DeliveryStatus.UNKNOWN, {"next_try_at": 60}, 64, True),
        (DeliveryStatus.QUEUED, {"next_try_at": 60}, 30, False),
        (DeliveryStatus.QUEUED, {"next_try_at": 60}, 64, True),
        (DeliveryStatus.FAILED, {"next_try_at": 0}, 60, False),
        (DeliveryStatus.SENT, {"next_try_at": 0}, 60, False),
    ],
)
def test_delivery_is_found_when_it_is_due(
    chat: Conversation, status: DeliveryStatus, fields: dict[str, int], seconds: int, *, is_found: bool
) -> None:
    say(chat)
    times = {name: timezone.now() + timedelta(seconds=after) for name, after in fields.items()}
    Delivery.objects.update(status=status, **times)
    forget_jobs()
    pass_time(seconds)
    sweep()
    assert planned("conversations.deliver") == [{"conversation_id": str(chat.pk)}] * is_found


def test_delivery_of_an_inbox_that_is_switched_off_is_found_when_it_is_on_again(chat: Conversation) -> None:
    say(chat)
    forget_jobs()
    pass_time(4)
    Inbox.objects.update(is_active=False)
    sweep()
    assert planned("conversations.deliver") == []
    Inbox.objects.update(is_active=True)
    sweep()
    assert planned("conversations.deliver") == [{"conversation_id": str(chat.pk)}]


def test_file_that_nobody_fetches_is_found(line: Inbox) -> None:
    told(line, incoming(1, files=[{"reference": {"id": "f"}, "name": "a.png"}]))
    forget_jobs()
    sweep()
    assert planned("conversations.fetch_file") == []
    pass_time(121)
    sweep()
    assert planned("conversations.fetch_file") == [{"attachment_id": str(Attachment.objects.get().pk)}]


def test_inbox_that_has_to_be_asked_has_one_job(line: Inbox, inbox: Inbox) -> None:
    Inbox.objects.create(name="Pulled", channel="scripted", config={"is_pulled": True})
    Inbox.objects.create(name="Off", channel="scripted", config={"is_pulled": True}, is_active=False)
    sweep()
    sweep()
    assert planned("conversations.pull") == [{"inbox_id": Inbox.objects.get(name="Pulled").pk}]


def test_inbox_of_a_channel_that_is_gone_or_without_settings_stops_no_other(
    line: Inbox, scripted: Any
) -> None:
    """A channel is one folder and one line; deleting them must not stop the rest."""
    gone = Inbox.objects.create(name="Gone", channel="scripted")
    Inbox.objects.filter(pk=gone.pk).update(channel="fax")
    Inbox.objects.create(name="Bare", channel="scripted", config={"secret": ["?"]})
    pulled = Inbox.objects.create(name="Pulled", channel="scripted", config={"is_pulled": True})
    sweep()
    assert planned("conversations.pull") == [{"inbox_id": pulled.pk}]
