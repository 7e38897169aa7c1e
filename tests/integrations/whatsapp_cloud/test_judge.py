"""An outside judge: pywa reads our captured webhooks, and speaks to the simulator as to Meta."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pywa.client import WhatsApp
from pywa.errors import MessageUndeliverable, RateLimitHit
from pywa.types.base_update import RawUpdate
from pywa.types.callback import Button, CallbackButton, CallbackSelection
from pywa.types.flows import FlowCompletion
from pywa.types.message import DeletedMessage, EditedMessage, Message, OutgoingMessage
from pywa.types.message_status import MessageStatus
from pywa.types.system import PhoneNumberChange

from conversations.enums import DeliveryStatus
from conversations.exchange import Edited, Incoming, Receipt
from integrations.whatsapp_cloud.config import WhatsAppConfig
from integrations.whatsapp_cloud.parsing import items
from tests.fakes.provider import Simulator
from tests.fakes.whatsapp_cloud import PHONE_NUMBER_ID, SECRET, WhatsAppCloud
from tests.integrations.whatsapp_cloud.case import CASE, FIXTURES, fixture, settings_at

CONFIG = WhatsAppConfig.model_validate(settings_at("https://graph.example"))
# pywa has no type for these: a kind of the future, a number that is not ours, errors without a message.
WITHOUT_TYPE = {
    "account_alert",
    "call",
    "errors",
    "kind_of_the_future",
    "other_number",
    "quality_flagged",
    "text_from_before_user_ids",
    "user_id_changed",
}


@pytest.fixture
def judge(shared: Simulator) -> Iterator[WhatsApp]:
    """pywa, with the simulator in Meta's place."""
    session = httpx.Client(timeout=10)
    client = WhatsApp(
        PHONE_NUMBER_ID, "EAA-judge", session=session, app_secret=SECRET, verify_token="x", api_version=25.0
    )
    session.base_url = f"{shared.url}/v25.0"
    yield client
    session.close()


def judged(judge: WhatsApp, payload: Any) -> Any:
    """The webhook as pywa's own types."""
    raw = RawUpdate(json.dumps(payload).encode(), hmac_header=None, update_hash="")
    kind = judge._get_handler_type(raw)
    assert kind
    return judge._handlers_to_updates[kind].from_update(client=judge, update=raw)


@pytest.mark.parametrize("name", sorted({path.stem for path in FIXTURES.glob("*.json")} - WITHOUT_TYPE))
def test_captured_webhook_has_the_shape_that_pywa_reads(judge: WhatsApp, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pywa warns of members of its enumerations that it does not know
        assert judged(judge, fixture(name)) is not None


def test_signature_of_the_captured_is_metas(judge: WhatsApp) -> None:
    for webhook in CASE.genuine:
        header = webhook.headers["x-hub-signature-256"]
        assert judge.webhook_update_validator(webhook.body, header) is None
        assert judge.webhook_update_validator(webhook.body + b" ", header) is not None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text", Message),
        ("text_without_number", Message),
        ("reply", Message),
        ("image", Message),
        ("document", Message),
        ("location", Message),
        ("button_reply", CallbackButton),
        ("list_reply", CallbackSelection),
        ("form", FlowCompletion),
    ],
)
def test_we_read_what_pywa_reads(judge: WhatsApp, name: str, kind: type[Any]) -> None:
    theirs = judged(judge, fixture(name))
    (ours,) = items(json.dumps(fixture(name)).encode(), CONFIG)
    assert isinstance(theirs, kind)
    assert isinstance(ours, Incoming)
    assert (ours.external_id, ours.sent_at) == (theirs.id, theirs.timestamp)
    assert ours.sender.external_id == theirs.from_user.bsuid
    assert ours.sender.name == theirs.from_user.name
    assert ours.reply_to == (theirs.reply_to_message.id if theirs.reply_to_message else "")
    if isinstance(theirs, Message) and theirs.media:
        assert ours.files[0].reference["id"] == theirs.media.id


def test_we_read_receipts_and_changes_as_pywa_does(judge: WhatsApp) -> None:
    status = judged(judge, fixture("status_failed"))
    (receipt,) = items(json.dumps(fixture("status_failed")).encode(), CONFIG)
    assert isinstance(status, MessageStatus)
    assert isinstance(receipt, Receipt)
    assert (receipt.provider_id, receipt.key) == (status.id, status.tracker)
    assert (receipt.status, receipt.error_code) == (DeliveryStatus.FAILED, "131047")
    edit = judged(judge, fixture("edit"))
    (edited,) = items(json.dumps(fixture("edit")).encode(), CONFIG)
    assert isinstance(edit, EditedMessage)
    assert isinstance(edited, Edited)
    assert (edited.external_id, edited.text) == (edit.original_message_id, edit.message.text)
    assert isinstance(judged(judge, fixture("revoke")), DeletedMessage)
    assert isinstance(judged(judge, fixture("echo")), OutgoingMessage)
    assert isinstance(judged(judge, fixture("number_changed")), PhoneNumberChange)


def test_simulator_takes_what_pywa_sends(judge: WhatsApp, meta: Simulator) -> None:
    sent = judge.send_message(
        to="16505551234", text="Which?", buttons=[Button("Red", callback_data="r")], tracker="our-key"
    )
    row = meta.ledger()[-1]
    assert (row["provider_id"], row["key"], row["kind"]) == (sent.id, "our-key", "interactive")
    judge.send_message(to="US.13491208655302741918", text="Hi")
    assert meta.ledger()[-1]["to"] == "US.13491208655302741918"


def test_simulator_refuses_as_meta_does(judge: WhatsApp, meta: Simulator) -> None:
    meta.set_faults(refuse=1)
    with pytest.raises(MessageUndeliverable):
        judge.send_message(to="16505551234", text="Hi")
    meta.set_faults(too_many=1)
    with pytest.raises(RateLimitHit):
        judge.send_message(to="16505551234", text="Hi")


def test_simulator_keeps_files_as_meta_does(judge: WhatsApp) -> None:
    media = judge.upload_media(b"\x89PNG", mime_type="image/png", filename="a.png")
    assert judge.get_media_url(media.id).mime_type == "image/png"


def test_what_the_simulator_tells_is_what_pywa_reads(judge: WhatsApp) -> None:
    simulator = WhatsAppCloud()
    text = {**simulator.text_from({"text": "Hi"}, 0)}
    contacts = [{"profile": {"name": "Davi"}, "wa_id": text["from"], "user_id": "BR.1"}]
    message = judged(judge, simulator.change_of({"contacts": contacts, "messages": [text]}))
    assert (message.text, message.from_user.name) == ("Hi", "Davi")
