"""What becomes of it in the database: from the bytes of a webhook to messages, by the product's own path."""

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from conversations.actions import reply
from conversations.actions.intake import take_in
from conversations.enums import Direction, Light, Verdict
from conversations.models import Contact, Conversation, InboundEvent, Inbox, InboxState, Message
from integrations.evolution.adapter import EvolutionAdapter
from tests.conversations.lines import eventually
from tests.fakes.evolution import API_KEY, Evolution
from tests.fakes.provider import Simulator, running
from tests.integrations.evolution.case import (
    DAVI,
    FIXTURES,
    GROUP,
    NOWHERE,
    SECRET,
    captured,
    config,
    webhook,
)
from tests.live import LiveServer

pytestmark = pytest.mark.django_db
MANY = 20


@pytest.fixture
def phone() -> Inbox:
    return Inbox.objects.create(name="Shop's phone", channel="evolution", config=config(NOWHERE))


@pytest.fixture
def evolution() -> Iterator[Simulator]:
    with running(Evolution, secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def live_phone(transactional_db: None, evolution: Simulator) -> Inbox:
    return Inbox.objects.create(name="Shop's phone", channel="evolution", config=config(evolution.url))


def tell(inbox: Inbox, *names: str, **envelope: Any) -> list[Verdict]:
    """Takes in captured webhooks as the door stores them."""
    verdicts = []
    for name in names:
        body = json.dumps({**json.loads(captured(name).body), **envelope}).encode()
        kept = EvolutionAdapter().stored(webhook(body))
        digest = hashlib.sha256(kept.body).hexdigest()
        row, _new = InboundEvent.objects.get_or_create(
            inbox=inbox, provider_event_id=digest, defaults={"body": kept.body, "headers": dict(kept.headers)}
        )
        verdicts.append(take_in(row))
    return verdicts


def texts(direction: Direction = Direction.IN) -> list[str]:
    return list(Message.objects.filter(direction=direction).order_by("id").values_list("text", flat=True))


def test_message_told_again_and_again_is_stored_once(phone: Inbox) -> None:
    """Evolution #2675 and #2716: one key.id redelivered 837 times became 837 messages."""
    for number in range(40):
        # No two deliveries are alike, so that the receipts are as many.
        tell(phone, "text", date_time=f"2026-03-02T11:04:05.{number:03d}Z")
    assert InboundEvent.objects.count() == 40
    assert texts() == ["Oi! Meu pedido 1042 não chegou 😕"]


def test_hidden_address_and_number_become_one_person(phone: Inbox) -> None:
    """Evolution #1872: now the hidden address, now the number: two contacts came of it."""
    tell(phone, "text_lid_only", "text_with_lid", "text_lid_with_alt", "text")
    assert Message.objects.count() == 4
    assert Contact.objects.exclude(identities=None).count() == 1
    assert Conversation.objects.values("contact").distinct().count() == 1


def test_bridge_that_repeats_and_shuffles_loses_and_doubles_nothing(
    live_phone: Inbox, server: LiveServer, evolution: Simulator, bruno: User
) -> None:
    """Evolution #140, #1446, #2014 (lost), #1283 (doubled), PR #917: its bridge to Chatwoot.

    Evolution tells at least once, in any order, and tells of our own answers as of anything else.
    """
    evolution.set_faults(duplicates=4, shuffle=0.5)
    evolution.hook(hook=f"{server.url}/hooks/{live_phone.key}")
    said = [f"message {number}" for number in range(MANY)]
    for text in said:
        evolution.say(text=text)
    assert eventually(lambda: Message.objects.filter(direction=Direction.IN).count() >= MANY)
    conversation = Conversation.objects.get()
    for number in range(3):
        reply(conversation=conversation, by=bruno.as_actor(), text=f"answer {number}")
    assert eventually(lambda: len(evolution.ledger()) == 3)
    # Told back by the bridge as messages of the phone, under the key that sending was answered with.
    for row in evolution.ledger():
        evolution.say(mine=True, id=row["provider_id"], text=row["text"], times=3)
    assert eventually(lambda: not evolution.webhooks()["waiting"])
    assert eventually(lambda: not InboundEvent.objects.filter(verdict=Verdict.RECEIVED).exists())
    assert sorted(texts()) == sorted(said)
    answers = [f"answer {number}" for number in range(3)]
    assert sorted(texts(Direction.OUT)) == [row["text"] for row in evolution.ledger()] == answers


def test_edit_is_kept_and_a_deletion_forgets(phone: Inbox) -> None:
    """Evolution #2010: the status DELETED that follows an edit must not take the message away."""
    assert tell(phone, "text", "edited", "update_deleted_after_edit") == ["done", "done", "ignored"]
    assert texts() == ["Oi! Meu pedido 1043 não chegou"]
    tell(phone, "revoked")
    assert Message.objects.get(direction=Direction.IN).deleted_at


def test_group_is_one_conversation_of_its_own(phone: Inbox) -> None:
    phone.config = {**config(NOWHERE), "allow_groups": True}
    phone.save(update_fields=["config"])
    tell(phone, "group", "text")
    assert Conversation.objects.count() == 2
    group = Conversation.objects.get(contact__identities__external_id=GROUP)
    assert group.messages.get().text == "Davi Rocha: Alguém sabe o horário?"


def test_what_the_shop_wrote_on_the_phone_is_in_the_conversation(phone: Inbox) -> None:
    tell(phone, "text", "echo_from_phone", "echo_from_phone")
    assert texts(Direction.OUT) == ["Já estou vendo isso para você"]
    assert Conversation.objects.count() == 1


def test_code_to_scan_reaches_the_admin_and_goes_once_connected(phone: Inbox) -> None:
    tell(phone, "qrcode")
    state = InboxState.objects.get(inbox=phone)
    assert (state.light, state.details["qr"][:21]) == (Light.YELLOW, "data:image/png;base64")
    tell(phone, "connection_open")
    state.refresh_from_db()
    assert state.light == Light.GREEN
    assert not state.details.get("qr")


def test_everything_twice_and_shuffled_is_stored_once(phone: Inbox) -> None:
    """The whole collection of captured webhooks, as a replay of a folder feeds it."""
    names = sorted(path.stem for path in FIXTURES.glob("*.json")) * 2
    random.Random(7).shuffle(names)
    for name, verdict in zip(names, tell(phone, *names), strict=True):
        # Each of these two holds one entry that nobody can read; its siblings are taken in.
        assert (verdict == Verdict.QUARANTINED) == (name in {"batch_raw", "update_batch"}), name
    ids = list(Message.objects.exclude(external_id=None).values_list("external_id", flat=True))
    assert len(ids) == len(set(ids))
    assert {"B1", "B2", "B3", "call:C0FFEE", "3EB0C767D097B7C7F2A1"} <= set(ids)
    assert Contact.objects.exclude(identities=None).filter(identities__external_id=DAVI).count() == 1
    assert not any(API_KEY.encode() in bytes(row.body) for row in InboundEvent.objects.all())
