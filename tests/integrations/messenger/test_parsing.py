"""What Messenger tells, and what others did with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conversations.channels import adapter
from conversations.enums import DeliveryStatus, Light
from conversations.exchange import (
    Connection,
    Echo,
    Edited,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Sender,
)
from integrations.messenger.adapter import MessengerConfig
from tests.fakes.messenger import PAGE
from tests.fakes.meta import VERIFY_TOKEN
from tests.integrations.messenger.case import config
from tests.integrations.meta.webhooks import asked, notice, parsed

PERSON = "24001"


def settings(**more: Any) -> MessengerConfig:
    return MessengerConfig.model_validate({**config("https://graph.facebook.com/v25.0"), **more})


def items(name: str) -> list[Parsed]:
    return parsed("messenger", settings(), name)


def only(name: str) -> Parsed:
    (item,) = items(name)
    return item


def incoming(name: str) -> Incoming:
    item = only(name)
    assert isinstance(item, Incoming)
    return item


def test_text_comes_with_its_sender() -> None:
    item = incoming("text")
    assert item.text == "Boa tarde, meu pedido não chegou"
    assert item.sender == Sender(PERSON)
    assert item.external_id.startswith("m_AG5Hz2Uq7")


def test_pictures_come_with_their_text_and_names() -> None:
    item = incoming("images")
    assert item.text == "Olha o estado"
    assert [(file.name, file.content_type) for file in item.files] == [
        ("nota.jpg", "image/jpeg"),
        ("caixa.png", "image/png"),
    ]


def test_document_keeps_its_name() -> None:
    (file,) = incoming("document").files
    assert (file.name, file.content_type) == ("nota fiscal.pdf", "application/pdf")


def test_thumbs_up_is_text_and_other_stickers_are_pictures() -> None:
    thumb, sticker = incoming("thumbs_up"), incoming("sticker")
    assert (thumb.text, thumb.files) == ("👍", ())
    assert len(sticker.files) == 1
    assert sticker.details == {"kind": "sticker", "sticker_id": "144885035685763"}


def test_location_has_its_numbers() -> None:
    item = incoming("location")
    assert item.details == {
        "kind": "location",
        "latitude": -23.5505,
        "longitude": -46.6333,
        "name": "Localização de Davi",
    }
    assert item.text == "Localização de Davi: -23.5505, -46.6333"


def test_link_is_not_told_again_by_its_preview() -> None:
    assert incoming("link_preview").text == "https://loja.example/p/12\nBolsa azul"


def test_fallback_without_an_address_is_told_by_its_words() -> None:
    item = incoming("fallback_without_address")
    assert item.text == "Foo\nMy Documents/foo.doc"
    assert item.files == ()


def test_reel_with_half_an_address_becomes_a_link() -> None:
    item = incoming("shared_reel")
    assert item.text == "Shared a reel\nhttps://www.facebook.com/reel/123451234512345/"
    assert item.files == ()


def test_product_that_is_asked_about_is_named() -> None:
    item = incoming("product")
    assert item.text == "Tem no 38?\nBolsa de linho\nR$ 199,00"
    assert item.details == {"kind": "product", "products": ["4455"]}


def test_choice_and_answer_are_told() -> None:
    assert incoming("quick_reply").details == {"kind": "choice", "payload": "Sim"}
    assert incoming("reply").reply_to.endswith("0900")


def test_first_button_tells_where_the_customer_came_from() -> None:
    item = incoming("postback")
    assert item.text == "Começar"
    assert item.details["referral"] == {"ref": "panfleto", "source": "SHORTLINK", "type": "OPEN_THREAD"}


def test_postback_without_an_id_has_the_same_one_each_time() -> None:
    assert incoming("postback_without_id").external_id == incoming("postback_without_id").external_id
    assert incoming("postback_without_id").external_id.startswith(f"postback:{PERSON}:")


def test_reaction_has_its_emoji() -> None:
    item = only("reaction")
    assert isinstance(item, Reacted)
    assert item.emoji == "🎉"


def test_delivery_names_messages_and_a_time() -> None:
    first, second, all_until = items("delivery")
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert isinstance(all_until, Receipt)
    assert (first.provider_id[-4:], second.provider_id[-4:]) == ("0900", "0901")
    assert first.status == all_until.status == DeliveryStatus.DELIVERED
    assert (all_until.reader, all_until.upto) == (
        PERSON,
        datetime(2025, 11, 21, 10, 20, 58, 120000, tzinfo=UTC),
    )


def test_delivery_without_ids_is_told_by_time() -> None:
    item = only("delivery_by_time")
    assert isinstance(item, Receipt)
    assert (item.provider_id, item.reader) == ("", PERSON)


def test_reading_is_told_by_time() -> None:
    item = only("read")
    assert isinstance(item, Receipt)
    assert item.status == DeliveryStatus.READ
    assert item.upto == datetime(2025, 11, 21, 10, 20, 59, 120000, tzinfo=UTC)


def test_edit_replaces_the_text() -> None:
    item = only("edit")
    assert isinstance(item, Edited)
    assert item.text == "Boa tarde, meu pedido chegou"


def test_echo_of_ours_is_a_receipt_by_our_key() -> None:
    """What we sent and never heard of is found again, and not stored a second time."""
    item = only("echo_of_ours")
    assert isinstance(item, Receipt)
    assert item.key == "0f3c9f1e5f7a4d0b9d3e2a1c4b5a6978"
    assert item.status == DeliveryStatus.SENT
    assert item.provider_id.startswith("m_")


def test_answer_of_the_page_inbox_is_an_echo() -> None:
    item = only("echo_of_the_page_inbox")
    assert isinstance(item, Echo)
    assert item.to == Sender(PERSON)
    assert item.details == {"app_id": "263902037430900"}


def test_metadata_of_another_app_is_not_taken_for_our_key() -> None:
    item = only("echo_of_another_app")
    assert isinstance(item, Echo)
    assert item.text == "Avalie sua compra"


@pytest.mark.parametrize(
    "name", ["handover", "standby", "opt_in", "event_of_the_future", "feed", "other_page"]
)
def test_what_is_no_message_is_ignored_with_a_reason(name: str) -> None:
    item = only(name)
    assert isinstance(item, Ignored)
    assert item.reason


def test_unknown_event_is_named_in_its_reason() -> None:
    item = only("event_of_the_future")
    assert isinstance(item, Ignored)
    assert "telepathy" in item.reason


def test_page_that_meta_stops_turns_red() -> None:
    item = only("policy")
    assert isinstance(item, Connection)
    assert item.light == Light.RED
    assert "Platform Policies" in item.detail


def test_batch_is_read_whole() -> None:
    """Chatwoot reads the first entry and message of a batch only."""
    said = [item.text for item in items("batch") if isinstance(item, Incoming)]
    assert said == ["um", "dois", "três", "quatro"]


def test_door_is_confirmed_to_one_who_knows_the_token() -> None:
    messenger = adapter("messenger")
    right = asked(mode="subscribe", verify_token=VERIFY_TOKEN, challenge="77")
    assert messenger.handshake(right, settings()) == "77"
    assert messenger.handshake(asked(mode="subscribe", verify_token="no", challenge="77"), settings()) is None


@pytest.mark.parametrize("name", ["app_secret", "verify_token", "access_token", "page_id"])
def test_settings_without_a_secret_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        settings(**{name: ""})


def test_settings_with_something_else_than_an_id_are_refused() -> None:
    with pytest.raises(ValueError, match="page_id"):
        settings(page_id="1/../me")


def one(event: dict[str, Any]) -> Parsed:
    """What a single event of the customer's means."""
    told = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 1763720453120, **event}
    (item,) = parsed("messenger", settings(), notice("page", PAGE, told))
    return item


