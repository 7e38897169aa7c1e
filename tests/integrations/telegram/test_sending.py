"""What goes out, as the simulated Bot API took it."""

from collections.abc import Iterator
from typing import Any

import pytest

from conversations.channels import InboxBroken, SendRefused, SendUnclear
from integrations.telegram.sending import keyboard
from tests.fakes.provider import Simulator, running
from tests.fakes.telegram import Telegram
from tests.integrations.telegram.kit import ADAPTER, out_file, outgoing, settings_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
LONG_QUESTION = "Como devolvo um produto comprado em promoção no mês passado pela loja?"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running(Telegram) as telegram:
        yield telegram


@pytest.fixture
def telegram(simulator: Simulator) -> Iterator[Simulator]:
    simulator.set_faults()
    yield simulator
    simulator.set_faults()


def send(telegram: Simulator, text: str = "Hello", **more: Any) -> list[dict[str, Any]]:
    """Sends and returns what the simulator took for it."""
    before = len(telegram.ledger())
    sent = ADAPTER.send(outgoing(text, **more), settings_of(telegram.url))
    rows = telegram.ledger()[before:]
    assert sent.provider_id == rows[-1]["provider_id"]
    return rows


def test_text_is_sent_with_its_formatting(telegram: Simulator) -> None:
    (row,) = send(telegram, "Hello **there** <b> & [you](https://shop.example)")
    assert row["text"] == "Hello there <b> & you"
    assert row["raw"]["parse_mode"] == "HTML"
    assert row["provider_id"].startswith("555:")


def test_text_of_which_markdown_leaves_nothing_is_sent_as_typed(telegram: Simulator) -> None:
    (row,) = send(telegram, "[a]: https://shop.example")
    assert row["text"] == "[a]: https://shop.example"
    assert "parse_mode" not in row["raw"]


