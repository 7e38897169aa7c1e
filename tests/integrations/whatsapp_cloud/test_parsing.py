"""Webhooks as items: every kind, every part of a batch, every way to name a person."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.enums import DeliveryStatus, Light
from conversations.exchange import (
    Connection,
    Deleted,
    Echo,
    Edited,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Sender,
)
from integrations.whatsapp_cloud.config import WhatsAppConfig
from integrations.whatsapp_cloud.parsing import Unreadable, items
from tests.integrations.whatsapp_cloud.case import FIXTURES, fixture, settings_at

CONFIG = WhatsAppConfig.model_validate(settings_at("https://graph.example"))
OURS = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBJFRjAxMjM0NTY3ODlBQkNERUYA"
THEIRS = "wamid.HBgLMTQxMjU1NTA4MjkVAgASGBQzQTQBNjU5OQA="
KEY = "5f2c1d1f0c6e4a3b9c58a1f1e7c0d2ab:0"
SHEENA = Sender(
    external_id="US.13491208655302741918",
    name="Sheena Nelson",
    phone="+16505551234",
    aliases=("16505551234",),
    is_verified=True,
)


def read(payload: Any) -> list[Parsed]:
    return list(items(json.dumps(payload).encode(), CONFIG))


def one(name: str) -> Any:
    (item,) = read(fixture(name))
    return item


def read_of_a_spoiled(payload: Any) -> list[Parsed]:
    """What was yielded before the webhook was found to be partly unreadable."""
    kept: list[Parsed] = []
    with pytest.raises(Unreadable):
        kept.extend(items(json.dumps(payload).encode(), CONFIG))
    return kept


def with_message(message: dict[str, Any], name: str = "text") -> dict[str, Any]:
    """A webhook with other fields in its only message."""
    payload = fixture(name)
    value = payload["entry"][0]["changes"][0]["value"]
    value["messages"] = [{**value["messages"][0], **message}]
    return payload


def test_what_is_null_or_not_said_hides_no_message() -> None:
    payload = fixture("text")
    del payload["object"]
    payload["entry"][0]["changes"][0]["value"] |= {"statuses": None, "errors": None, "contacts": None}
    (message,) = read(payload)
    assert isinstance(message, Incoming)
    assert message.text == one("text").text


def test_text_is_read_with_its_writer_and_time() -> None:
    message = one("text")
    assert message == Incoming(
        external_id=message.external_id,
        sender=SHEENA,
        text="Does it come in another color? ção ☀️",
        sent_at=datetime(2025, 6, 8, 20, 59, 43, tzinfo=UTC),
    )
    assert message.external_id.startswith("wamid.")


@pytest.mark.parametrize(
    ("name", "text", "details"),
    [
        ("forwarded", "Seen this?", {"forwarded": True, "frequently_forwarded": True}),
        (
            "button_reply",
            "I want a refund",
            {"kind": "choice", "title": "Refund", "value": "I want a refund"},
        ),
        (
            "list_reply",
            "Priority Mail Express",
            {"kind": "choice", "title": "Priority Mail Express", "value": "priority_express"},
        ),
        ("form", "Sent\nday: Monday\nguests: 2", {"kind": "form", "values": {"day": "Monday", "guests": 2}}),
        (
            "template_button",
            "Stop promotions",
            {"kind": "choice", "title": "Stop promotions", "value": "STOP"},
        ),
        ("opened", "Opened the chat", {"kind": "opened"}),
        ("group", "Hello all", {"group_id": "Y2FwaV9ncm91cDox"}),
    ],
)
def test_kind_is_read(name: str, text: str, details: dict[str, Any]) -> None:
    message = one(name)
    assert isinstance(message, Incoming)
    assert (message.text, message.details) == (text, details)


@pytest.mark.parametrize(
    ("name", "text", "media", "content_type", "file_name", "details"),
    [
        ("image", "The torn one", "1003383421387256", "image/jpeg", "", {}),
        ("video", "", "1003383421387257", "video/mp4", "", {}),
        ("voice", "", "1003383421387258", "audio/ogg", "", {"kind": "audio", "voice": True}),
        ("document", "Invoice", "1003383421387259", "application/pdf", "fatura março.pdf", {}),
        ("sticker", "", "1003383421387260", "image/webp", "", {"kind": "sticker"}),
    ],
)
def test_file_is_announced_with_what_is_needed_to_fetch_it(
    *, name: str, text: str, media: str, content_type: str, file_name: str, details: dict[str, Any]
) -> None:
    message = one(name)
    (file,) = message.files
    assert (message.text, message.details) == (text, details)
    assert (file.reference["id"], file.content_type, file.name) == (media, content_type, file_name)
    assert file.content is None


def test_location_shows_its_name_and_where_it_is() -> None:
    message = one("location")
    assert message.text.splitlines()[0] == "Main Street Beach"
    assert message.text.splitlines()[-1] == "38.9806, -131.943"
    assert message.details["latitude"] == 38.9806263495
    assert message.details["kind"] == "location"


def test_visiting_cards_are_lines() -> None:
    message = one("contacts")
    assert message.text.splitlines() == [
        "Barbara Johnson (Lucky Shrub): +1 415 555 0829, bjohnson@example.com",
        "No Reach",
    ]
    assert len(message.details["contacts"]) == 2


def test_order_is_a_list_of_what_was_chosen() -> None:
    message = one("order")
    assert message.text.splitlines() == [
        "Please hurry",
        "2 × di9ozbzfi4 (30 USD)",
        "1 × nqryix03ez (25.5 USD)",
    ]
    assert message.details["catalog_id"] == "194836987003835"


def test_advertisement_and_product_are_kept_beside_the_text() -> None:
    assert one("advertisement").details["referral"]["headline"] == "Chat with us"
    question = one("product_question")
    assert question.details["product"]["product_retailer_id"] == "di9ozbzfi4"
    assert question.reply_to == OURS


def test_answer_names_what_it_answers() -> None:
    assert one("reply").reply_to == OURS


@pytest.mark.parametrize(("name", "emoji"), [("reaction", "👍🏽"), ("reaction_removed", "")])
def test_reaction_is_not_dropped(name: str, emoji: str) -> None:
    """Chatwoot drops reactions (incoming_message_base_service.rb)."""
    reaction = one(name)
    assert isinstance(reaction, Reacted)
    assert (reaction.external_id, reaction.sender, reaction.emoji) == (OURS, SHEENA, emoji)


@pytest.mark.parametrize(
    ("name", "text"), [("edit", "I meant Tuesday"), ("edit_of_caption", "The other one")]
)
def test_edit_names_the_original(name: str, text: str) -> None:
    edited = one(name)
    assert isinstance(edited, Edited)
    assert (edited.external_id, edited.text) == (THEIRS, text)


def test_message_taken_back_is_told() -> None:
    deleted = one("revoke")
    assert isinstance(deleted, Deleted)
    assert deleted.external_id == THEIRS


def test_unsupported_kind_is_a_line_with_its_reason() -> None:
    message = one("unsupported")
    assert "poll" in message.text
    assert message.details["reason"] == "Message type unknown"


def test_kind_that_came_after_us_is_a_line_with_its_content() -> None:
    message = one("kind_of_the_future")
    assert isinstance(message, Incoming)
    assert "hologram" in message.text
    assert message.details["data"]["hologram"] == {"id": "77", "depth": 3}


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "text", "text": {}},
        {"type": "location", "location": {"latitude": "north"}},
        {"type": "image", "image": None},
        {"type": "contacts", "contacts": 7},
        {"type": "order", "order": {}},
        {"type": "interactive", "interactive": []},
        {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "[1]"}}},
        {"type": "ephemeral"},
        {"type": None},
    ],
)
def test_message_of_another_form_is_still_shown(broken: dict[str, Any]) -> None:
    """Chatwoot drops ephemeral messages, and what it cannot read."""
    (message,) = read(with_message(broken))
    assert isinstance(message, Incoming)
    assert message.text
    assert message.details["kind"] == "unsupported"


# --- Who it was ---------------------------------------------------------------------------------------------
def test_person_without_number_is_known_by_user_id() -> None:
    """A user name hides the number: `from` and `wa_id` are missing (Chatwoot identifier helper, 2026)."""
    assert one("text_without_number").sender == Sender(
        external_id="US.13491208655302741918",
        name="Sheena Nelson",
        aliases=("US.ENT.11815799212886844830",),
        is_verified=True,
    )


def test_person_before_user_ids_is_known_by_number() -> None:
    sender = one("text_from_before_user_ids").sender
    assert (sender.external_id, sender.aliases, sender.phone) == ("16505551234", (), "+16505551234")


def test_same_person_shares_an_id_however_they_are_named() -> None:
    named = [one(name).sender for name in ("text", "text_without_number", "text_from_before_user_ids")]
    full = {named[0].external_id, *named[0].aliases}
    for sender in named:
        assert full & {sender.external_id, *sender.aliases}


def test_user_name_stands_in_for_a_missing_name() -> None:
    payload = fixture("text_without_number")
    payload["entry"][0]["changes"][0]["value"]["contacts"][0]["profile"] = {"username": "sheena.n"}
    (message,) = read(payload)
    assert isinstance(message, Incoming)
    assert message.sender.name == "sheena.n"


def test_only_the_contact_with_the_same_id_lends_its_ids() -> None:
    payload = with_message({"from": "4915112345678", "from_user_id": "DE.77"})
    (message,) = read(payload)
    assert isinstance(message, Incoming)
    assert (message.sender.external_id, message.sender.aliases) == ("DE.77", ("4915112345678",))


def test_changed_number_keeps_the_old_ids_as_aliases() -> None:
    message = one("number_changed")
    assert message.is_automatic
    assert message.sender.external_id == "US.99887766554433"
    assert message.sender.phone == "+12195555358"
    assert set(message.sender.aliases) == {"12195555358", "16505551234", "US.13491208655302741918"}


def test_changed_user_id_keeps_the_old_one() -> None:
    sender = one("user_id_changed").sender
    assert (sender.external_id, sender.aliases) == ("US.99887766554433", ("US.13491208655302741918",))


# --- What became of ours ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("status_sent", DeliveryStatus.SENT),
        ("status_delivered", DeliveryStatus.DELIVERED),
        ("status_read", DeliveryStatus.READ),
        ("status_played", DeliveryStatus.READ),
    ],
)
def test_receipt_brings_our_key_back(name: str, status: DeliveryStatus) -> None:
    receipt = one(name)
    assert receipt == Receipt(status, provider_id=OURS, key=KEY, at=receipt.at)


def test_failure_says_what_to_do_and_keeps_the_code() -> None:
    receipt = one("status_failed")
    assert (receipt.status, receipt.error_code) == (DeliveryStatus.FAILED, "131047")
    assert "template" in receipt.error


def test_status_of_the_future_is_ignored_with_its_name() -> None:
    payload = fixture("status_sent")
    payload["entry"][0]["changes"][0]["value"]["statuses"][0]["status"] = "warmed"
    assert read(payload) == [Ignored("status warmed")]


# --- Batches ------------------------------------------------------------------------------------------------
def test_batch_is_read_whole() -> None:
    """Chatwoot and Zammad read `entry[0].changes[0]` and `messages.first`, and lose the rest."""
    found = read(fixture("batch"))
    texts = [each.text for each in found if isinstance(each, Incoming)]
    states = [each.status for each in found if isinstance(each, Receipt)]
    assert texts == ["one", "two", "", "four", "five"]
    assert states == [DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ]
    assert sum(isinstance(each, Reacted) for each in found) == 1


def test_people_of_a_batch_are_told_apart() -> None:
    names = [each.sender.name for each in read(fixture("batch")) if isinstance(each, Incoming)]
    assert names[:3] == ["Sheena Nelson", "Bruno Dias", "Sheena Nelson"]


@pytest.mark.parametrize("spoiled", [7, None, {"id": 5}, {"id": ""}, {"id": "x" * 256}, {"from": None}])
def test_unreadable_message_keeps_none_of_its_neighbours_out(spoiled: Any) -> None:
    payload = fixture("batch")
    value = payload["entry"][0]["changes"][0]["value"]
    first = {"id": "wamid.a", "type": "text", "text": {"body": "?"}, "from": "1650555"}
    value["messages"].insert(0, {**first, **spoiled} if isinstance(spoiled, dict) else spoiled)
    assert read_of_a_spoiled(payload) == read(fixture("batch"))


@pytest.mark.parametrize("name", ["messages", "contacts", "statuses"])
def test_list_that_is_none_keeps_the_other_changes_in(name: str) -> None:
    payload = fixture("batch")
    payload["entry"][0]["changes"][0]["value"][name] = "no list"
    kept = read_of_a_spoiled(payload)
    assert [each.text for each in kept if isinstance(each, Incoming)] == ["four", "five"]


def test_message_for_another_number_of_the_app_is_left_alone() -> None:
    assert read(fixture("other_number")) == [Ignored("for phone number 555000111")]


def test_alert_of_another_account_is_left_alone() -> None:
    payload = fixture("account_disabled")
    payload["entry"][0]["changes"][0]["value"]["waba_info"]["waba_id"] = "1"
    assert read(payload) == [Ignored("for business account 1")]
    payload = fixture("quality_flagged")
    payload["entry"][0]["id"] = "2"
    assert read(payload) == [Ignored("for business account 2")]


def test_webhook_of_another_product_is_left_alone() -> None:
    assert read({"object": "instagram", "entry": []}) == [Ignored("object instagram")]


# --- Beside conversations -----------------------------------------------------------------------------------
def test_what_was_said_on_the_phone_is_an_echo() -> None:
    echo = one("echo")
    assert isinstance(echo, Echo)
    assert (echo.to, echo.text) == (SHEENA, "Said on the phone")
    assert isinstance(one("echo_revoked"), Deleted)


def test_call_is_shown_so_that_somebody_calls_back() -> None:
    call = one("call")
    assert isinstance(call, Incoming)
    assert call.is_automatic
    assert (call.sender.external_id, call.details["kind"]) == ("US.13491208655302741918", "call")


def test_wish_for_no_more_marketing_is_kept() -> None:
    preference = one("preference")
    assert preference.sender.phone == "+16505551234"
    assert preference.details == {"kind": "preference", "category": "marketing_messages", "value": "stop"}
    assert preference.is_automatic


@pytest.mark.parametrize(
    ("name", "light"),
    [
        ("account_disabled", Light.RED),
        ("account_alert", Light.YELLOW),
        ("quality_flagged", Light.YELLOW),
        ("errors", Light.YELLOW),
    ],
)
def test_trouble_with_the_account_turns_the_light(name: str, light: Light) -> None:
    connection = one(name)
    assert isinstance(connection, Connection)
    assert connection.light == light
    assert connection.detail


def test_approval_of_a_template_is_noted() -> None:
    assert one("template_status") == Ignored("template order_ready (en_US): APPROVED")


# --- Anything at all ----------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = sorted({path.stem for path in FIXTURES.glob("*.json")})


@settings(deadline=None)
@given(name=st.sampled_from(WORDS), spoiled=JSON, data=st.data())
def test_any_value_anywhere_ends_in_items_or_one_kind_of_error(name: str, spoiled: Any, data: Any) -> None:
    payload = fixture(name)
    here: Any = payload
    for _ in range(data.draw(st.integers(1, 9))):
        if not isinstance(here, dict | list) or not here:
            break
        keys = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        parent, key = here, data.draw(st.sampled_from(keys))
        here = here[key]
    parent[key] = spoiled
    try:
        found = read(payload)
    except Unreadable:
        return
    assert all(each.external_id for each in found if isinstance(each, Incoming | Echo))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"entry": {}}', b"[" * 200_000])
def test_what_is_no_webhook_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(items(body, CONFIG))