def test_receipt_that_names_nothing_is_ignored() -> None:
    assert isinstance(one({"read": {}}), Ignored)


def test_reaction_of_the_page_is_ignored() -> None:
    item = one({"sender": {"id": PAGE}, "reaction": {"mid": "m", "action": "react", "emoji": "❤"}})
    assert isinstance(item, Ignored)


@pytest.mark.parametrize(("name", "emoji"), [("wow", "😮"), ("dislike", "👎"), ("brand-new", "👍")])
def test_reaction_without_an_emoji_has_one_by_its_name(name: str, emoji: str) -> None:
    item = one({"reaction": {"mid": "m", "action": "react", "reaction": name}})
    assert isinstance(item, Reacted)
    assert item.emoji == emoji


def test_handle_of_a_customer_is_kept_where_it_comes_along() -> None:
    item = one({"sender": {"id": PERSON, "username": "davi.s"}, "message": {"mid": "m", "text": "oi"}})
    assert isinstance(item, Incoming)
    assert item.sender == Sender(PERSON, name="@davi.s")


@pytest.mark.parametrize(
    "event",
    [
        {"sender": {"user_ref": "x"}, "message": {"mid": "m", "text": "oi"}},
        {"recipient": {}, "message": {"mid": "m", "text": "oi", "is_echo": True}},
        {"reaction": {"action": "react"}},
        {"message_edit": {"text": "oi"}},
    ],
)
def test_event_that_names_nobody_or_nothing_is_quarantined(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        one(event)


def test_answer_to_a_story_that_is_gone_says_so() -> None:
    item = one({"message": {"mid": "m", "text": "oi", "reply_to": {"story": {"id": "1"}}}})
    assert isinstance(item, Incoming)
    assert item.text == "oi\n(An answer to your story)"


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file", "template", "fallback", "location"])
def test_attachment_without_anything_in_it_is_told_by_its_kind(kind: str) -> None:
    item = one({"message": {"mid": "m", "attachments": [{"type": kind}]}})
    assert isinstance(item, Incoming)
    assert f"“{kind}”" in item.text


def test_unknown_attachment_with_media_of_meta_is_a_file() -> None:
    url = "https://scontent.xx.fbcdn.net/v/x.webp?oh=1"
    item = one({"message": {"mid": "m", "attachments": [{"type": "hologram", "payload": {"url": url}}]}})
    assert isinstance(item, Incoming)
    assert [file.reference["url"] for file in item.files] == [url]


@pytest.mark.parametrize("host", ["fbcdn.net.evil.example", "evilfbcdn.net", "loja.example"])
def test_unknown_attachment_elsewhere_is_a_link_and_not_fetched(host: str) -> None:
    url = f"https://{host}/x.webp"
    item = one({"message": {"mid": "m", "attachments": [{"type": "hologram", "payload": {"url": url}}]}})
    assert isinstance(item, Incoming)
    assert item.files == ()
    assert url in item.text


@pytest.mark.parametrize(("action", "light"), [("warning", Light.YELLOW), ("unblock", Light.GREEN)])
def test_warning_is_yellow_and_its_end_is_green(action: str, light: Light) -> None:
    item = one({"policy-enforcement": {"action": action}})
    assert isinstance(item, Connection)
    assert item.light == light


def test_event_that_says_two_things_is_read_twice() -> None:
    told = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "message": {"mid": "m", "text": "oi"},
        "read": {"watermark": 1763720453120},
    }
    first, second = parsed("messenger", settings(), notice("page", PAGE, told))
    assert isinstance(first, Incoming)
    assert isinstance(second, Receipt)


def test_choice_that_fits_its_button_keeps_its_words() -> None:
    item = one({"message": {"mid": "m", "text": "Sim", "quick_reply": {"payload": "SIM_7"}}})
    assert isinstance(item, Incoming)
    assert (item.text, item.details["payload"]) == ("Sim", "SIM_7")
    alike = one({"message": {"mid": "m", "text": "Sim", "quick_reply": {"payload": "Simples"}}})
    assert isinstance(alike, Incoming)
    assert alike.text == "Sim"
