"""Client frames at the door: whatever comes is a typed frame or a typed refusal."""

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TooLarge
from integrations.web.errors import BadFrame
from integrations.web.frames import (
    MAX_ATTACHMENTS,
    MAX_FRAME_BYTES,
    Accept,
    Claim,
    Hello,
    Pong,
    Read,
    Send,
    Show,
    Stop,
    Typing,
    parse,
    to_frame,
)

KEY = "4b34ed08-6ff5-4a20-b6a1-0e7a7fbd9f9f"
HELLO = {"type": "hello", "v": 1, "inbox": "k"}
SEND = {"type": "send", "client_id": KEY, "text": "Oi"}

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.just(KEY)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
NAMES = st.sampled_from(
    [
        "v",
        "inbox",
        "token",
        "locale",
        "since",
        "identity",
        "client_id",
        "text",
        "attachments",
        "on",
        "seq",
        "invitation",
    ]
)
KINDS = st.sampled_from(["hello", "send", "show", "accept", "typing", "read", "stop", "pong"])
IDENTITIES = st.dictionaries(st.sampled_from(["external_id", "email", "name", "hash"]), LEAVES)
FRAMES = st.builds(
    lambda kind, values, identity: {
        "type": kind,
        "v": 1,
        **values,
        **({"identity": identity} if identity else {}),
    },
    KINDS,
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.none() | IDENTITIES,
)


@settings(deadline=None)
@given(st.text() | st.binary())
def test_parse_of_anything_is_an_object_or_a_typed_refusal(raw: str | bytes) -> None:
    with contextlib.suppress(BadFrame, TooLarge):
        assert isinstance(parse(raw), dict)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), VALUES) | FRAMES)
def test_frame_of_any_object_is_typed_or_refused_and_can_be_said(data: dict[str, Any]) -> None:
    try:
        frame = to_frame(parse(json.dumps(data)))
    except (BadFrame, TooLarge):
        return
    assert isinstance(frame, Hello | Send | Show | Accept | Typing | Read | Stop | Pong)
    # Neither half a character nor anything else that no socket and no column can carry.
    str(frame).encode()
    if isinstance(frame, Hello) and frame.identity:
        assert "\x00" not in frame.identity.name + frame.identity.email + frame.identity.external_id


@settings(deadline=None)
@given(st.text(), st.lists(st.uuids(), max_size=MAX_ATTACHMENTS))
def test_send_keeps_its_text_and_files(text: str, files: list[UUID]) -> None:
    data = {**SEND, "text": text, "attachments": [str(one) for one in files]}
    expected = text.encode("utf-8", "replace").decode()
    assert to_frame(parse(json.dumps(data))) == Send(UUID(KEY), expected, tuple(files))


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        (HELLO, Hello("k")),
        ({**HELLO, "token": None, "locale": None, "since": None, "identity": None}, Hello("k")),
        ({**HELLO, "since": 7, "token": "t", "locale": "pt-BR"}, Hello("k", "t", "pt-BR", 7)),
        ({**HELLO, "locale": "x" * 99}, Hello("k", locale="x" * 12)),
        ({**HELLO, "locale": "pt\x00-BR"}, Hello("k", locale="pt-BR")),
        ({**HELLO, "identity": {"external_id": 42}}, Hello("k", identity=Claim("42"))),
        (
            {**HELLO, "identity": {"external_id": "a\x00b", "name": "D\x00", "email": "x@y", "hash": "h"}},
            Hello("k", identity=Claim("ab", "x@y", "D", "h")),
        ),
        (
            {**HELLO, "identity": {"external_id": "i" * 400, "name": "n" * 400, "email": "e" * 400}},
            Hello("k", identity=Claim("i" * 150, "e" * 254, "n" * 120)),
        ),
        (SEND, Send(UUID(KEY), "Oi")),
        ({"type": "send", "client_id": KEY}, Send(UUID(KEY), "")),
        ({"type": "show", "invitation": KEY}, Show(UUID(KEY))),
        ({"type": "accept", "client_id": KEY, "text": "more"}, Accept(UUID(KEY))),
        ({"type": "typing", "on": False}, Typing(on=False)),
        ({"type": "read", "seq": 0}, Read(0)),
        ({"type": "read", "seq": 2**31 - 1}, Read(2**31 - 1)),
        ({"type": "stop", "more": 1}, Stop()),
        ({"type": "pong"}, Pong()),
    ],
)
def test_good_frame_is_typed(data: dict[str, Any], frame: object) -> None:
    assert to_frame(data) == frame


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": ["hello"]}, "type"),
        ({"type": "Hello"}, "type"),
        ({**HELLO, "v": "1"}, "v"),
        ({**HELLO, "inbox": None}, "inbox"),
        ({**HELLO, "token": 5}, "token"),
        ({**HELLO, "locale": {}}, "locale"),
        ({**HELLO, "since": -1}, "since"),
        ({**HELLO, "since": 2**31}, "since"),
        ({**HELLO, "since": 1.0}, "since"),
        ({**HELLO, "since": True}, "since"),
        ({**HELLO, "identity": "42"}, "identity"),
        ({**HELLO, "identity": {}}, "identity.external_id"),
        ({**HELLO, "identity": {"external_id": True}}, "identity.external_id"),
        ({**HELLO, "identity": {"external_id": "1", "email": 3}}, "email"),
        ({**SEND, "client_id": None}, "client_id"),
        ({**SEND, "client_id": KEY[:-1]}, "client_id"),
        ({**SEND, "text": ["a"]}, "text"),
        ({**SEND, "attachments": "x"}, "attachments"),
        ({**SEND, "attachments": [KEY, 1]}, "attachments"),
        ({**SEND, "attachments": [KEY] * (MAX_ATTACHMENTS + 1)}, "attachments"),
        ({"type": "show"}, "invitation"),
        ({"type": "show", "invitation": 7}, "invitation"),
        ({"type": "accept", "client_id": "x"}, "client_id"),
        ({"type": "typing", "on": 1}, "on"),
        ({"type": "read"}, "seq"),
        ({"type": "read", "seq": "1"}, "seq"),
    ],
)
def test_wrong_field_is_named(data: dict[str, Any], field: str) -> None:
    with pytest.raises(BadFrame) as refused:
        to_frame(data)
    assert refused.value.extra == {"field": field}


@pytest.mark.parametrize(
    "raw", ["", "nul", "1", '"a"', "[]", "[" * 20_000, '{"a":' * 12_000, b"\xff", "9" * 9_999]
)
def test_what_is_no_object_is_refused(raw: str | bytes) -> None:
    with pytest.raises(BadFrame):
        parse(raw)


def test_frame_of_just_the_largest_size_passes() -> None:
    frame = json.dumps({"text": "x" * (MAX_FRAME_BYTES - 12)})
    assert len(frame) == MAX_FRAME_BYTES
    assert len(parse(frame)["text"]) == MAX_FRAME_BYTES - 12
    with pytest.raises(TooLarge):
        parse(frame + " ")


def test_half_a_character_is_replaced_and_a_whole_one_kept() -> None:
    data = parse(
        r'{"text": "\ud83d\ude00 \ud83d", "identity": {"name": "\udc00"}, "list": ["\ud800"], "\udfff": 1}'
    )
    assert data == {"text": "😀 ?", "identity": {"name": "?"}, "list": ["?"], "?": 1}
