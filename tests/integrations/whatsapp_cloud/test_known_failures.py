"""How others lose, double and mangle messages of WhatsApp: here through our door and the database."""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts.models import Team
from conversations.actions import reply
from conversations.actions.intake import take_in
from conversations.enums import DeliveryStatus, Verdict
from conversations.models import (
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    InboundEvent,
    Inbox,
    Message,
)
from core.actor import Actor
from tests.conversations.lines import hand_out
from tests.fakes.provider import Simulator, running
from tests.fakes.whatsapp_cloud import SECRET, WhatsAppCloud
from tests.integrations.whatsapp_cloud.case import FIXTURES, fixture, settings_at, signed
from tests.live import LiveServer

MANY = 20


@pytest.fixture
def number(db: None, team: Team) -> Inbox:
    """The support team's number, with nobody behind it."""
    settings = settings_at("http://127.0.0.1:9")
    return Inbox.objects.create(name="WhatsApp", channel="whatsapp_cloud", team=team, config=settings)


@pytest.fixture
def meta() -> Iterator[Simulator]:
    """A simulator that gets a door's address later."""
    with running(WhatsAppCloud) as simulator:
        yield simulator


@pytest.fixture
def live_number(db: None, team: Team, meta: Simulator) -> Inbox:
    """The support team's number at the simulator."""
    return Inbox.objects.create(
        name="WhatsApp", channel="whatsapp_cloud", team=team, config=settings_at(meta.url)
    )


def told(inbox: Inbox, payload: Any) -> Verdict:
    """Stores a webhook as the door does, and takes it in."""
    count = InboundEvent.objects.filter(inbox=inbox).count()
    body = json.dumps(payload).encode()
    return take_in(InboundEvent.objects.create(inbox=inbox, provider_event_id=f"e{count}", body=body))


def until(condition: Callable[[], bool]) -> None:
    """Waits for what other threads bring about."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def begun(inbox: Inbox) -> Conversation:
    """A conversation whose window is open: the customer has just written."""
    payload = fixture("text")
    payload["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = str(int(time.time()))
    told(inbox, payload)
    return Conversation.objects.get()


def in_quarantine() -> list[str]:
    rows = InboundEvent.objects.filter(verdict=Verdict.QUARANTINED)
    return list(rows.values_list("detail", flat=True))


def from_new_contact(index: int) -> dict[str, Any]:
    """One of many webhooks of somebody who writes for the first time."""
    payload = fixture("text")
    message = payload["entry"][0]["changes"][0]["value"]["messages"][0]
    message.update({"id": f"wamid.parallel{index}", "text": {"body": f"part {index}"}})
    return payload


# --- Coming in ----------------------------------------------------------------------------------------------
def test_chatwoot_and_zammad_first_of_a_batch_whole_batch_is_stored(number: Inbox) -> None:
    """Chatwoot and Zammad read `entry[0].changes[0]` and `messages.first`: the rest of a batch is lost."""
    told(number, fixture("batch"))
    texts = set(Message.objects.values_list("text", flat=True))
    assert {"one", "two", "four", "five"} <= texts
    assert Message.objects.count() == 5
    assert Contact.objects.filter(identities__same_as=None).distinct().count() == 2


def test_chatwoot_5433_every_kind_told_three_times_in_any_order_is_stored_once(number: Inbox) -> None:
    """Chatwoot #5433: WhatsApp tells at least once, and a message told twice was stored twice."""
    payloads = [json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))]
    turns = payloads * 3
    random.Random(7).shuffle(turns)
    for payload in turns:
        told(number, payload)
    assert in_quarantine() == []
    ids = list(Message.objects.values_list("external_id", flat=True))
    assert len(ids) == len(set(ids))
    wanted = {
        message["id"]
        for payload in payloads
        for entry in payload["entry"]
        for change in entry["changes"]
        for message in change["value"].get("messages", ())
        if message["type"] not in {"reaction", "edit", "revoke"} and "Not for us" not in str(message)
    }
    assert wanted <= set(ids)


def test_evolution_2675_message_told_again_and_again_is_one(number: Inbox) -> None:
    """Evolution #2675: one id was told 837 times and became 837 messages."""
    for turn in range(60):
        payload = fixture("text")
        # Meta repeats a message in other company, so that the bytes differ.
        payload["entry"][0]["changes"][0]["value"]["turn"] = turn
        told(number, payload)
    assert Message.objects.count() == 1


def test_chatwoot_15273_person_without_number_is_the_one_known_by_number(number: Inbox) -> None:
    """Chatwoot #15273: who took a user name, or hid the number, became a new contact."""
    for name in ("text_from_before_user_ids", "text", "text_without_number"):
        told(number, fixture(name))
    assert Contact.objects.filter(identities__inbox=number).distinct().count() == 1
    assert Conversation.objects.count() == 1
    assert Message.objects.count() == 3


