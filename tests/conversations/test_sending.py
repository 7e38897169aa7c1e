"""Handing out: in order, once as far as that can be had, and visibly not where it cannot."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone

from conversations.actions import Sender, receive
from conversations.actions.claiming import Claim, Wait, claim
from conversations.actions.endpoints import switch_inbox
from conversations.actions.settling import BREAKER_AT, note_trouble, settle
from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from conversations.enums import DeliveryStatus, EventType, Light
from conversations.exchange import Sent
from conversations.groups import conversation_group
from conversations.models import Conversation, Delivery, Event, Inbox, InboxState
from conversations.queries.delivered import delivery_states
from core.errors import Forbidden
from tests.conversations.lines import (
    hand_out,
    only_delivery,
    pass_time,
    planned,
    say,
    waiting_for,
)
from tests.conversations.scripted import ScriptedAdapter

DAY = 24 * 3600
pytestmark = pytest.mark.django_db
Scripted = type[ScriptedAdapter]


def told_provider(scripted: Scripted) -> list[str]:
    """The texts that the provider was given, in order."""
    return [call.text for call in scripted.calls]


def on(conversation: Conversation, channel: str) -> Conversation:
    """Lets the conversation's inbox be of another channel."""
    Inbox.objects.filter(pk=conversation.inbox_id).update(channel=channel)
    conversation.refresh_from_db()
    return conversation


def now_wait(conversation: Conversation) -> float:
    """The seconds for which the conversation has to wait."""
    found = claim(str(conversation.pk))
    assert isinstance(found, Wait)
    return (found.until - timezone.now()).total_seconds()


def claimed(conversation: Conversation) -> Claim:
    found = claim(str(conversation.pk))
    assert isinstance(found, Claim)
    return found


# --- Order -------------------------------------------------------------------------------------------------
def test_what_is_said_is_sent_in_order_and_once(chat: Conversation, scripted: Scripted) -> None:
    deliveries = [say(chat, str(number)) for number in range(5)]
    assert hand_out(chat) is None
    assert hand_out(chat) is None
    assert told_provider(scripted) == ["0", "1", "2", "3", "4"]
    row = Delivery.objects.get(pk=deliveries[0].pk)
    assert (row.status, row.provider_id, row.attempts) == (DeliveryStatus.SENT, f"p-{row.pk.hex}", 1)
    assert row.sent_at is not None


def test_call_has_all_that_it_needs(chat: Conversation, scripted: Scripted) -> None:
    say(chat, "**Olá**", choices=[{"label": "Yes", "value": "yes"}])
    hand_out(chat)
    call = scripted.calls[0]
    assert (call.to, call.text, call.html) == ("davi", "**Olá**", "<p><strong>Olá</strong></p>\n")
    assert (call.attempt, call.part, call.author_kind) == (1, 0, "operator")
    assert call.choices == ({"label": "Yes", "value": "yes"},)
    assert call.key == only_delivery().pk.hex


def test_what_has_to_wait_holds_up_what_was_said_after_it(chat: Conversation, scripted: Scripted) -> None:
    say(chat, "first")
    say(chat, "second")
    scripted.outcomes.append(SendLater("busy"))
    assert isinstance(hand_out(chat), Wait)
    assert told_provider(scripted) == ["first"]
    pass_time(10)
    assert hand_out(chat) is None
    assert told_provider(scripted) == ["first", "first", "second"]


def test_what_was_refused_holds_up_nothing(chat: Conversation, scripted: Scripted) -> None:
    say(chat, "first")
    say(chat, "second")
    scripted.outcomes.append(SendRefused("not a number", provider_code="131026"))
    assert hand_out(chat) is None
    assert told_provider(scripted) == ["first", "second"]
    first = Delivery.objects.order_by("seq")[0]
    assert (first.status, first.error, first.error_code) == (DeliveryStatus.FAILED, "not a number", "131026")
    assert Event.objects.get(type=EventType.DELIVERY_FAILED).payload["error"] == "not a number"


