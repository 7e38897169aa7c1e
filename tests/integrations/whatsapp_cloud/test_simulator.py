"""The simulator's own behaviour: receipts, batches, signatures, and what faults do to them."""

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conversations.channels import SendUnclear
from conversations.enums import DeliveryStatus
from conversations.exchange import Incoming, Parsed, Receipt, Webhook
from integrations.whatsapp_cloud.adapter import WhatsAppCloudAdapter as Adapter
from integrations.whatsapp_cloud.config import WhatsAppConfig as Config
from tests.fakes.provider import Simulator
from tests.integrations.whatsapp_cloud.conftest import Write

PATIENCE = 10


class Door:
    """A door that keeps what it is told."""

    def __init__(self) -> None:
        self.told: queue.Queue[Webhook] = queue.Queue()
        told = self.told

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                told.put(Webhook("POST", self.path, {}, headers, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/abc"

    def items(self, adapter: Adapter, config: Config, count: int) -> list[Parsed]:
        """What came, verified and read, once there are so many."""
        found: list[Parsed] = []
        while len(found) < count:
            webhook = self.told.get(timeout=PATIENCE)
            adapter.verify(webhook, config)
            found += adapter.parse(webhook, config)
        return found


@pytest.fixture
def door(meta: Simulator) -> Iterator[Door]:
    here = Door()
    thread = threading.Thread(target=here.server.serve_forever, daemon=True)
    thread.start()
    meta.hook(hook=here.url)
    yield here
    meta.hook(hook="")
    here.server.shutdown()
    here.server.server_close()
    thread.join()


def test_accepted_message_is_sent_delivered_and_read(
    whatsapp: Adapter, config: Config, write: Write, door: Door
) -> None:
    outgoing = write("Hi")
    provider_id = whatsapp.send(outgoing, config).provider_id
    receipts = [each for each in door.items(whatsapp, config, 3) if isinstance(each, Receipt)]
    assert {each.status for each in receipts} == {
        DeliveryStatus.SENT,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.READ,
    }
    assert {(each.provider_id, each.key) for each in receipts} == {(provider_id, outgoing.key)}


def test_mute_provider_tells_nothing(
    whatsapp: Adapter, config: Config, meta: Simulator, write: Write, door: Door
) -> None:
    meta.set_faults(mute=True)
    whatsapp.send(write("Hi"), config)
    counts = meta.webhooks()
    assert counts["waiting"] == 0
    assert door.told.empty()


def test_message_that_was_cut_off_is_known_by_its_receipt(
    whatsapp: Adapter, config: Config, meta: Simulator, write: Write, door: Door
) -> None:
    """Nobody knows whether it was taken, until a receipt brings our key."""
    meta.set_faults(cut=1)
    outgoing = write("Hi")
    with pytest.raises(SendUnclear):
        whatsapp.send(outgoing, config)
    receipts = [each for each in door.items(whatsapp, config, 3) if isinstance(each, Receipt)]
    assert {each.key for each in receipts} == {outgoing.key}


def test_batch_comes_as_one_webhook(whatsapp: Adapter, config: Config, meta: Simulator, door: Door) -> None:
    ids = meta.say(text="Hi", count=5, batch=True)["ids"]
    found = door.items(whatsapp, config, 5)
    assert [each.external_id for each in found if isinstance(each, Incoming)] == ids
    assert door.told.empty()


def test_duplicates_carry_the_same_ids(
    whatsapp: Adapter, config: Config, meta: Simulator, door: Door
) -> None:
    """Meta delivers at least once; one id told many times is one message (Chatwoot #5433)."""
    meta.set_faults(duplicates=30, shuffle=0.2)
    (told,) = meta.say(text="Hi")["ids"]
    meta.set_faults()
    (last,) = meta.say(text="Last")["ids"]
    seen: set[str] = set()
    while last not in seen:
        (message,) = door.items(whatsapp, config, 1)
        assert isinstance(message, Incoming)
        seen.add(message.external_id)
    assert seen <= {told, last}
