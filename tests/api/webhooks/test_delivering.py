"""Calls: signed, in order, again and again until they arrive."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Lock
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks import WebhookVerificationError

from accounts.models import User
from api.actions.answering import PLAN, settle
from api.actions.calling import made
from api.actions.claiming import BREAKER_AT, LEASE, OPEN_CALLS, Claim, Look, claim, look_at
from api.actions.replaying import _claimed_ping as claimed_ping
from api.actions.replaying import replay_call, replay_failed, send_test
from api.actions.sweeping import sweep
from api.actions.webhooks import change_webhook, rotate_secret
from api.enums import CallStatus
from api.models import Webhook, WebhookAttempt, WebhookCall
from api.tasks import plan_calls
from conversations.actions import resolve
from conversations.models import Inbox
from core.errors import Conflict
from core.reasons import said
from tests.api.conftest import KeyMaker
from tests.api.webhooks.conftest import ADMIN, call, hand_out, listen, pass_time, secret_of, tell, write
from tests.fakes.receiver import Heard, Receiver, Reply, answering
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
OTHER_SECRET = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXQ="


@pytest.fixture
def chatty(receiver: Receiver, transactional_db: None) -> Webhook:
    """Hears of messages only."""
    return listen(receiver, events=["message.*"])[0]


def statuses() -> list[str]:
    return list(WebhookCall.objects.order_by("event_id").values_list("status", flat=True))


def next_try(webhook: Webhook) -> float:
    """The seconds until the only call that waits is tried again."""
    row = WebhookCall.objects.get(webhook=webhook, status=CallStatus.WAITING)
    assert row.next_try_at is not None
    return (row.next_try_at - timezone.now()).total_seconds()


def claimed(webhook: Webhook) -> Claim:
    found = claim(look_at(webhook.pk).calls[0])
    assert found is not None
    return found


# --- Signed, in order ---------------------------------------------------------------------------------------
def test_everything_that_happens_to_a_conversation_arrives_signed_and_in_order(
    webhook: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    message = write(inbox, "Onde está meu pedido?")
    resolve(conversation=message.conversation, by=ADMIN)
    hand_out(webhook)
    told = [each.judged(secret_of(webhook)) for each in receiver.heard]
    theirs = [each for each in told if each["data"].get("conversation_id") == str(message.conversation_id)]
    assert [(each["type"], each["data"].get("seq")) for each in theirs] == [
        ("conversation.created", None),
        ("message.created", 1),
        ("conversation.resolved", 2),
    ]
    assert theirs[1]["data"]["message"]["text"] == "Onde está meu pedido?"
    assert [each["type"] for each in told if each not in theirs] == ["contact.created"]
    assert set(statuses()) == {CallStatus.DELIVERED}


def test_call_that_was_signed_with_another_secret_is_recognised(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    """The judge is able to say no."""
    write(inbox, "Oi")
    hand_out(chatty)
    with pytest.raises(WebhookVerificationError):
        receiver.heard[0].judged(OTHER_SECRET)


def test_rotating_lets_the_former_secret_sign_beside_the_new_one_for_a_day(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, time_machine: Any
) -> None:
    former = secret_of(chatty)
    row, secret = rotate_secret(webhook=chatty, by=ADMIN)
    write(inbox, "Oi")
    hand_out(row)
    assert receiver.heard[0].judged(former) == receiver.heard[0].judged(secret)
    time_machine.move_to(timezone.now() + timedelta(hours=24, minutes=1))
    write(inbox, "Oi?")
    hand_out(row)
    assert receiver.heard[1].judged(secret)["data"]["message"]["text"] == "Oi?"
    with pytest.raises(WebhookVerificationError):
        receiver.heard[1].judged(former)


def test_rotating_after_a_leak_ends_the_former_secret_at_once(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    former = secret_of(chatty)
    row, secret = rotate_secret(webhook=chatty, by=ADMIN, hours=0)
    write(inbox, "Oi")
    hand_out(row)
    assert receiver.heard[0].judged(secret)
    with pytest.raises(WebhookVerificationError):
        receiver.heard[0].judged(former)


def test_later_event_waits_for_an_earlier_one_that_fails_and_other_conversations_do_not(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    def reply(heard: Heard) -> Reply:
        poisoned = heard.told["data"]["message"]["text"] == "1"
        return (500 if poisoned and len(receiver.heard) < 6 else 204), {}, b""

    receiver.reply = reply
    for text in ("1", "2", "3"):
        write(inbox, text, who="davi")
    write(inbox, "eva 1", who="eva")
    write(inbox, "eva 2", who="eva")
    hand_out(chatty)
    assert sorted(receiver.texts()) == ["1", "eva 1", "eva 2"]
    call(chatty)
    assert len(receiver.heard) == 3
    pass_time(seconds=7)
    call(chatty)
    receiver.reply = answering()
    pass_time(seconds=400)
    call(chatty)
    davis = [text for text in receiver.texts() if not text.startswith("eva")]
    assert davis == ["1", "1", "1", "2", "3"]
    ids = [each.id for each in receiver.heard if each.told["data"]["message"]["text"] == "1"]
    assert len(set(ids)) == 1


def test_many_calls_are_made_at_once_but_no_more_than_one_receiver_may_get(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    together, lock = Barrier(OPEN_CALLS, timeout=12), Lock()
    open_now = most = 0

    def reply(_heard: Heard) -> Reply:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        # Nobody is answered before as many have come as may.
        together.wait()
        with lock:
            open_now -= 1
        return 204, {}, b""

    receiver.reply = reply
    for number in range(3 * OPEN_CALLS):
        write(inbox, "Oi", who=f"visitor {number}")
    hand_out(chatty)
    assert set(statuses()) == {CallStatus.DELIVERED}
    assert (len(receiver.heard), most) == (3 * OPEN_CALLS, OPEN_CALLS)


# --- Again and again ---------------------------------------------------------------------------------------
def test_plan_of_retries_is_the_specifications_over_three_days(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = answering(then=500)
    write(inbox, "Oi")
    hand_out(chatty)
    for seconds in PLAN[1:]:
        assert seconds * 0.75 < next_try(chatty) < seconds * 1.25
        # Beyond the longest pause of the breaker as well.
        pass_time(seconds=seconds * 1.2 + 1)
        call(chatty)
    assert len(receiver.heard) == len(PLAN) == 10
    assert sum(PLAN) > 3 * 24 * 3600
    assert statuses() == [CallStatus.FAILED]
    assert [row.status for row in WebhookAttempt.objects.all()] == [500] * 10


def test_receiver_that_failed_for_the_whole_plan_is_switched_off_and_says_why(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = answering(then=500)
    write(inbox, "Oi")
    hand_out(chatty)
    for seconds in PLAN[1:]:
        chatty.refresh_from_db()
        assert chatty.is_active
        pass_time(seconds=seconds * 1.2 + 1)
        call(chatty)
    chatty.refresh_from_db()
    assert not chatty.is_active
    assert said(chatty.state.disabled).startswith("Nothing was delivered for three days.")
    assert "500" in said(chatty.state.disabled)


def test_event_that_a_receiver_cannot_take_is_given_up_and_does_not_end_the_others(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = lambda heard: (
        400 if heard.told["data"]["message"]["text"] == "poison" else 204, {}, b""
    )  # fmt: skip
    write(inbox, "poison")
    hand_out(chatty)
    for seconds in PLAN[1:]:
        pass_time(seconds=seconds * 1.2 + 1)
        write(inbox, "Oi", who="eva")
        hand_out(chatty)
    write(inbox, "after it")
    hand_out(chatty)
    chatty.refresh_from_db()
    assert chatty.is_active
    assert receiver.texts().count("poison") == len(PLAN)
    assert receiver.texts()[-1] == "after it"


def test_new_timestamp_goes_with_each_try_and_the_same_id_and_body(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, time_machine: Any
) -> None:
    receiver.reply = answering(500)
    write(inbox, "Oi")
    hand_out(chatty)
    time_machine.move_to(timezone.now() + timedelta(minutes=10))
    call(chatty)
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 600
    assert second.judged(secret_of(chatty))


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_for_the_whole_receiver(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, status: int
) -> None:
    receiver.reply = answering(status, retry_after="120")
    write(inbox, "Oi")
    hand_out(chatty)
    assert 115 < next_try(chatty) < 125
    write(inbox, "Oi", who="eva")
    hand_out(chatty)
    assert len(receiver.heard) == 1
    pass_time(seconds=121)
    call(chatty)
    assert len(receiver.heard) == 3


def test_retry_after_of_a_year_is_not_believed(chatty: Webhook, receiver: Receiver, inbox: Inbox) -> None:
    receiver.reply = answering(429, retry_after="31536000")
    write(inbox, "Oi")
    hand_out(chatty)
    assert next_try(chatty) <= 24 * 3600


@pytest.mark.parametrize("status", [429, 502, 504])
def test_receiver_that_is_busy_is_left_alone_as_a_whole(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, status: int
) -> None:
    receiver.reply = answering(status)
    write(inbox, "Oi")
    hand_out(chatty)
    write(inbox, "Oi", who="eva")
    hand_out(chatty)
    assert len(receiver.heard) == 1
    pass_time(seconds=7)
    call(chatty)
    assert len(receiver.heard) == 3


def test_receiver_that_says_410_is_switched_off(chatty: Webhook, receiver: Receiver, inbox: Inbox) -> None:
    receiver.reply = answering(then=410)
    write(inbox, "Oi")
    hand_out(chatty)
    write(inbox, "Oi", who="eva")
    hand_out(chatty)
    assert len(receiver.heard) == 1
    chatty.refresh_from_db()
    assert not chatty.is_active
    assert said(chatty.state.disabled) == "The receiver answered 410: it wants no more calls."


# --- A receiver that is away --------------------------------------------------------------------------------
def test_receiver_that_is_away_is_not_hammered_and_gets_everything_in_order_once_it_is_back(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = answering(then=500)
    for text in ("1", "2"):
        for number in range(20):
            write(inbox, f"{text} of {number}", who=f"visitor {number}")
    hand_out(chatty)
    # Those that were under way together, and none after them.
    failed = len(receiver.heard)
    assert failed <= OPEN_CALLS + 5
    for _probe in range(4):
        pass_time(seconds=150)
        call(chatty)
    assert len(receiver.heard) == failed + 4
    receiver.heard.clear()
    receiver.reply = answering()
    pass_time(seconds=150)
    call(chatty)
    call(chatty)
    assert len(receiver.heard) == 40
    for number in range(20):
        theirs = [text for text in receiver.texts() if text.endswith(f" {number}")]
        assert theirs == [f"1 of {number}", f"2 of {number}"]
    chatty.state.refresh_from_db()
    assert (chatty.state.light, chatty.state.failures, chatty.state.not_before) == ("green", 0, None)


def test_receiver_that_is_back_gets_at_once_what_was_to_be_tried_in_minutes(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = answering(then=500)
    for number in range(4):
        write(inbox, f"{number}", who=f"visitor {number}")
    hand_out(chatty)
    pass_time(seconds=7)
    call(chatty)
    waiting = WebhookCall.objects.filter(next_try_at__gt=timezone.now() + timedelta(minutes=3))
    assert waiting.exists()
    receiver.reply = answering()
    pass_time(seconds=11)
    call(chatty)
    assert set(statuses()) == {CallStatus.DELIVERED}


def test_probes_take_nothing_of_a_calls_plan(chatty: Webhook, receiver: Receiver, inbox: Inbox) -> None:
    """A receiver asked every five minutes would have used ten tries up in an hour."""
    receiver.reply = answering(then=500)
    write(inbox, "Oi")
    hand_out(chatty)
    for _minute in range(200):
        pass_time(minutes=7)
        call(chatty)
    row = WebhookCall.objects.get()
    assert row.attempts > 100
    assert row.status == CallStatus.WAITING
    chatty.refresh_from_db()
    assert chatty.is_active


@pytest.fixture
def away(chatty: Webhook, receiver: Receiver, inbox: Inbox) -> Webhook:
    """Its receiver is away, and may be asked now whether it is back."""
    receiver.reply = answering(then=500)
    for number in range(BREAKER_AT):
        write(inbox, f"{number}", who=f"visitor {number}")
    hand_out(chatty)
    pass_time(seconds=400)
    receiver.heard.clear()
    return chatty


@pytest.mark.parametrize("take", [claimed, claimed_ping])
def test_while_a_receiver_that_is_away_is_asked_a_turn_ends_at_once_and_comes_back(
    away: Webhook,
    receiver: Receiver,
    procrastinate_jobs: Any,
    monkeypatch: pytest.MonkeyPatch,
    take: Callable[[Webhook], Claim],
) -> None:
    """A worker died while it asked, or somebody tests the webhook."""
    asked = take(away)
    procrastinate_jobs.clear()
    looks: list[Look] = []

    def look(webhook_id: UUID) -> Look:
        assert len(looks) < 3, "the turn asks again and again"
        looks.append(look_at(webhook_id))
        return looks[-1]

    monkeypatch.setattr("api.actions.calling.look_at", look)
    call(away)
    assert looks == [Look((), again_at=asked.claimed_at + LEASE)]
    assert procrastinate_jobs.names() == ["api.call_later"]
    assert not receiver.heard
    # Nobody can hold the claim any more.
    looks.clear()
    pass_time(seconds=LEASE.total_seconds())
    call(away)
    assert len(receiver.heard) == 1


def test_receiver_that_hangs_fails_and_is_asked_again(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.actions.calling.DEADLINE_SECONDS", 0.2)

    def hang(_heard: Heard) -> Reply:
        time.sleep(0.6)
        return 204, {}, b""

    receiver.reply = hang
    write(inbox, "Oi")
    hand_out(chatty)
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, "took too long" in attempt.error) == (None, True)
    assert 150 < attempt.duration_ms < 600
    receiver.reply = answering()
    pass_time(seconds=7)
    call(chatty)
    assert statuses() == [CallStatus.DELIVERED]


def test_beginning_of_an_answer_is_kept_and_the_rest_is_not_read(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = lambda _heard: (200, {}, b"\x00ok" + b"x" * 1_000_000)
    write(inbox, "Oi")
    hand_out(chatty)
    assert statuses() == [CallStatus.DELIVERED]
    assert WebhookAttempt.objects.get().answer == "ok" + "x" * 1_997


# --- Nothing inside is reached ------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["http://169.254.169.254/latest/meta-data/", "/elsewhere"])
def test_redirect_is_a_failure_and_is_followed_nowhere(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, place: str
) -> None:
    receiver.reply = answering(302, location=place)
    write(inbox, "Oi")
    hand_out(chatty)
    assert [each.path for each in receiver.heard] == ["/hooks"]
    assert [row.status for row in WebhookAttempt.objects.all()] == [302]
    assert statuses() == [CallStatus.WAITING]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_address_inside_is_not_reached(receiver: Receiver, inbox: Inbox, settings: Any, host: str) -> None:
    """Neither is one that was set up while it was allowed."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    receiver_url = receiver.url.replace("127.0.0.1", host)
    webhook = listen(receiver, events=["message.*"])[0]
    change_webhook(webhook=webhook, by=ADMIN, url=receiver_url)
    settings.OUTBOUND_ALLOW = []
    write(inbox, "Oi")
    hand_out(webhook)
    assert receiver.heard == []
    assert statuses() == [CallStatus.WAITING]
    assert "OUTBOUND_ALLOW" in said(WebhookAttempt.objects.get().error)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "[::1]", "localhost", "2130706433", "0x7f.1"],
)
def test_address_inside_is_refused_when_it_is_entered(settings: Any, host: str, ana: User) -> None:
    """It was taken, and failed at the first call, when nobody looked any more."""
    settings.OUTBOUND_ALLOW = []
    address = f"http://{host}/hooks"
    client = APIClient()
    client.force_login(ana)
    words = {"url": address}
    refused = client.post("/api/v1/webhooks", words, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "url")
    assert refused.json()["detail"].startswith("url: ")
    assert "OUTBOUND_ALLOW" in refused.json()["detail"]
    page = client.post("/admin/api/webhook/add/", {"url": address, "events": ["*"]})
    assert "OUTBOUND_ALLOW" in page.content.decode()
    assert not Webhook.objects.exists()