def test_one_conversation_that_waits_holds_up_no_other(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    other = receive(inbox=line, sender=Sender("eva"), text="Oi").conversation
    say(chat, "to davi")
    say(other, "to eva")
    scripted.outcomes.append(SendLater("busy"))
    hand_out(chat)
    hand_out(other)
    assert told_provider(scripted) == ["to davi", "to eva"]


# --- An inbox that is switched off --------------------------------------------------------------------------
def test_inbox_that_is_switched_off_holds_what_is_to_be_sent_and_goes_on(
    chat: Conversation, scripted: Scripted, bruno: Any
) -> None:
    """It went on sending: whoever switches a number off wants it silent, and nothing lost."""
    say(chat, "first")
    scripted.outcomes.append(SendLater("busy"))
    hand_out(chat)
    say(chat, "second")
    switch_inbox(inbox=chat.inbox, is_active=False, by=bruno.as_actor())
    pass_time(2 * DAY)
    assert hand_out(chat) is None
    assert told_provider(scripted) == ["first"]
    states = delivery_states(chat.pk).values()
    assert [(state["status"], state.get("is_held")) for state in states] == [("queued", True)] * 2
    switch_inbox(inbox=chat.inbox, is_active=True, by=bruno.as_actor())
    assert hand_out(chat) is None
    # What was tried before is not given up for the days on which it had to wait.
    assert told_provider(scripted) == ["first", "first", "second"]
    assert not any("is_held" in state for state in delivery_states(chat.pk).values())


def test_desks_are_told_that_a_message_is_held(chat: Conversation, bruno: Any, listener: Any) -> None:
    say(chat)
    group = conversation_group(chat.pk)
    listener.join(group)
    with TestCase.captureOnCommitCallbacks(execute=True):
        switch_inbox(inbox=chat.inbox, is_active=False, by=bruno.as_actor())
    assert listener.heard(group)[-1]["is_held"] is True


def test_customers_switch_no_inbox(chat: Conversation) -> None:
    with pytest.raises(Forbidden):
        switch_inbox(inbox=chat.inbox, is_active=False, by=chat.contact.as_actor())


# --- What a provider may answer ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "status", "light"),
    [
        (Sent("p1"), DeliveryStatus.SENT, Light.GREEN),
        (Sent("p1", DeliveryStatus.DELIVERED), DeliveryStatus.DELIVERED, Light.GREEN),
        (SendRefused("no"), DeliveryStatus.FAILED, Light.UNKNOWN),
        (SendLater("busy"), DeliveryStatus.QUEUED, Light.YELLOW),
        (SendUnclear("cut"), DeliveryStatus.UNKNOWN, Light.YELLOW),
        (SendFailed("what?"), DeliveryStatus.UNKNOWN, Light.YELLOW),
        (InboxBroken("wrong token"), DeliveryStatus.QUEUED, Light.RED),
        (KeyError("bug"), DeliveryStatus.UNKNOWN, Light.YELLOW),
    ],
)
def test_each_outcome_has_its_state_and_light(
    chat: Conversation, scripted: Scripted, outcome: Any, status: DeliveryStatus, light: Light
) -> None:
    say(chat)
    scripted.outcomes.append(outcome)
    hand_out(chat)
    assert (only_delivery().status, InboxState.objects.get().light) == (status, light)


@pytest.mark.parametrize("channel", ["scripted", "safe", "callback"])
def test_words_and_ids_that_no_database_holds_send_nothing_twice(
    chat: Conversation, scripted: Scripted, channel: str
) -> None:
    on(chat, channel)
    say(chat, "a")
    scripted.outcomes.append(Sent("p\x001"))
    hand_out(chat)
    assert only_delivery().status == DeliveryStatus.SENT
    scripted.outcomes.append(SendRefused("a\x00b \ud83d" + "x" * 600, provider_code="\x00" + "c" * 80))
    second = say(chat, "b")
    hand_out(chat)
    second.refresh_from_db()
    assert (second.status, second.error[:5], second.error_code) == (DeliveryStatus.FAILED, "ab ?x", "c" * 64)
    assert told_provider(scripted) == ["a", "b"]