def test_formatting_that_telegram_cannot_read_is_sent_as_typed(
    telegram: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.telegram.sending.to_telegram", lambda text: f"<b>{text}")
    (row,) = send(telegram, "Hello **there**")
    assert row["text"] == "Hello **there**"


def test_text_longer_in_utf16_than_in_characters_arrives_whole(telegram: Simulator) -> None:
    text = "😀" * 4096
    rows = send(telegram, text)
    assert [len(row["text"]) for row in rows] == [2048, 2048]
    assert "".join(row["text"] for row in rows) == text


def test_table_that_grows_past_the_limit_is_sent_as_typed(telegram: Simulator) -> None:
    wide = f"| {'x' * 3000} | b |\n|---|---|\n" + "| 1 | 2 |\n" * 3
    (row,) = send(telegram, wide)
    assert row["text"] == wide.strip()


def test_answer_names_the_message_and_survives_its_deletion(telegram: Simulator) -> None:
    (row,) = send(telegram, reply_to="555:999999")
    assert row["raw"]["reply_parameters"] == {"message_id": 999999, "allow_sending_without_reply": True}


def test_answer_to_a_message_of_another_chat_is_an_ordinary_message(telegram: Simulator) -> None:
    (row,) = send(telegram, reply_to="556:1")
    assert "reply_parameters" not in row["raw"]
    (row,) = send(telegram, reply_to="callback:23")
    assert "reply_parameters" not in row["raw"]


def test_buttons_send_their_value_back(telegram: Simulator) -> None:
    choices = ({"label": "Yes", "value": "Yes, please"}, {"label": LONG_QUESTION, "value": LONG_QUESTION})
    (row,) = send(telegram, "Which?", choices=choices)
    assert row["raw"]["reply_markup"]["inline_keyboard"] == [
        [{"text": "Yes", "callback_data": "v:Yes, please"}],
        [{"text": LONG_QUESTION, "callback_data": "l:1"}],
    ]


def test_button_never_has_more_bytes_than_telegram_takes() -> None:
    values = [letter * count for letter in ("a", "é", "😀") for count in range(1, 80)]
    for value in values:
        ((button,),) = keyboard(({"label": value, "value": value},))["inline_keyboard"]
        assert 0 < len(button["callback_data"].encode()) <= 64
        assert button["text"]


def test_buttons_stand_under_the_last_piece_and_the_quote_over_the_first(telegram: Simulator) -> None:
    first, last = send(telegram, "😀" * 3000, choices=({"label": "Yes", "value": "Yes"},), reply_to="555:1")
    assert "reply_markup" not in first["raw"]
    assert "reply_parameters" in first["raw"]
    assert "reply_markup" in last["raw"]
    assert "reply_parameters" not in last["raw"]


@pytest.mark.parametrize(
    ("name", "content_type", "kind"),
    [
        ("a.png", "image/png", "photo"),
        ("a.gif", "image/gif", "animation"),
        ("a.ogg", "audio/ogg; codecs=opus", "voice"),
        ("a.mp3", "audio/mpeg", "audio"),
        ("a.mp4", "video/mp4", "video"),
        ("a.svg", "image/svg+xml", "document"),
        ("nota.pdf", "application/pdf", "document"),
    ],
)
def test_file_is_sent_as_what_it_is_with_the_text_beneath(
    telegram: Simulator, name: str, content_type: str, kind: str
) -> None:
    (row,) = send(telegram, "See **this**", files=(out_file(PNG, name, content_type),))
    assert (row["kind"], row["text"]) == (kind, "See this")
    file = row["raw"]["file"]
    file = file[0] if isinstance(file, list) else file
    assert (file["file_name"], file["file_size"]) == (name, len(PNG))


def test_picture_that_telegram_cannot_read_is_sent_as_a_document(telegram: Simulator) -> None:
    (row,) = send(telegram, "", files=(out_file(b"not a picture", "a.png", "image/png"),))
    assert row["kind"] == "document"


def test_large_picture_is_a_document_at_once(telegram: Simulator) -> None:
    (row,) = send(telegram, "", files=(out_file(PNG, "a.png", "image/png", size=11 * 1024 * 1024),))
    assert row["kind"] == "document"


def test_file_above_the_limit_is_refused_without_being_read(telegram: Simulator) -> None:
    with pytest.raises(SendRefused, match="50 MB"):
        send(telegram, "", files=(out_file(b"", "a.iso", "application/x-iso", size=51 * 1024 * 1024),))


def test_caption_that_is_too_long_is_a_message_of_its_own(telegram: Simulator) -> None:
    text = "word " * 300
    said, file = send(telegram, text, files=(out_file(PNG, "a.png", "image/png"),))
    assert (said["kind"], said["text"]) == ("text", text.strip())
    assert (file["kind"], file["text"]) == ("photo", "")


def test_odd_name_of_a_file_arrives(telegram: Simulator) -> None:
    (row,) = send(telegram, "", files=(out_file(b"x", "nota fiscal ção 😀.pdf", "application/pdf"),))
    assert row["raw"]["file"]["file_name"] == "nota fiscal ção 😀.pdf"


def test_nothing_to_send_is_refused(telegram: Simulator) -> None:
    with pytest.raises(SendRefused):
        send(telegram, "  ")


def test_customer_who_blocked_the_bot_is_no_fault_of_the_inbox(telegram: Simulator) -> None:
    telegram.set_faults(refuse=1)
    with pytest.raises(SendRefused, match="blocked by the user") as caught:
        send(telegram)
    assert caught.value.provider_code == "403"


def test_wrong_token_is_a_fault_of_the_inbox(telegram: Simulator) -> None:
    with pytest.raises(InboxBroken, match="token"):
        ADAPTER.send(outgoing(), settings_of(telegram.url, bot_token="1:" + "x" * 30))


def test_chat_that_does_not_exist_is_refused(telegram: Simulator) -> None:
    with pytest.raises(SendRefused, match="chat not found"):
        send(telegram, to="nobody")


def test_message_of_which_a_part_was_sent_is_unclear_and_not_unsent(
    telegram: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (out_file(PNG, "a.png", "image/png"), out_file(b"", "b.iso", "x/y", size=51 * 1024 * 1024))
    with pytest.raises(SendUnclear, match="Only a part"):
        send(telegram, "text", files=files)


def test_business_customer_is_written_to_through_the_connection(telegram: Simulator) -> None:
    sent = ADAPTER.send(outgoing(to="555@biz_1", reply_to="555@biz_1:4"), settings_of(telegram.url))
    row = telegram.ledger()[-1]
    assert row["raw"]["business_connection_id"] == "biz_1"
    assert row["raw"]["reply_parameters"]["message_id"] == 4
    assert sent.provider_id.startswith("555@biz_1:")
