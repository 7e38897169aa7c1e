"""What each kind of update becomes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Reacted, Sender
from tests.integrations.telegram.case import UPDATES, webhook
from tests.integrations.telegram.kit import ADAPTER, message, one, parsed, settings_of

DAVI = Sender("555000111", "Davi Duarte", locale="pt-br", is_verified=True)
BUSINESS = Sender("555000111@biz_9aXcQ", "Davi Duarte", locale="pt-br", is_verified=True)
IDENTITY = {"username": "daviduarte", "author": "Davi Duarte"}


def details_of(item: Incoming) -> dict[str, Any]:
    """All but the digest, which says nothing to people."""
    return {name: value for name, value in item.details.items() if name != "digest"}


def test_text_has_sender_time_and_an_id_of_chat_and_message() -> None:
    item = one("text")
    assert replace(item, details=details_of(item)) == Incoming(
        "555000111:42",
        DAVI,
        "Onde está meu pedido 4711?",
        sent_at=datetime.fromtimestamp(1_780_000_042, UTC),
        details=IDENTITY,
    )


def test_formatting_is_counted_in_utf16_and_kept() -> None:
    item = one("text_formatted")
    assert item.text == "😀 **bold** and *italic*, `code`, [link](https://shop.example/a?b=1&c=2)\n> quote"
    assert item.html == (
        "😀 <strong>bold</strong> and <em>italic</em>, <code>code</code>, "
        '<a href="https://shop.example/a?b=1&amp;c=2">link</a><br><blockquote>quote</blockquote>'
    )


def test_command_is_told_apart_with_its_payload() -> None:
    item = one("command_start")
    assert item.text == "/start pedido-4711"
    assert details_of(item) == {
        "kind": "command",
        "command": "start",
        "payload": "pedido-4711",
        **IDENTITY,
    }


@pytest.mark.parametrize(
    ("name", "reference", "expected"),
    [
        ("photo", "l", ("photo.jpg", "image/jpeg", 101_010)),
        ("video", "vid", ("IMG_0042.MP4", "video/mp4", 2_500_000)),
        ("animation", "gif", ("cat.mp4", "video/mp4", 54_321)),
        ("voice", "voi", ("voice.ogg", "audio/ogg", 17_000)),
        ("audio", "aud", ("panis.mp3", "audio/mpeg", 3_200_000)),
        ("document", "doc", ("nota fiscal.pdf", "application/pdf", 84_211)),
        ("sticker", "sti", ("sticker.tgs", "application/x-tgsticker", 12_345)),
        ("video_note", "vno", ("video-note.mp4", "video/mp4", 600_000)),
    ],
)
def test_file_is_announced_with_what_fetching_it_takes(
    name: str, reference: str, expected: tuple[str, str, int]
) -> None:
    item = one(name)
    (file,) = item.files
    assert file.reference == {
        "file_id": f"AgACAgEAAxkBAAM{reference}",
        "file_unique_id": f"AQAD{reference}",
    }
    assert (file.name, file.content_type, file.size) == expected
    assert item.details["kind"] == name


def test_caption_is_the_text_of_a_picture() -> None:
    assert one("photo").text == "Chegou quebrado"
    formatted = message(
        photo=[{"file_id": "f", "width": 1, "height": 1}],
        caption="very broken",
        caption_entities=[{"type": "bold", "offset": 5, "length": 6}],
    )
    assert one(formatted).text == "very **broken**"
    assert one(formatted).html == "very <strong>broken</strong>"


def test_sticker_reads_as_its_emoji_and_music_as_its_title() -> None:
    assert one("sticker").text == "👍"
    assert one("audio").text == "Os Mutantes – Panis et Circenses"


@pytest.mark.parametrize(
    ("name", "text", "details"),
    [
        (
            "location",
            "📍 -23.561414, -46.655881",
            {"kind": "location", "latitude": -23.561414, "longitude": -46.655881},
        ),
        (
            "venue",
            "📍 MASP, Av. Paulista, 1578 (-23.561414, -46.655881)",
            {
                "kind": "location",
                "latitude": -23.561414,
                "longitude": -46.655881,
                "name": "MASP",
                "address": "Av. Paulista, 1578",
            },
        ),
        (
            "contact_other",
            "👤 Oficina +5511988887777",
            {"kind": "contact", "name": "Oficina", "phone": "+5511988887777"},
        ),
        (
            "poll",
            "📊 Qual cor?\n- Azul\n- Verde",
            {"kind": "poll", "question": "Qual cor?", "options": ["Azul", "Verde"]},
        ),
        ("dice", "🎯 6", {"kind": "dice", "emoji": "🎯", "value": 6}),
        (
            "story",
            "[Story] Ofertas https://t.me/ofertas/s/17",
            {"kind": "story", "id": 17, "url": "https://t.me/ofertas/s/17"},
        ),
        (
            "checklist",
            "☑ Para a troca\n- Etiqueta\n- Caixa",
            {"kind": "checklist", "title": "Para a troca", "tasks": ["Etiqueta", "Caixa"]},
        ),
        ("web_app", '{"size":"M"}', {"kind": "web_app", "button": "Escolher"}),
    ],
)
def test_what_is_more_than_text_is_readable_and_kept(name: str, text: str, details: dict[str, str]) -> None:
    item = one(name)
    assert item.text == text
    assert details_of(item) == {**details, **IDENTITY}


def test_number_is_the_senders_only_when_the_contact_is_their_own() -> None:
    assert one("contact_own").sender.phone == "5511999990000"
    assert one("contact_other").sender.phone == ""


def test_card_that_the_owner_of_a_business_account_sends_is_not_the_customers_own() -> None:
    update = json.loads(UPDATES["business_owner"])
    update["business_message"]["contact"] = json.loads(UPDATES["contact_own"])["message"]["contact"]
    assert one(update).to.phone == ""


def test_file_larger_than_a_column_of_ours_is_announced_all_the_same() -> None:
    (file,) = one(message(document={"file_id": "f", "file_size": 4_000_000_000})).files
    assert file.size == 2**31 - 1
    (file,) = one(message(document={"file_id": "f", "file_size": -1})).files
    assert file.size == 0


def test_bot_in_a_group_is_a_machine_to_which_no_machine_answers() -> None:
    update = json.loads(UPDATES["group_text"])
    assert not one(update, allow_groups=True).is_automatic
    update["message"]["from"]["is_bot"] = True
    assert one(update, allow_groups=True).is_automatic


def test_unknown_kind_becomes_a_sentence_that_names_it() -> None:
    item = one("unknown_kind")
    assert "hologram" in item.text
    assert item.details["fields"] == ["hologram"]


def test_picture_of_which_nothing_can_be_read_still_says_that_it_came() -> None:
    item = one(message(photo="not a list"))
    assert "photo" in item.text
    assert item.files == ()


def test_parts_of_an_album_are_messages_of_one_group() -> None:
    parts = [one("album_1"), one("album_2")]
    assert {part.details["album"] for part in parts} == {"13970212345678901"}
    assert len({part.external_id for part in parts}) == 2
    assert all(part.files for part in parts)


def test_forwarded_message_says_where_it_came_from() -> None:
    assert one("forwarded").details["forwarded_from"] == "Ofertas"
    assert one("forwarded_hidden").details["forwarded_from"] == "Alguém"


def test_answer_names_what_it_answers_and_quotes() -> None:
    item = one("reply")
    assert item.reply_to == "555000111:40"
    assert item.details["quote"] == "pedido"


def test_edit_replaces_the_text_of_the_same_id() -> None:
    at = datetime.fromtimestamp(1_780_000_500, UTC)
    assert one("edited") == Edited("555000111:42", "Onde está meu pedido **4712**?", at)


def test_pressed_button_is_its_value_as_text() -> None:
    item = one("callback")
    assert item.external_id == "callback:2384729384729384"
    assert item.sender == DAVI
    assert item.text == "Falar com uma pessoa"
    assert item.reply_to == "555000111:60"
    assert item.details["kind"] == "button"


def test_button_whose_value_was_too_long_is_its_label() -> None:
    assert one("callback_label").text == "Como devolvo um produto comprado em promoção?"


def test_button_of_another_program_is_what_it_carries() -> None:
    update = json.loads(UPDATES["callback"])
    update["callback_query"]["data"] = "menu:2"
    assert one(update).text == "menu:2"


def test_button_without_a_chat_is_left_alone() -> None:
    davi = {"id": 555, "is_bot": False, "first_name": "Davi"}
    query = {"id": "1", "from": davi, "chat_instance": "1", "data": "x", "inline_message_id": "y"}
    assert isinstance(one({"update_id": 1, "callback_query": query}), Ignored)


def test_reaction_comes_and_goes() -> None:
    at = datetime.fromtimestamp(1_780_000_600, UTC)
    assert one("reaction") == Reacted("555000111:60", DAVI, "❤", at)
    assert one("reaction_removed").emoji == ""


def test_blocked_bot_and_service_messages_and_channels_are_left_alone_with_a_reason() -> None:
    assert one("blocked") == Ignored("the customer blocked the bot")
    assert one("channel_post") == Ignored("a post in a channel")
    pinned = message(pinned_message={"message_id": 3})
    assert one(pinned) == Ignored("a service message: pinned_message")
    assert "quantum_update" in one("unknown_update").reason


def test_group_is_left_alone_unless_allowed() -> None:
    assert isinstance(one("group_text"), Ignored)
    item = one("group_text", allow_groups=True)
    assert item.sender == Sender("-1001987654321", "Vizinhos")
    assert item.text == "Davi Duarte: Alguém viu o carteiro?"
    assert one("group_joined", allow_groups=True) == Ignored("a service message: new_chat_members")


def test_customer_of_a_business_account_is_answered_through_its_connection() -> None:
    item = one("business_text")
    assert item.sender == BUSINESS
    assert item.external_id.startswith("555000111@biz_9aXcQ:")


def test_owner_of_a_business_account_is_no_customer() -> None:
    item = one("business_owner")
    assert isinstance(item, Echo)
    assert item.to == Sender("555000111@biz_9aXcQ", "Davi Duarte", is_verified=True)
    assert item.text == "Abrimos, sim."


def test_each_message_taken_back_is_told() -> None:
    to = BUSINESS.external_id
    assert parsed("business_deleted") == [Deleted(f"{to}:70"), Deleted(f"{to}:71")]


def test_whole_answer_of_get_updates_is_read_update_by_update() -> None:
    updates = [json.loads(UPDATES[name]) for name in ("text", "photo", "blocked")]
    ids = [item.external_id for item in parsed({"ok": True, "result": updates}) if isinstance(item, Incoming)]
    assert ids == ["555000111:42", one("photo").external_id]


def test_update_that_cannot_be_read_costs_no_sibling() -> None:
    """Chatwoot and Zammad read only the first of a batch; here one bad item does not hide the rest either."""
    broken = {"update_id": 2, "message": {"text": "of nobody"}}
    body = json.dumps([message(text="before"), broken, "nonsense", message(text="after")]).encode()
    read: list[Any] = []
    with pytest.raises(ValueError, match="no update"):
        read.extend(ADAPTER.parse(webhook(body), settings_of()))
    # `extend` keeps what came before the error, as the spine does.
    assert [item.text for item in read] == ["before", "after"]


def test_characters_that_the_database_refuses_are_replaced() -> None:
    body = (
        b'{"update_id":1,"message":{"message_id":7,"date":1,"text":"a\\u0000b\\ud83d!","chat":{"id":5,'
        b'"type":"private","first_name":"D\\u0000"}}}'
    )
    (item,) = ADAPTER.parse(webhook(body), settings_of())
    assert isinstance(item, Incoming)
    assert replace(item, details=details_of(item)) == Incoming(
        "5:7",
        Sender("5", "D\ufffd", is_verified=True),
        "a\ufffdb\ufffd!",
        sent_at=datetime.fromtimestamp(1, UTC),
        details={},
    )


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "chat",
                        "id",
                        "from",
                        "type",
                        "text",
                        "entities",
                        "photo",
                        "message",
                        "message_id",
                        "data",
                        "offset",
                        "length",
                        "file_id",
                        "location",
                        "poll",
                        "options",
                        "date",
                        "reply_markup",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(["message", "edited_message", "callback_query", "message_reaction", "business_message"]),
)
def test_values_of_any_type_are_read_or_refused_and_never_break_the_reader(value: object, name: str) -> None:
    head = {"message_id": 7, "chat": {"id": 5, "type": "private"}, "id": "q"}
    inner = {**value, **head} if isinstance(value, dict) else value
    try:
        items = parsed({"update_id": 1, name: inner})
    except ValueError:
        return
    assert items
    assert all(len(item.external_id) <= 255 for item in items if isinstance(item, Incoming))
