"""Every kind of message, as Evolution sends it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Parsed, Reacted
from integrations.evolution import content, events, media
from tests.integrations.evolution.case import DAVI, FIXTURES, GROUP, LID, told

PLACE = {"kind": "location", "latitude": -23.561414, "longitude": -46.655881}
EVA = {"name": "Eva", "phones": ["+55 21 99999-0000"]}


def is_storable(items: list[Parsed]) -> bool:
    """As PostgreSQL sees it: no NUL, no half of a surrogate pair, no NaN; bytes are files, kept elsewhere."""
    rows = [asdict(item) for item in items]
    printed = json.dumps(
        rows, ensure_ascii=False, allow_nan=False, default=lambda value: type(value).__name__
    )
    return "\\u0000" not in printed and bool(printed.encode())


def incoming(name: str, **settings: Any) -> Incoming:
    (item,) = told(name, **settings)
    assert isinstance(item, Incoming)
    return item


def test_text_comes_with_sender_time_and_key() -> None:
    message = incoming("text")
    assert message.external_id == "3EB0C767D097B7C7F2A1"
    assert message.text == "Oi! Meu pedido 1042 não chegou 😕"
    assert message.sent_at == datetime(2026, 3, 2, 14, 4, 5, tzinfo=UTC)
    assert (message.sender.external_id, message.sender.name) == (DAVI, "Davi Rocha")
    assert message.sender.phone == "+5511987654321"
    assert not message.sender.is_verified


@pytest.mark.parametrize(
    ("name", "text", "details"),
    [
        ("text_v1", "Boa tarde", {}),
        ("by_events", "Letras grandes", {}),
        ("extended", "https://shop.example/p/12\nVocês têm esse?", {}),
        ("ephemeral", "Some em 24 horas", {}),
        ("location", "Location: MASP, Av. Paulista, 1578, -23.561414, -46.655881", PLACE),
        ("live_location", "Location: A caminho, -23.500000, -46.600000", {"kind": "location"}),
        ("contact", "Contact: Eva +55 21 99999-0000", {"kind": "contacts", "contacts": [EVA]}),
        ("contacts", "Contact: Eva +55 21 99999-0000; Caio +1 555 0100", {"kind": "contacts"}),
        ("poll", "Poll: Qual dia?\n- Sexta\n- Sábado", {"options": ["Sexta", "Sábado"]}),
        ("poll_vote", "Voted: Sexta", {"kind": "vote", "options": ["Sexta"], "poll": "3EB0P011"}),
        ("poll_vote_encrypted", "Voted in a poll.", {"options": []}),
        ("button", "Rastrear", {"kind": "button", "value": "track"}),
        ("template_button", "Sim", {"kind": "button", "value": "yes"}),
        ("list_answer", "Segunda via", {"kind": "button", "value": "row-2"}),
        ("interactive_answer", "Falar com pessoa", {"kind": "button", "value": "human"}),
        ("business_buttons", "Seu código é 1234", {}),
        ("order", "Order: Quero estes dois", {}),
        ("group_invite", "Invitation to a group: Vizinhos", {}),
        ("call", "Called.", {"kind": "call", "video": False}),
    ],
)
def test_kind_is_read_as_text_and_details(name: str, text: str, details: dict[str, Any]) -> None:
    message = incoming(name)
    assert message.text == text
    assert {key: message.details.get(key) for key in details} == details
    assert message.sender.external_id == DAVI


@pytest.mark.parametrize(
    ("name", "text", "kind", "file"),
    [
        ("image", "Chegou assim", "image", ("image.jpg", "image/jpeg", 48213)),
        ("video", "Olha o barulho", "video", ("video.mp4", "video/mp4", 1048576)),
        ("voice", "", "voice", ("audio", "audio/ogg", 9021)),
        ("document", "", "document", ("nota.pdf", "application/pdf", 120331)),
        ("document_with_caption", "A nota", "document", ("nota fiscal.pdf", "application/pdf", 9)),
        ("sticker", "", "sticker", ("sticker.webp", "image/webp", 20480)),
        ("view_once", "", "image", ("image.jpg", "image/jpeg", 5)),
    ],
)
def test_file_is_announced_with_what_fetching_it_needs(
    name: str, text: str, kind: str, file: tuple[str, str, int]
) -> None:
    message = incoming(name)
    (announced,) = message.files
    assert (message.text, message.details["kind"]) == (text, kind)
    # Which of two endings Ogg has depends on the machine's table of types.
    name = announced.name.removesuffix(".oga").removesuffix(".ogg")
    assert (name, announced.content_type, announced.size) == file
    assert announced.reference["key"]["id"] == message.external_id
    (body,) = announced.reference["message"].values()
    assert body["mediaKey"]
    assert "jpegThumbnail" not in body


def test_voice_note_tells_its_length_and_what_was_heard() -> None:
    details = incoming("voice").details
    assert (details["seconds"], details["transcript"]) == (4, "[audio] quero falar com uma pessoa")


def test_file_that_came_along_has_its_bytes() -> None:
    assert (incoming("image_base64").files[0].content or b"").startswith(b"\x89PNG")
    assert incoming("image_base64").files[0].size == 68
    # Outside the wrapper that the document is in.
    assert incoming("document_with_caption").files[0].content == b"%PDF-1.4"


def test_view_once_is_marked() -> None:
    assert incoming("view_once").details["view_once"] is True


def test_unknown_kind_says_what_came() -> None:
    message = incoming("unknown")
    assert "stickerPackMessage" in message.text
    assert message.details["type"] == "stickerPackMessage"
    assert "Gatos" in message.details["raw"]


@pytest.mark.parametrize(
    ("name", "answered"), [("quoted", "3EB0AA11BB22CC33DD44"), ("quoted_v2", "3EB0AA11BB22CC33DD45")]
)
def test_quoted_message_is_named_wherever_the_version_puts_it(name: str, answered: str) -> None:
    assert incoming(name).reply_to == answered


def test_forwarding_and_advertisement_are_told() -> None:
    assert incoming("quoted_v2").details["forwarded"] is True
    assert incoming("advertisement").details["referral"]["sourceId"] == "120210000000000000"


@pytest.mark.parametrize(
    "name",
    ["album", "sender_key", "undecryptable", "history_notice", "status", "newsletter", "group", "call_ended"],
)
def test_what_says_nothing_to_us_is_ignored_with_a_reason(name: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Ignored)
    assert item.reason


def test_reaction_is_put_and_taken_away() -> None:
    (put,), (removed,) = told("reaction"), told("reaction_removed")
    assert isinstance(put, Reacted)
    assert isinstance(removed, Reacted)
    assert (put.external_id, put.emoji, put.sender.external_id) == ("3EB0AA11BB22CC33DD44", "👍", DAVI)
    assert (removed.external_id, removed.emoji) == ("3EB0AA11BB22CC33DD44", "")
    # A number of 64 bits in two halves.
    assert put.at
    assert removed.at
    assert removed.at.date() == put.at.date()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("edited", "Oi! Meu pedido 1043 não chegou"),
        ("edited_in_upsert", "Pedido 1044"),
        ("update_edited", "Pedido 1045"),
    ],
)
def test_edit_names_the_message_and_its_new_text(name: str, text: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Edited)
    assert (item.external_id, item.text) == ("3EB0C767D097B7C7F2A1", text)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("revoked", "3EB0C767D097B7C7F2A1"),
        ("revoked_in_upsert", "3EB0C767D097B7C7F2A1"),
        ("deleted", "3EB0C767D097B7C7F2A1"),
        ("deleted_by_api", "BAE5F0F0F0F0F0F0"),
    ],
)
def test_message_taken_back_is_named(name: str, gone: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Deleted)
    assert item.external_id == gone
    by_customer = name in {"revoked_in_upsert", "deleted"}
    assert (item.sender.external_id if item.sender else "") == (DAVI if by_customer else "")


@pytest.mark.parametrize("name", ["echo_from_phone", "send_message"])
def test_what_we_wrote_is_an_echo_without_our_own_name(name: str) -> None:
    (item,) = told(name)
    assert isinstance(item, Echo)
    assert (item.to.external_id, item.to.name) == (DAVI, "")


def test_group_is_one_contact_and_the_text_says_who_wrote() -> None:
    message = incoming("group", allow_groups=True)
    assert message.sender.external_id == GROUP
    assert message.text == "Davi Rocha: Alguém sabe o horário?"
    author = message.details["author"]
    assert author == {"id": DAVI, "name": "Davi Rocha", "phone": "+5511987654321"}


def test_batch_is_read_to_its_end() -> None:
    items = told("batch")
    assert [type(item) for item in items] == [Incoming, Incoming, Echo]
    assert [item.external_id for item in items if isinstance(item, Incoming | Echo)] == ["B1", "B2", "B3"]


def test_message_without_an_id_gets_the_same_one_each_time() -> None:
    first, again = incoming("no_id"), incoming("no_id")
    assert first.external_id == again.external_id
    assert first.external_id.startswith("sha256:")


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("groups", [False, True])
def test_whatever_is_captured_fits_into_the_database(path: Any, *, groups: bool) -> None:
    try:
        items = told(path.stem, allow_groups=groups)
    except ValueError:
        assert path.stem in {"batch_raw", "update_batch"}
        return
    assert items
    assert is_storable(items)


def test_person_is_known_by_number_with_the_hidden_address_as_alias() -> None:
    for name in ("text_with_lid", "text_lid_with_sender_pn", "text_lid_with_alt"):
        sender = incoming(name).sender
        assert (sender.external_id, sender.aliases) == (DAVI, (LID,)), name


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(
    {
        *content.KINDS,
        *content.WRAPPERS,
        *media.KINDS,
        "reactionMessage",
        "protocolMessage",
        "message",
        "key",
        "id",
    }
    | {
        "contextInfo",
        "text",
        "caption",
        "base64",
        "vcard",
        "options",
        "vote",
        "type",
        "editedMessage",
        "update",
    }
)
MESSAGES = st.recursive(
    ANYTHING, lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3), max_leaves=12
)


@given(event=st.sampled_from(sorted(events.READERS)), data=MESSAGES, message=MESSAGES)
def test_whatever_a_version_puts_where_is_read_or_quarantined(event: str, data: Any, message: Any) -> None:
    chat = {"key": {"remoteJid": DAVI, "id": "A"}, "message": message}
    for entry in (data, chat, [chat, data]):
        seen: list[Parsed] = []
        body = json.dumps({"event": event, "instance": "shop", "data": entry}).encode()
        try:
            seen.extend(events.read(body, "shop", groups=True))
        except ValueError:
            continue
        finally:
            assert is_storable(seen)
            ids = [item.external_id for item in seen if isinstance(item, Incoming | Echo)]
            assert all(0 < len(each) <= 255 for each in ids)
