"""What an integrator tells, read item by item."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.channels import adapter
from conversations.enums import DeliveryStatus
from conversations.exchange import (
    Deleted,
    Echo,
    Edited,
    File,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Sender,
    Thread,
    Webhook,
)
from core.errors import Invalid
from integrations.api_channel import bodies
from tests.integrations.api.case import EVERYTHING

GOOD = {"id": "m1", "contact": {"id": "c1"}, "text": "hi"}


def items(data: Any) -> list[Parsed]:
    return list(bodies.read(data if isinstance(data, bytes) else json.dumps(data).encode()))


def collected(data: Any) -> tuple[list[Parsed], str]:
    """What was read, and the complaint at the end, if any."""
    found: list[Parsed] = []
    try:
        for item in bodies.read(json.dumps(data).encode()):
            found.append(item)  # noqa: PERF402 (keeps what came before the complaint)
    except Invalid as error:
        return found, error.detail
    return found, ""


def read_until_it_fails(data: Any) -> tuple[list[Parsed], str]:
    found, complaint = collected(data)
    assert complaint
    return found, complaint


def test_every_kind_is_read() -> None:
    first, second, echo, edited, deleted, reacted, delivered, failed = items(EVERYTHING)
    davi = Sender(
        "cust-17", "Davi Duarte", "davi@example.com", "pt-BR", is_verified=True, phone="+5511988887777"
    )
    assert first == Incoming(
        "crm-9001",
        davi,
        "Onde está meu pedido? 📦",
        sent_at=datetime(2026, 3, 2, 17, 5, 9, tzinfo=UTC),
    )
    assert isinstance(second, Incoming)
    assert (second.external_id, second.sender.external_id, second.reply_to) == ("9002", "17", "crm-9001")
    assert second.html == "<p>A <b>photo</b></p>"
    assert second.thread == Thread("Order 881", answers=("crm-8000",))
    assert second.is_automatic
    assert second.files == (
        File({"url": "https://files.example/photo.jpg"}, "photo.jpg", "image/jpeg"),
        File({}, "note.txt", "text/plain", 5, b"hello"),
    )
    assert isinstance(echo, Echo)
    assert echo.sent_at == datetime.fromtimestamp(1772471400, UTC)
    assert edited == Edited("crm-9001", "Onde está meu pedido 881?", datetime(2026, 3, 2, 17, 6, tzinfo=UTC))
    assert deleted == Deleted("crm-8999", datetime(2026, 3, 2, 17, 6, 1, tzinfo=UTC))
    assert reacted == Reacted("crm-9003", Sender("cust-17"), "👍")
    assert delivered == Receipt(
        DeliveryStatus.DELIVERED,
        key="d41d8cd98f00b204e9800998ecf8427e",
        at=datetime(2026, 3, 2, 17, 7, tzinfo=UTC),
    )
    assert failed == Receipt(
        DeliveryStatus.FAILED, provider_id="their-77", error="The phone is switched off."
    )


def test_one_bad_item_does_not_lose_the_others() -> None:
    """Chatwoot and others take one entry of a batch and drop the rest (Chatwoot #9306)."""
    bad = [{"id": "m2"}, "nonsense", None, {**GOOD, "contact": "c1"}, {**GOOD, "sent_at": "yesterday"}]
    messages = [GOOD, *bad, {**GOOD, "id": "m9"}]
    found, complaint = collected({"messages": messages, "receipts": [{"key": "k", "status": "read"}]})
    assert [type(item) for item in found] == [Incoming, Incoming, Receipt]
    assert [item.external_id for item in found if isinstance(item, Incoming)] == ["m1", "m9"]
    for place in (
        "messages[1].contact:",
        "messages[2]:",
        "messages[3]:",
        "messages[4].contact",
        "messages[5].sent_at",
    ):
        assert place in complaint
    assert "messages[0]" not in complaint
    assert "yesterday" not in complaint


def test_a_list_that_nobody_knows_is_not_dropped_silently() -> None:
    found, complaint = collected({"message": [GOOD], "messages": [GOOD]})
    assert len(found) == 1
    assert complaint == "message: there is no such list."


def test_a_misspelt_name_is_not_dropped_silently() -> None:
    _, complaint = read_until_it_fails({"messages": [{**GOOD, "repy_to": "m0"}]})
    assert "messages[0].repy_to" in complaint


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "x" * 256},
        {"id": True},
        {"id": None},
        {"contact": {"id": ""}},
        {"contact": {"id": "y" * 201}},
        {"contact": {}},
        {"text": ""},
        {"text": "  \n "},
        {"text": 7.5, "files": 3},
        {"sent_at": "2026-03-02T14:05:09"},
        {"files": [{}]},
        {"files": [{"url": "https://a.example", "content_base64": "aGk="}]},
        {"files": [{"url": "file:///etc/passwd"}]},
        {"files": [{"url": "javascript:alert(1)"}]},
        {"files": [{"content_base64": "not base64!"}]},
    ],
)
def test_item_that_cannot_be_kept_is_told(change: dict[str, Any]) -> None:
    found, complaint = read_until_it_fails({"messages": [{**GOOD, **change}]})
    assert not found
    assert complaint.startswith("messages[0]")
    assert "Value error" not in complaint


@pytest.mark.parametrize("status", ["queued", "sending", "unknown", "DELIVERED", ""])
def test_receipt_of_another_state_is_told(status: str) -> None:
    assert "receipts[0].status" in read_until_it_fails({"receipts": [{"key": "k", "status": status}]})[1]


def test_receipt_must_name_a_message() -> None:
    assert "id or key" in read_until_it_fails({"receipts": [{"status": "read"}]})[1]


def test_half_an_emoji_does_not_lose_the_message() -> None:
    """A program that cuts text by UTF-16 units sends a lone surrogate, which no UTF-8 can hold."""
    (item,) = items(b'{"messages": [{"id": "m1", "contact": {"id": "c1"}, "text": "ok \\ud83d\\u0000!"}]}')
    assert isinstance(item, Incoming)
    assert item.text == "ok �!"
    assert item.text.encode()


def test_ids_may_be_numbers() -> None:
    (item,) = items({"messages": [{**GOOD, "id": 17, "contact": {"id": 4}}]})
    assert isinstance(item, Incoming)
    assert (item.external_id, item.sender.external_id) == ("17", "4")


@pytest.mark.parametrize("data", [{}, {"messages": []}, {"messages": None, "receipts": []}])
def test_request_without_items_is_ignored_with_a_reason(data: Any) -> None:
    (item,) = items(data)
    assert isinstance(item, Ignored)
    assert item.reason


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        items(body)


@pytest.mark.parametrize("value", ["text", 7, {"id": "m1"}, True])
def test_what_is_no_list_is_told(value: Any) -> None:
    assert read_until_it_fails({"messages": value})[1] == "messages: this must be a list."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(noise=st.lists(JSON, max_size=4), place=st.integers(0, 4))
def test_a_good_message_is_found_in_any_noise(noise: list[Any], place: int) -> None:
    found, _ = collected({"messages": [*noise[:place], GOOD, *noise[place:]], "edits": noise})
    assert Incoming("m1", Sender("c1"), "hi") in found


def test_event_id_is_the_sender_s_and_fits() -> None:
    def of(event_id: str) -> str:
        return adapter("api").event_id(Webhook("POST", "", {}, {"webhook-id": event_id}, b""))

    assert of("evt_1") == "evt_1"
    assert len(of("x" * 5000)) == 64
    assert of("x" * 5000) != of("x" * 4999)
    assert adapter("api").event_id(Webhook("POST", "", {}, {}, b"")) == ""
