"""What went wrong elsewhere, each under its number."""

import json
from dataclasses import replace
from typing import Any

import pytest

from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Parsed
from integrations.evolution.adapter import EvolutionAdapter
from tests.fakes.evolution import API_KEY
from tests.integrations.evolution.case import DAVI, FIXTURES, LID, captured, settings_of, told, webhook


def read(body: bytes) -> list[Parsed]:
    return list(EvolutionAdapter().parse(webhook(body), settings_of()))


def changed(name: str, **data: Any) -> bytes:
    told_of = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return json.dumps({**told_of, "data": {**told_of["data"], **data}}).encode()


def test_one_key_told_837_times_is_one_id() -> None:
    """Evolution #2675 and #2716: one key.id redelivered 837 times became 837 messages."""
    ids = set()
    for number in range(837):
        # Each delivery differs in its envelope, so that the digest of the body says nothing.
        body = json.loads((FIXTURES / "text.json").read_bytes()) | {
            "date_time": f"2026-03-02T11:04:05.{number:03d}Z"
        }
        (item,) = read(json.dumps(body).encode())
        assert isinstance(item, Incoming)
        ids.add(item.external_id)
    assert ids == {"3EB0C767D097B7C7F2A1"}


def test_same_message_in_another_guise_has_the_same_id() -> None:
    """Evolution #631 and PR #917: the same message told again, with a status or a name more, was doubled."""
    (again,) = read(changed("text", status="READ", pushName="Davi", messageTimestamp="1772460999"))
    assert isinstance(again, Incoming)
    assert again.external_id == "3EB0C767D097B7C7F2A1"


def test_edit_told_as_deleted_keeps_its_content() -> None:
    """Evolution #2010: an edit is told as status DELETED; believed, it would destroy the message."""
    for ours in (True, False):
        (item,) = read(changed("update_deleted_after_edit", fromMe=ours))
        assert isinstance(item, Ignored)
    assert isinstance(told("deleted")[0], Deleted)
    assert isinstance(told("edited")[0], Edited)


def test_our_own_message_told_as_received_is_an_echo() -> None:
    """Evolution #1340: what was sent through the API came as messages.upsert; bots answered themselves."""
    (item,) = told("echo_from_phone")
    assert isinstance(item, Echo)


def test_message_with_a_hidden_address_only_is_not_lost() -> None:
    """Evolution #2466, #1764 and #1872: now and then only @lid comes, and the number in no other field."""
    (item,) = told("text_lid_only")
    assert isinstance(item, Incoming)
    assert (item.sender.external_id, item.sender.phone, item.text) == (LID, "", "Oi")


def test_next_message_with_the_number_is_of_the_same_person() -> None:
    """Evolution #1872: one message names the hidden address, the next the number; two contacts came of it."""
    (hidden,), (both,) = told("text_lid_only"), told("text_with_lid")
    assert isinstance(hidden, Incoming)
    assert isinstance(both, Incoming)
    assert hidden.sender.external_id in {both.sender.external_id, *both.sender.aliases}


def test_number_moved_to_another_field_is_still_found() -> None:
    """Evolution #1778 and #2217: senderPn of 2.3.0 became remoteJidAlt in 2.3.6."""
    for name in ("text_lid_with_sender_pn", "text_lid_with_alt"):
        (item,) = told(name)
        assert isinstance(item, Incoming)
        assert item.sender.external_id == DAVI


def test_undecryptable_message_leaves_its_id_free() -> None:
    """It comes again under the same key once it could be decrypted; stored empty, it would stay empty."""
    (nothing,) = told("undecryptable")
    assert isinstance(nothing, Ignored)
    (item,) = read(changed("undecryptable", message={"conversation": "Agora sim"}, messageStubType=None))
    assert isinstance(item, Incoming)
    assert item.text == "Agora sim"


def test_brazilian_number_is_answered_where_it_wrote_from() -> None:
    """Evolution #1265: with a ninth digit WhatsApp does not have, replies opened another conversation."""
    (item,) = told("brazil_without_ninth_digit")
    assert isinstance(item, Incoming)
    assert item.sender.external_id == "551187654321@s.whatsapp.net"


def test_linked_device_is_the_same_person() -> None:
    """The device is part of the address that some versions tell."""
    (item,) = told("device")
    assert isinstance(item, Incoming)
    assert item.sender.external_id == DAVI


def test_global_webhook_does_not_mix_instances() -> None:
    """A server with a global webhook tells everybody of everything."""
    (item,) = told("other_instance")
    assert isinstance(item, Ignored)
    assert "another-shop" in item.reason


def test_broken_entry_takes_no_sibling_along() -> None:
    """Chatwoot takes the first entry of a batch; a broken one in the middle must not end ours either."""
    seen: list[Parsed] = []
    with pytest.raises(ValueError, match="without a chat"):
        seen.extend(EvolutionAdapter().parse(captured("batch_raw"), settings_of()))
    assert [item.external_id for item in seen if isinstance(item, Incoming)] == ["B1", "B3"]


def test_name_cut_in_an_emoji_and_nul_can_be_stored() -> None:
    """PostgreSQL stores neither half a surrogate pair nor NUL: the whole webhook would be refused."""
    (item,) = told("cut_emoji")
    assert isinstance(item, Incoming)
    assert (item.sender.name, item.text) == ("Davi ?", "ok")


@pytest.mark.parametrize("value", ["1e999", "NaN", "-Infinity", "9" * 5000])
def test_number_that_no_database_holds_is_quarantined(value: str) -> None:
    body = (FIXTURES / "location.json").read_text().replace("-23.561414", value).encode()
    with pytest.raises(ValueError, match=r"number|digits"):
        read(body)


@pytest.mark.parametrize("stamp", ["x", -5, 10**30, {"low": -1, "high": 2**31}, None, True, "2026-03-02"])
def test_odd_time_does_not_lose_the_message(stamp: Any) -> None:
    (item,) = read(changed("text", messageTimestamp=stamp))
    assert isinstance(item, Incoming)
    assert item.sent_at is None


def test_key_of_the_instance_is_not_kept() -> None:
    """Evolution puts its own API key into every body; whoever reads a stored webhook could then send."""
    for path in FIXTURES.glob("*.json"):
        given = captured(path.stem)
        assert API_KEY.encode() in given.body
        kept = EvolutionAdapter().stored(given)
        assert API_KEY.encode() not in kept.body
        assert "x-hook-secret" not in kept.headers
        assert json.loads(kept.body) == {**json.loads(given.body), "apikey": ""}


def test_key_in_bytes_that_are_no_json_is_not_kept_either() -> None:
    given = captured("text")
    for cut in range(len(given.body) - 60, len(given.body)):
        broken = replace(given, body=given.body[:cut])
        assert API_KEY[:16].encode() not in EvolutionAdapter().stored(broken).body


def test_key_in_what_a_customer_wrote_stays() -> None:
    text = 'the field "apikey": "hello" of the answer'
    kept = EvolutionAdapter().stored(webhook(changed("text", message={"conversation": text})))
    (item,) = read(kept.body)
    assert isinstance(item, Incoming)
    assert item.text == text
