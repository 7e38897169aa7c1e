"""How others lose and double messages of Telegram: here through our door, our jobs and the database."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from agents.models import Agent, Run
from conversations.actions import pulling, reply
from conversations.enums import DeliveryStatus, Status, Verdict
from conversations.exchange import Batch, Pulled
from conversations.models import Contact, Conversation, Delivery, InboundEvent, Inbox, Message
from integrations.telegram.adapter import TelegramAdapter
from tests.fakes.provider import Simulator, running
from tests.fakes.telegram import Telegram
from tests.integrations.telegram.case import HEADER, SECRET, config, webhook
from tests.integrations.telegram.kit import message
from tests.live import LiveServer

MANY = 20


@pytest.fixture
def telegram() -> Iterator[Simulator]:
    with running(Telegram, secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def bot(transactional_db: None, team: Team, telegram: Simulator) -> Inbox:
    """The support team's bot."""
    return Inbox.objects.create(name="Bot", channel="telegram", team=team, config=config(telegram.url))


def until(condition: Callable[[], Any]) -> None:
    """Waits for something that other threads and processes bring about."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def forwarded(number: int) -> dict[str, Any]:
    """One of several messages that a customer forwards at once."""
    update = message(message_id=number, text=f"forwarded {number}", media_group_id="1", forward_origin={
        "type": "hidden_user", "sender_user_name": "Somebody", "date": 1
    })  # fmt: skip
    return {**update, "update_id": 1000 + number}


def post(server: LiveServer, bot: Inbox, update: dict[str, Any], secret: str | None = SECRET) -> int:
    headers = {HEADER: secret} if secret is not None else {}
    return httpx.post(f"{server.url}/hooks/{bot.key}", json=update, headers=headers, timeout=30).status_code


def post_at_once(server: LiveServer, bot: Inbox, updates: list[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(len(updates)) as pool:
        assert set(pool.map(lambda update: post(server, bot, update), updates)) == {200}


def settled() -> bool:
    return not InboundEvent.objects.filter(verdict=Verdict.RECEIVED).exists()


def test_chatwoot_13308_messages_forwarded_at_once_make_one_conversation(
    server: LiveServer, bot: Inbox
) -> None:
    """Chatwoot #13308: several forwarded messages of a new customer at once made several conversations."""
    post_at_once(server, bot, [forwarded(number) for number in range(1, MANY + 1)])
    until(settled)
    assert (Contact.objects.count(), Conversation.objects.count()) == (1, 1)
    rows = Message.objects.order_by("seq")
    assert sorted(row.text for row in rows) == sorted(f"forwarded {n}" for n in range(1, MANY + 1))
    assert len({row.seq for row in rows}) == MANY


def test_chatwoot_15450_update_told_again_is_stored_once(server: LiveServer, bot: Inbox) -> None:
    """Chatwoot #15450: no dedupe by update_id or message_id, so that each repetition was a message."""
    update = message(text="Oi")
    post_at_once(server, bot, [update] * MANY)
    # The same message under another number, as after a bot was moved from one server to another.
    post_at_once(server, bot, [{**update, "update_id": number} for number in range(2, 6)])
    until(settled)
    assert InboundEvent.objects.count() == 5
    assert Message.objects.get().text == "Oi"


def test_numbers_of_another_bot_hide_none_of_its_messages(server: LiveServer, bot: Inbox) -> None:
    """Update and message have the numbers of others, as when the inbox was given a new bot."""
    for date, text in ((100, "To the first bot"), (200, "To the second")):
        assert post(server, bot, message(text=text, date=date)) == 200
    until(settled)
    assert list(Message.objects.order_by("seq").values_list("text", flat=True)) == [
        "To the first bot",
        "To the second",
    ]


def test_chatwoot_no_secret_token_check_at_the_door(quiet_server: LiveServer, bot: Inbox) -> None:
    """Chatwoot #14280 signs Meta's doors only: Telegram's takes a message from whoever knows the address."""
    for secret in (None, "", "wrong", SECRET[:-1]):
        assert post(quiet_server, bot, message(text="I am Davi"), secret) == 401
    assert not InboundEvent.objects.exists()


