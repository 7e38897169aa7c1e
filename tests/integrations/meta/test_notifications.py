"""The body of a webhook: all of it, whatever its parts look like. Instagram stands for both channels."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exchange import Deleted, Ignored, Incoming, Parsed, Reacted, Receipt
from integrations.meta import notifications
from integrations.meta.notifications import Account
from integrations.meta.values import derived_id, message_id, moment
from tests.fakes.instagram import ACCOUNT
from tests.integrations.meta.webhooks import body_of, notice

OURS = Account("instagram", ACCOUNT)
PERSON = "1535148674817116"
NAMES = (
    *(
        "mid",
        "text",
        "attachments",
        "type",
        "payload",
        "url",
        "reply_to",
        "story",
        "coordinates",
        "lat",
        "long",
    ),
    *("is_echo", "referral", "quick_reply", "product", "elements", "title", "metadata"),
)


def event(**what: Any) -> dict[str, Any]:
    return {"sender": {"id": PERSON}, "recipient": {"id": ACCOUNT}, "timestamp": 1763720453120, **what}


def message(mid: str, text: str = "hi") -> dict[str, Any]:
    return event(message={"mid": mid, "text": text})


def read_all(body: bytes) -> tuple[list[Parsed], str]:
    """What is told, and the failure at the end."""
    items: list[Parsed] = []
    try:
        for item in notifications.read(body, OURS):
            items.append(item)  # noqa: PERF402 (what came before a failure counts)
    except ValueError as error:
        return items, str(error)
    return items, ""


def test_every_entry_and_event_of_a_batch_is_read() -> None:
    """Chatwoot and Zammad read the first of each only, and lose the rest of a batch."""
    items, failure = read_all(body_of("instagram", "batch"))
    assert [item.text for item in items if isinstance(item, Incoming)] == ["um", "dois", "três", "quatro"]
    assert [type(item) for item in items if not isinstance(item, Incoming)] == [
        Receipt,
        Ignored,
        Reacted,
        Ignored,
    ]
    assert not failure


def test_unreadable_event_takes_no_sibling_with_it() -> None:
    items, failure = read_all(body_of("instagram", "broken_in_the_middle"))
    assert [item.text for item in items if isinstance(item, Incoming)] == ["antes", "depois"]
    assert failure.startswith("2 parts cannot be read")


@pytest.mark.parametrize(
    "broken", [7, None, "x", [], {"message": 1}, {"message": {"mid": "m"}}, {"reaction": {"mid": "m"}}]
)
def test_event_of_any_shape_leaves_the_others_alone(broken: Any) -> None:
    items, _ = read_all(notice("instagram", ACCOUNT, message("a"), broken, message("b")))
    assert [item.external_id for item in items if isinstance(item, Incoming)] == ["a", "b"]


@pytest.mark.parametrize("broken", [7, None, "x", [1]])
def test_entry_of_any_shape_leaves_the_others_alone(broken: Any) -> None:
    good = {"id": ACCOUNT, "messaging": [message("a")]}
    items, failure = read_all(json.dumps({"object": "instagram", "entry": [broken, good]}).encode())
    assert [item.external_id for item in items if isinstance(item, Incoming)] == ["a"]
    assert failure


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"[1]", b'"x"', b'{"object":"instagram"}', b"\xff"]
)
def test_body_that_is_no_notification_is_quarantined(body: bytes) -> None:
    items, failure = read_all(body)
    assert not items
    assert failure


def test_deeply_nested_body_is_quarantined() -> None:
    assert read_all(b"[" * 200_000 + b"]" * 200_000)[1] == "nested too deeply"


def test_messaging_that_is_one_object_is_read() -> None:
    body = json.dumps({"object": "instagram", "entry": {"id": ACCOUNT, "messaging": message("a")}})
    assert len(read_all(body.encode())[0]) == 1


@pytest.mark.parametrize("name", ["other_account", "dashboard_sample"])
def test_entry_of_another_account_is_ignored_with_a_reason(name: str) -> None:
    (item,) = read_all(body_of("instagram", name))[0]
    assert isinstance(item, Ignored)
    assert "another account" in item.reason


def test_notification_about_another_kind_is_ignored_with_a_reason() -> None:
    (item,) = read_all(body_of("messenger", "text"))[0]
    assert item == Ignored("about another kind of account: page")


@pytest.mark.parametrize("name", ["comment", "mention_in_entry"])
def test_change_that_is_no_message_is_ignored_with_a_reason(name: str) -> None:
    (item,) = read_all(body_of("instagram", name))[0]
    assert isinstance(item, Ignored)
    assert "no message" in item.reason


def test_message_in_the_form_of_a_change_is_read() -> None:
    (item,) = read_all(body_of("instagram", "changes"))[0]
    assert isinstance(item, Incoming)
    assert item.text == "random_text"
    # In seconds, and in quotes.
    assert item.sent_at == moment(1527459824000)


def test_entry_without_events_is_ignored_with_a_reason() -> None:
    assert read_all(notice("instagram", ACCOUNT))[0] == [Ignored("an entry without events")]


def test_standby_neither_breaks_nor_answers_for_the_app_in_control() -> None:
    """Chatwoot #5906: a notification with `standby` and no `messaging` broke the job."""
    (item,) = read_all(body_of("instagram", "standby"))[0]
    assert isinstance(item, Ignored)
    assert item.reason.startswith("standby")


