"""Callbacks of the running product at the integrator's program, each once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from accounts.models import Team, User
from conversations.actions import receive, reply
from conversations.enums import DeliveryStatus
from conversations.exchange import Sender
from conversations.models import Delivery, Inbox
from tests.conversations.lines import eventually
from tests.fakes.api_channel import SECRET, ApiChannel
from tests.fakes.provider import Simulator, running
from tests.integrations.api.case import config
from tests.live import LiveServer

MANY = 24


@pytest.fixture
def program() -> Iterator[Simulator]:
    with running(ApiChannel, secret=SECRET) as simulator:
        yield simulator


@pytest.fixture
def shop(transactional_db: None, team: Team, program: Simulator) -> Inbox:
    return Inbox.objects.create(name="Shop", channel="api", team=team, config=config(program.url))


def test_messages_sent_fast_are_called_back_once_each_and_in_order(
    shop: Inbox, server: LiveServer, program: Simulator, bruno: User
) -> None:
    """Chatwoot #11901: with messages in quick succession the same webhook event came twice."""
    chats = [receive(inbox=shop, sender=Sender(name), text="Oi").conversation for name in ("davi", "eva")]

    def write(number: int) -> None:
        chat = chats[number % 2]
        reply(conversation=chat, by=bruno.as_actor(), text=f"{chat.contact.pk} {number:02d}")
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(MANY)))
    arrived = {DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ}
    assert eventually(lambda: Delivery.objects.filter(status__in=arrived).count() == MANY)
    calls = program.ledger()
    assert len(calls) == MANY
    assert not [call for call in calls if "repeated" in call["raw"]]
    for chat in chats:
        said = list(chat.messages.filter(direction="out").order_by("seq").values_list("text", flat=True))
        assert [call["text"] for call in calls if call["raw"]["conversation_id"] == str(chat.pk)] == said