def test_update_that_is_told_and_polled_is_stored_once(server: LiveServer, bot: Inbox) -> None:
    update = message(text="Oi")
    assert post(server, bot, update) == 200
    body = json.dumps(update).encode()
    polled = Pulled(TelegramAdapter().event_id(webhook(body)), body)
    pulling.store(bot.pk, Batch((polled,), {"offset": 2}))
    until(settled)
    assert InboundEvent.objects.count() == 1
    assert Message.objects.count() == 1


def test_customer_and_operator_talk_through_a_webhook(
    server: LiveServer, bot: Inbox, telegram: Simulator, bruno: User
) -> None:
    telegram.set_faults(duplicates=4, shuffle=0.2)
    telegram.hook(hook=f"{server.url}/hooks/{bot.key}")
    telegram.say(text="Cadê meu *pedido*?", name="Davi", chat=777)
    until(Message.objects.exists)
    conversation = Conversation.objects.get()
    assert conversation.contact.name == "Davi"
    reply(conversation=conversation, by=bruno.as_actor(), text="Is it **4711**?")
    until(telegram.ledger)
    assert telegram.ledger()[0]["to"] == "777"
    assert telegram.ledger()[0]["text"] == "Is it 4711?"
    until(lambda: Delivery.objects.get().status == DeliveryStatus.SENT)
    assert Delivery.objects.get().provider_id == telegram.ledger()[0]["provider_id"]
    until(lambda: not telegram.webhooks()["waiting"])
    assert Message.objects.filter(direction="in").count() == 1


def test_question_of_before_an_outage_is_not_answered_by_the_agent_but_by_people(
    server: LiveServer, bot: Inbox, bruno: User, settings: Any
) -> None:
    """Case L: Telegram keeps what it could not tell; a day later the question may have another answer."""
    settings.LLM = dict.fromkeys(settings.LLM, "") | {
        "LLM_TIMEOUT_SECONDS": "30",
        "LLM_FIRST_TOKEN_SECONDS": "20",
    }
    Agent.objects.create(name="Lia").inboxes.add(bot)
    written = timezone.now().replace(microsecond=0) - timedelta(hours=25)
    assert post(server, bot, message(text="Is it too late?", date=int(written.timestamp()))) == 200
    until(Message.objects.exists)
    late = Conversation.objects.get()
    # The agent answers who writes now, and would have had the time for the other.
    now = message(text="Hello", date=int(timezone.now().timestamp()), **another_chat())
    assert post(server, bot, {**now, "update_id": 2}) == 200
    until(lambda: Message.objects.filter(author_kind="agent").exists())
    assert not Run.objects.filter(conversation=late).exists()
    late.refresh_from_db()
    assert (late.status, late.waiting_since is not None) == (Status.OPEN, True)
    (item,) = said(bruno, late)
    assert (item["text"], item["sent_at"]) == ("Is it too late?", written.isoformat())


def another_chat() -> dict[str, Any]:
    eva = {"id": 556, "is_bot": False, "first_name": "Eva"}
    return {"from": eva, "chat": {"id": 556, "type": "private", "first_name": "Eva"}}


def said(operator: User, conversation: Conversation) -> list[dict[str, Any]]:
    """The messages of a thread, as the desk shows them."""
    client = Client()
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    items = client.get(f"/admin/inbox/{conversation.pk}/thread/").json()["items"]
    return [item["message"] for item in items if item.get("message")]


def test_customer_is_heard_by_polling_without_any_address(
    bot: Inbox, telegram: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.telegram.polling.POLL_SECONDS", 0.1)
    monkeypatch.setattr(pulling, "TURN_SECONDS", 1)
    Inbox.objects.filter(pk=bot.pk).update(config={**config(telegram.url), "mode": "polling"})
    for number in range(MANY):
        telegram.say(text=f"message {number}")
    async_to_sync(pulling.pull)(bot.pk)
    bodies = [json.loads(bytes(row.body)) for row in InboundEvent.objects.order_by("pk")]
    assert [body["message"]["text"] for body in bodies] == [f"message {n}" for n in range(MANY)]
    # The next turn finds nothing to repeat.
    async_to_sync(pulling.pull)(bot.pk)
    assert InboundEvent.objects.count() == MANY