def test_standby_is_read_along_where_that_is_wanted() -> None:
    account = Account("instagram", ACCOUNT, takes_standby=True)
    (item,) = notifications.read(body_of("instagram", "standby"), account)
    assert isinstance(item, Incoming)
    assert item.text == "Hello"


def test_id_that_is_too_long_is_kept_as_its_digest_everywhere() -> None:
    long = "a" * 256
    body = notice("instagram", ACCOUNT, message(long), event(message={"mid": long, "is_deleted": True}))
    said, deleted = read_all(body)[0]
    assert isinstance(said, Incoming)
    assert isinstance(deleted, Deleted)
    assert said.external_id == deleted.external_id == message_id(long)
    assert len(said.external_id) <= 255


def test_message_without_an_id_gets_the_same_one_each_time() -> None:
    body = notice("instagram", ACCOUNT, event(message={"text": "a"}), event(message={"text": "b"}))
    first, second = (item.external_id for item in read_all(body)[0] if isinstance(item, Incoming))
    assert first != second
    assert read_all(body) == read_all(body)


@given(st.text(max_size=400), st.dictionaries(st.text(max_size=5), st.integers()))
def test_derived_ids_are_short_and_tell_things_apart(sender: str, data: dict[str, int]) -> None:
    mine = derived_id("postback", sender, data)
    assert len(mine) <= 255
    assert mine != derived_id("postback", sender, {**data, "one more": 1})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(NAMES),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_message_of_any_shape_is_told_or_quarantined(content: Any) -> None:
    items, failure = read_all(notice("instagram", ACCOUNT, event(message=content)))
    assert items or failure
    assert all(item.text or item.files for item in items if isinstance(item, Incoming))


def test_text_that_no_database_takes_is_mended() -> None:
    body = notice("instagram", ACCOUNT, message("a", "zero\0 half\ud83d"))
    (item,) = read_all(body)[0]
    assert isinstance(item, Incoming)
    assert item.text == "zero half?"


def test_place_that_is_nowhere_is_told_without_numbers() -> None:
    coordinates = {"lat": float("nan"), "long": True}
    attachment = {"type": "location", "payload": {"coordinates": coordinates}}
    body = notice("instagram", ACCOUNT, event(message={"mid": "a", "attachments": [attachment]}))
    (item,) = read_all(body)[0]
    assert isinstance(item, Incoming)
    assert item.details == {"kind": "unsupported", "type": "location"}


@pytest.mark.parametrize("value", [None, "", "soon", [], 1e30, float("nan"), -1e30])
def test_time_that_is_none_is_none(value: Any) -> None:
    assert moment(value) is None