def test_name_that_leads_inside_at_the_second_look_up_leads_nowhere(
    chatty: Webhook, receiver: Receiver, inbox: Inbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when it was set up and at the first try; each connection is checked by itself."""
    settings.OUTBOUND_ALLOW = []
    looked_up: list[str] = []

    def resolve_name(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["198.51.100.7"] if len(looked_up) == 1 else ["127.0.0.1"]

    monkeypatch.setattr("core.http.addresses_of", resolve_name)
    change_webhook(webhook=chatty, by=ADMIN, url=receiver.url.replace("127.0.0.1", "rebinding.example"))
    write(inbox, "Oi")
    hand_out(chatty)
    pass_time(seconds=7)
    call(chatty)
    assert len(looked_up) == 2
    assert receiver.heard == []
    assert statuses() == [CallStatus.WAITING]


# --- Workers that die ---------------------------------------------------------------------------------------
def test_call_of_a_worker_that_died_is_made_again_under_the_same_id(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    write(inbox, "1")
    write(inbox, "2")
    tell()
    made(claimed(chatty))
    call(chatty)
    assert receiver.texts() == ["1"]
    pass_time(seconds=LEASE.total_seconds())
    call(chatty)
    assert receiver.texts() == ["1", "1", "2"]
    assert receiver.heard[0].id == receiver.heard[1].id


def test_outcome_that_comes_late_ends_a_call_that_somebody_else_has_taken(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    write(inbox, "1")
    tell()
    late = claimed(chatty)
    answer = made(late)
    pass_time(seconds=LEASE.total_seconds())
    claimed(chatty)
    settle(late, answer)
    assert statuses() == [CallStatus.DELIVERED]


def test_failure_that_comes_late_leaves_the_call_to_who_has_it_now(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    write(inbox, "1")
    tell()
    receiver.reply = answering(500)
    late = claimed(chatty)
    answer = made(late)
    pass_time(seconds=LEASE.total_seconds())
    claimed(chatty)
    settle(late, answer)
    assert statuses() == [CallStatus.CALLING]


def test_call_cannot_be_taken_before_the_one_that_comes_first(chatty: Webhook, inbox: Inbox) -> None:
    """A worker that is slow may hold a list that another one has made untrue."""
    write(inbox, "1")
    write(inbox, "2")
    tell()
    first, second = WebhookCall.objects.order_by("event_id").values_list("pk", flat=True)
    assert claim(second) is None
    assert claim(first) is not None
    assert claim(second) is None


def test_failure_that_comes_late_undoes_nothing(chatty: Webhook, receiver: Receiver, inbox: Inbox) -> None:
    write(inbox, "1")
    tell()
    receiver.reply = answering(500)
    late = claimed(chatty)
    answer = made(late)
    pass_time(seconds=LEASE.total_seconds())
    call(chatty)
    settle(late, answer)
    assert statuses() == [CallStatus.DELIVERED]


def test_call_is_taken_by_one_of_many_workers(chatty: Webhook, inbox: Inbox) -> None:
    write(inbox, "1")
    tell()
    (call_id,) = look_at(chatty.pk).calls

    def take(_number: int) -> Claim | None:
        try:
            return claim(call_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(4)))
    assert sum(found is not None for found in taken) == 1


def test_sweep_plans_what_has_no_job(chatty: Webhook, inbox: Inbox, procrastinate_jobs: Any) -> None:
    write(inbox, "1")
    tell()
    procrastinate_jobs.clear()
    sweep()
    assert procrastinate_jobs.names() == ["api.call", "api.tell"]
    plan_calls(str(chatty.pk))
    assert procrastinate_jobs.names() == ["api.call", "api.tell"]


# --- By hand ------------------------------------------------------------------------------------------------
def test_replay_makes_a_call_again_under_the_same_id(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    write(inbox, "1")
    hand_out(chatty)
    replay_call(webhook=chatty, call_id=WebhookCall.objects.get().pk, by=ADMIN)
    call(chatty)
    assert receiver.texts() == ["1", "1"]
    assert receiver.heard[0].id == receiver.heard[1].id
    assert WebhookCall.objects.get().status == CallStatus.DELIVERED


def test_replay_of_what_was_given_up_since_a_moment(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    for who in ("davi", "eva"):
        write(inbox, f"{who} 1", who=who)
    tell()
    now = timezone.now()
    WebhookCall.objects.update(status=CallStatus.FAILED, ended_at=now)
    first = WebhookCall.objects.order_by("pk")[0].event
    later = first.happened_at + timedelta(microseconds=1)
    assert replay_failed(webhook=chatty, by=ADMIN, since=later) == 1
    call(chatty)
    assert receiver.texts() == ["eva 1"]
    assert replay_failed(webhook=chatty, by=ADMIN, since=first.happened_at) == 1


def test_replay_is_refused_while_the_call_is_made_or_the_webhook_is_off(
    chatty: Webhook, inbox: Inbox
) -> None:
    write(inbox, "1")
    tell()
    found = claimed(chatty)
    with pytest.raises(Conflict):
        replay_call(webhook=chatty, call_id=found.call_id, by=ADMIN)
    off = change_webhook(webhook=chatty, by=ADMIN, is_active=False)
    with pytest.raises(Conflict):
        replay_failed(webhook=off, by=ADMIN, since=timezone.now())


def test_ping_is_sent_once_and_says_what_came_of_it(chatty: Webhook, receiver: Receiver) -> None:
    receiver.reply = answering(500)
    failed = send_test(webhook=chatty, by=ADMIN)
    assert (failed.status, failed.last_tries[0].status) == (CallStatus.FAILED, 500)  # type: ignore[attr-defined]
    chatty.state.refresh_from_db()
    assert chatty.state.failures == 0
    passed = send_test(webhook=chatty, by=ADMIN)
    assert passed.status == CallStatus.DELIVERED
    assert [each.judged(secret_of(chatty))["type"] for each in receiver.heard] == ["ping", "ping"]
    chatty.state.refresh_from_db()
    assert chatty.state.light == "green"


def test_receiver_that_takes_its_time_keeps_no_usual_thread_waiting(
    chatty: Webhook, with_key: KeyMaker, quiet_server: LiveServer, callers: list[str]
) -> None:
    headers = {"Authorization": f"Api-Key {with_key('admin').key}"}
    answer = httpx.post(f"{quiet_server.url}/api/v1/webhooks/{chatty.pk}/test", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (201, "delivered")
    assert callers == ["waiting"]


def test_webhook_that_is_switched_on_again_gets_what_waited_and_not_what_happened_meanwhile(
    chatty: Webhook, receiver: Receiver, inbox: Inbox
) -> None:
    receiver.reply = answering(410)
    write(inbox, "before")
    hand_out(chatty)
    chatty.refresh_from_db()
    write(inbox, "meanwhile")
    hand_out(chatty)
    on = change_webhook(webhook=chatty, by=ADMIN, is_active=True)
    assert on.state.disabled == ""
    write(inbox, "after")
    hand_out(chatty)
    assert receiver.texts() == ["before", "before", "after"]
