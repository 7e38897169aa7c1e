"""The proof judges by what it has sent: its payloads must be what the product takes for genuine."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.faults import payloads
from benchmarks.faults.prepare import configurations
from conversations.channels import adapter
from conversations.exchange import Incoming, Webhook
from core.errors import Unauthenticated

ADDRESSES = {
    "whatsapp_cloud": "http://127.0.0.1:9",
    "telegram": "http://127.0.0.1:9",
    "api": "http://127.0.0.1:9",
    "smtp": "25",
}
CHANNELS = sorted(payloads.MAKERS)


def settings_of(channel: str) -> Any:
    return adapter(channel).config.model_validate(configurations(ADDRESSES)[channel])


def webhook(channel: str, who: int, number: int, text: str) -> Webhook:
    body, headers = payloads.webhook(channel, who, number, text)
    known = {name.lower(): value for name, value in headers.items()}
    return Webhook("POST", "http://shop.example/hooks/key", {}, known, body)


@pytest.mark.parametrize("channel", CHANNELS)
@given(who=st.integers(1, 999), number=st.integers(1, 100_000))
def test_payload_is_one_genuine_message_of_its_customer(channel: str, who: int, number: int) -> None:
    text = payloads.text_of(f"{channel}.{who}", number)
    told, config = webhook(channel, who, number, text), settings_of(channel)
    adapter(channel).verify(told, config)
    (item,) = adapter(channel).parse(told, config)
    assert isinstance(item, Incoming)
    assert (item.text, item.sender.external_id) == (text, payloads.external_id(channel, who))


@pytest.mark.parametrize("channel", CHANNELS)
def test_messages_have_ids_of_their_own(channel: str) -> None:
    ids = set()
    for who, number in ((1, 1), (1, 2), (2, 1), (12, 1), (1, 21)):
        (item,) = adapter(channel).parse(webhook(channel, who, number, "x"), settings_of(channel))
        assert isinstance(item, Incoming)
        ids.add(item.external_id)
    assert len(ids) == 5


@pytest.mark.parametrize("channel", CHANNELS)
def test_payload_without_its_signature_is_not_believed(channel: str) -> None:
    body, _ = payloads.webhook(channel, 1, 1, "x")
    with pytest.raises(Unauthenticated):
        adapter(channel).verify(Webhook("POST", "http://shop.example/", {}, {}, body), settings_of(channel))


@given(number=st.integers(1, 10**6), at=st.integers(0, 60), other=st.characters(categories=["Ll", "Nd"]))
def test_text_that_was_changed_anywhere_is_not_whole(number: int, at: int, other: str) -> None:
    text = payloads.text_of("whatsapp_cloud.7", number)
    assert payloads.is_whole(text)
    at %= len(text)
    changed = text[:at] + other + text[at + 1 :]
    assert payloads.is_whole(changed) is (changed == text)


def test_reply_is_found_wherever_it_stands_in_a_mail() -> None:
    text = payloads.text_of("reply.email.3", 12)
    found = payloads.REPLY.search(f"Hello,\r\n{text}\r\n--\r\nThe shop")
    assert found is not None
    assert found[0] == text