def test_person_who_changed_the_number_keeps_the_history(number: Inbox) -> None:
    told(number, fixture("text"))
    told(number, fixture("number_changed"))
    assert Conversation.objects.count() == 1
    known = set(ContactIdentity.objects.values_list("external_id", flat=True))
    assert {"US.99887766554433", "US.13491208655302741918", "12195555358", "16505551234"} <= known


def test_chatwoot_drops_reactions_and_ephemeral_here_both_are_kept(number: Inbox) -> None:
    """Chatwoot drops both without a trace."""
    told(number, fixture("text"))
    (message,) = Message.objects.all()
    reaction = fixture("reaction")
    told_reaction = reaction["entry"][0]["changes"][0]["value"]["messages"][0]
    told_reaction["reaction"]["message_id"] = message.external_id
    assert told(number, reaction) == Verdict.DONE
    message.refresh_from_db()
    assert "👍🏽" in json.dumps(message.reactions, ensure_ascii=False)
    ephemeral = fixture("kind_of_the_future")
    ephemeral["entry"][0]["changes"][0]["value"]["messages"][0]["type"] = "ephemeral"
    assert told(number, ephemeral) == Verdict.DONE
    assert Message.objects.filter(text__contains="ephemeral").exists()


def test_part_that_cannot_be_read_is_kept_and_its_neighbours_are_stored(number: Inbox) -> None:
    payload = fixture("batch")
    payload["entry"][0]["changes"][0]["value"]["messages"].insert(0, {"id": 7})
    assert told(number, payload) == Verdict.QUARANTINED
    assert Message.objects.count() == 5


# --- Through the door ---------------------------------------------------------------------------------------
def post(server: LiveServer, inbox: Inbox, payload: Any, secret: str = SECRET) -> int:
    webhook = signed(json.dumps(payload).encode(), secret)
    url = f"{server.url}/hooks/{inbox.key}"
    return httpx.post(url, content=webhook.body, headers=dict(webhook.headers), timeout=30).status_code


def test_chatwoot_13359_parallel_webhooks_of_a_new_contact_make_one_conversation(
    live_number: Inbox, server: LiveServer
) -> None:
    """Chatwoot #13359 and #14060: an album came as parallel webhooks and made a conversation of each."""
    payloads = [from_new_contact(index) for index in range(MANY)]
    with ThreadPoolExecutor(MANY) as pool:
        statuses = list(pool.map(lambda each: post(server, live_number, each), payloads))
    assert statuses == [200] * MANY
    until(lambda: Message.objects.count() == MANY)
    assert Conversation.objects.count() == 1
    assert Contact.objects.filter(identities__inbox=live_number).distinct().count() == 1


def test_chatwoot_14280_forged_webhook_leaves_nothing_behind(
    live_number: Inbox, quiet_server: LiveServer
) -> None:
    """Chatwoot checked Meta's signature only since May 2026 (#14280)."""
    assert post(quiet_server, live_number, fixture("text"), "another-secret") in {401, 403}
    assert not InboundEvent.objects.exists()


# --- Going out ----------------------------------------------------------------------------------------------
def test_chatwoot_9314_message_cut_off_is_known_by_our_key_and_not_sent_twice(
    live_number: Inbox, meta: Simulator
) -> None:
    """Chatwoot #9314: over a weak connection the same message was sent twice."""
    conversation = begun(live_number)
    meta.set_faults(cut=1)
    reply(conversation=conversation, text="On its way", by=Actor.system())
    hand_out(conversation)
    delivery = Delivery.objects.get()
    assert delivery.status == DeliveryStatus.UNKNOWN
    (row,) = meta.ledger()
    told(live_number, receipt(row, "delivered"))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.provider_id) == (DeliveryStatus.DELIVERED, row["provider_id"])
    assert hand_out(conversation) is None
    assert len(meta.ledger()) == 1


def test_receipts_out_of_order_only_move_forward(live_number: Inbox, meta: Simulator) -> None:
    conversation = begun(live_number)
    reply(conversation=conversation, text="Hello", by=Actor.system())
    hand_out(conversation)
    (row,) = meta.ledger()
    for status in ("read", "sent", "delivered"):
        told(live_number, receipt(row, status))
    assert Delivery.objects.get().status == DeliveryStatus.READ


def receipt(row: dict[str, Any], status: str) -> dict[str, Any]:
    """A receipt for something in the simulator's ledger."""
    payload = fixture("status_read")
    told_status = payload["entry"][0]["changes"][0]["value"]["statuses"][0]
    told_status.update({"id": row["provider_id"], "status": status, "biz_opaque_callback_data": row["key"]})
    return payload
