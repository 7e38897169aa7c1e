"""The example of docs/adding-a-channel.md is an adapter that works."""

import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as configured

from accounts.models import Team
from conversations import channels
from conversations.actions.intake import take_in
from conversations.channels import adapter
from conversations.door import event_id
from conversations.enums import DeliveryStatus, Light, Verdict
from conversations.exchange import Webhook
from conversations.models import Conversation, InboundEvent, Inbox
from core.errors import Unauthenticated
from tests.conversations.lines import hand_out, only_delivery, say
from tests.fakes.site import Site, page

PAGE = Path(configured.BASE_DIR) / "docs" / "adding-a-channel.md"
TOKEN = "a-token-of-nobody-0001"
HEADERS = {"authorization": f"Bearer {TOKEN}"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway(settings: Any) -> Iterator[Site]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    site = Site()
    yield site
    site.shutdown()
    site.server_close()


@pytest.fixture
def sms(settings: Any, monkeypatch: pytest.MonkeyPatch, gateway: Site, team: Team) -> Iterator[Inbox]:
    """An inbox of the channel that the page describes."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    module = ModuleType("an_example")
    monkeypatch.setitem(sys.modules, "an_example", module)
    exec(compile(found[1], str(PAGE), "exec"), module.__dict__)  # noqa: S102 (what our own page says)
    settings.CHANNEL_ADAPTERS = {**settings.CHANNEL_ADAPTERS, "sms": "an_example.SmsAdapter"}
    channels.adapter.cache_clear()
    config = {"api_url": gateway.url, "token": TOKEN}
    yield Inbox.objects.create(name="SMS", channel="sms", team=team, config=config)
    channels.adapter.cache_clear()


def told(inbox: Inbox, *events: dict[str, str]) -> Verdict:
    """What becomes of a webhook that the gateway signs."""
    body = json.dumps({"events": events}).encode()
    webhook = Webhook("POST", "", {}, HEADERS, body)
    spoken = adapter("sms")
    spoken.verify(webhook, spoken.config.model_validate(inbox.config))
    kept = spoken.stored(webhook)
    assert TOKEN not in str(kept.headers)
    row = InboundEvent.objects.create(
        inbox=inbox, provider_event_id=event_id(spoken, webhook), headers=dict(kept.headers), body=kept.body
    )
    return take_in(row)


def test_example_of_the_page_takes_messages_answers_and_believes_receipts(sms: Inbox, gateway: Site) -> None:
    message = {"type": "message", "id": "m1", "from": "+5511987654321", "text": "Cadê meu pedido?"}
    assert told(sms, message, {"type": "news", "id": "n1"}, message) == Verdict.DONE
    conversation = Conversation.objects.get()
    assert (conversation.contact.phone, conversation.last_seq) == ("+5511987654321", 1)
    bodies: list[bytes] = []

    def taken(handler: BaseHTTPRequestHandler) -> None:
        bodies.append(handler.rfile.read(int(handler.headers["content-length"])))
        page(b'{"id": "s1"}')(handler)

    gateway.answers["/messages"] = taken
    say(conversation, "A caminho. Mais alguma coisa?", choices=[{"label": "Não", "value": "no"}])
    assert hand_out(conversation) is None
    assert json.loads(bodies[0]) == {"to": "+5511987654321", "text": "A caminho. Mais alguma coisa?\nNão"}
    assert only_delivery().status == DeliveryStatus.SENT
    assert told(sms, {"type": "delivered", "id": "s1"}) == Verdict.DONE
    assert only_delivery().status == DeliveryStatus.DELIVERED


def test_example_of_the_page_fails_as_adapters_do(sms: Inbox, gateway: Site) -> None:
    told(sms, {"type": "message", "id": "m1", "from": "+5511987654321", "text": "Oi"})
    gateway.answers["/messages"] = page(b"no such number", 400)
    say(Conversation.objects.get())
    hand_out(Conversation.objects.get())
    assert (only_delivery().status, only_delivery().error) == (DeliveryStatus.FAILED, "no such number")


def test_example_of_the_page_lets_no_stranger_in(sms: Inbox, gateway: Site) -> None:
    spoken = adapter("sms")
    config = spoken.config.model_validate(sms.config)
    for headers in (
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": f"bearer {TOKEN}"},
    ):
        with pytest.raises(Unauthenticated):
            spoken.verify(Webhook("POST", "", {}, headers, b"{}"), config)


@pytest.mark.parametrize(("status", "light"), [(200, Light.GREEN), (404, Light.RED)])
def test_example_of_the_page_says_whether_it_is_connected(
    sms: Inbox, gateway: Site, status: int, light: Light
) -> None:
    gateway.answers["/account"] = page(b"{}", status)
    spoken = adapter("sms")
    assert spoken.test(spoken.config.model_validate(sms.config)).light == light