def test_answers_without_an_id_collide_with_nothing(chat: Conversation, scripted: Scripted) -> None:
    for text in "ab":
        say(chat, text)
        scripted.outcomes.append(Sent(""))
    hand_out(chat)
    assert list(Delivery.objects.values_list("status", "provider_id")) == [(DeliveryStatus.SENT, None)] * 2


def test_settings_that_are_incomplete_are_said_and_mended(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    line.config = {"secret": ["no text"]}
    line.save(update_fields=["config"])
    say(chat)
    hand_out(chat)
    assert (only_delivery().status, InboxState.objects.get().light) == (DeliveryStatus.QUEUED, Light.RED)
    assert "not complete" in only_delivery().error
    line.config = {}
    line.save(update_fields=["config"])
    pass_time(400)
    hand_out(chat)
    assert (only_delivery().status, InboxState.objects.get().light) == (DeliveryStatus.SENT, Light.GREEN)


# --- Waiting -----------------------------------------------------------------------------------------------
def test_back_off_doubles_with_jitter_up_to_an_hour(chat: Conversation, scripted: Scripted) -> None:
    say(chat)
    waits = []
    for _ in range(14):
        scripted.outcomes.append(SendLater("busy"))
        hand_out(chat)
        waits.append(waiting_for(only_delivery()))
        pass_time(4400)
    wanted = [min(3600.0, 2.0 * 2**number) for number in range(14)]
    assert all(0.7 * want <= wait <= 1.25 * want for wait, want in zip(waits, wanted, strict=True))


@pytest.mark.parametrize("asked", [5.0, 30.0, 60.0])
def test_retry_after_is_honoured_by_the_whole_inbox(
    chat: Conversation, line: Inbox, scripted: Scripted, asked: float
) -> None:
    """Case H: 429 with Retry-After from 1 to 60, kept within a fifth."""
    other = receive(inbox=line, sender=Sender("eva"), text="Oi").conversation
    say(chat)
    say(other)
    scripted.outcomes.append(SendLater("slow down", retry_after=asked))
    hand_out(chat)
    assert asked - 0.5 <= now_wait(chat) <= asked + 1
    assert asked - 0.5 <= now_wait(other) <= asked + 1
    pass_time(asked + 1)
    hand_out(other)
    assert len(scripted.calls) == 2


@pytest.mark.parametrize("asked", [10.0**15, float("inf"), float("nan"), -5.0])
def test_pause_that_no_clock_holds_leaves_no_message_behind(
    chat: Conversation, scripted: Scripted, asked: float
) -> None:
    """A time beyond the year 9999 let the outcome be forgotten, and the message be sent again for ever."""
    say(chat)
    scripted.outcomes.append(SendLater("slow down", retry_after=asked))
    hand_out(chat)
    delivery = only_delivery()
    assert delivery.status == DeliveryStatus.QUEUED
    assert waiting_for(delivery) <= 24 * 3600


def test_success_of_a_call_that_began_before_does_not_end_the_pause(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    other = receive(inbox=line, sender=Sender("eva"), text="Oi").conversation
    say(chat)
    say(other)
    first, second = claimed(chat), claimed(other)
    settle(first.key, first.attempt, SendLater("slow down", retry_after=60))
    settle(second.key, second.attempt, Sent("p2"))
    say(other)
    assert now_wait(other) > 50


def test_breaker_opens_after_few_failures_and_other_inboxes_go_on(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    """Case H: at most ten failures, and other channels notice nothing."""
    people = [receive(inbox=line, sender=Sender(f"p{n}"), text="Oi").conversation for n in range(20)]
    elsewhere = Inbox.objects.create(name="Else", channel="scripted")
    stranger = receive(inbox=elsewhere, sender=Sender("eva"), text="Oi").conversation
    for person in people:
        say(person)
        scripted.outcomes.append(SendLater("down"))
    for person in people:
        hand_out(person)
    assert len(scripted.calls) == BREAKER_AT <= 10
    state = InboxState.objects.get(inbox=line)
    assert (state.light, state.detail, state.failures) == (Light.RED, "down", BREAKER_AT)
    scripted.outcomes.clear()
    say(stranger)
    assert hand_out(stranger) is None
    pass_time(15)
    for person in people:
        hand_out(person)
    state.refresh_from_db()
    assert (state.light, state.failures) == (Light.GREEN, 0)


def test_breaker_stays_open_longer_with_each_failure_up_to_minutes(chat: Conversation, line: Inbox) -> None:
    pauses = []
    for _ in range(BREAKER_AT + 8):
        InboxState.objects.update(not_before=None)
        note_trouble(line.pk, SendLater("down"))
        until = InboxState.objects.get().not_before
        pauses.append((until - timezone.now()).total_seconds() if until else 0.0)
    assert pauses[: BREAKER_AT - 1] == [0.0] * (BREAKER_AT - 1)
    assert 7 < pauses[BREAKER_AT - 1] < 13
    assert all(pause < 361 for pause in pauses)
    assert pauses[-1] > 200


def test_rate_of_the_inbox_is_kept_over_all_conversations(line: Inbox, scripted: Scripted) -> None:
    line.channel = "slow"
    line.save(update_fields=["channel"])
    people = [receive(inbox=line, sender=Sender(f"p{n}"), text="Oi").conversation for n in range(8)]
    for person in people:
        say(person)
    began = timezone.now()
    waits = [hand_out(person) for person in people]
    # Two a second, and a bucket that holds a second; a slow machine takes its time over these eight.
    took = (timezone.now() - began).total_seconds()
    assert 2 <= len(scripted.calls) <= 3 + 2 * took
    assert sum(isinstance(wait, Wait) for wait in waits) == 8 - len(scripted.calls)
    soon = timezone.now() + timedelta(seconds=2)
    assert all(wait.until < soon for wait in waits if isinstance(wait, Wait))
    for _ in range(8):
        pass_time(1)
        for person in people:
            hand_out(person)
    assert len(scripted.calls) == 8


def test_place_in_the_rate_that_is_not_free_counts_no_double(line: Inbox, scripted: Scripted) -> None:
    line.channel = "slow"
    line.save(update_fields=["channel"])
    conversation = receive(inbox=line, sender=Sender("eva"), text="Oi").conversation
    say(conversation)
    scripted.outcomes.append(SendUnclear("cut"))
    hand_out(conversation)
    pass_time(60)
    InboxState.objects.update(next_slot=timezone.now() + timedelta(seconds=5))
    for _ in range(3):
        assert isinstance(hand_out(conversation), Wait)
    assert only_delivery().doubtful == 0
    pass_time(10)
    hand_out(conversation)
    assert (only_delivery().doubtful, only_delivery().status) == (1, DeliveryStatus.SENT)


@pytest.mark.parametrize("error", ["down", "x" * 500])
def test_message_is_given_up_after_a_day_and_lets_the_next_go(
    chat: Conversation, scripted: Scripted, error: str
) -> None:
    say(chat, "first")
    scripted.outcomes.append(SendLater(error))
    hand_out(chat)
    pass_time(DAY + 60)
    say(chat, "second")
    assert hand_out(chat) is None
    first = Delivery.objects.order_by("seq")[0]
    assert (first.status, first.error.startswith("Given up after a day")) == (DeliveryStatus.FAILED, True)
    assert planned("conversations.deliver")
    hand_out(chat)
    assert told_provider(scripted) == ["first", "second"]


def test_message_that_never_had_its_turn_is_tried_even_after_a_day(
    chat: Conversation, scripted: Scripted
) -> None:
    say(chat)
    pass_time(3 * DAY)
    hand_out(chat)
    assert only_delivery().status == DeliveryStatus.SENT
