"""What Meta's errors mean for a message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from core.http import Fetched
from integrations.meta.graph import judged
from integrations.meta.usage import regained_after


def answer(status: int, body: Any, **headers: str) -> Fetched:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched("https://graph.facebook.com/v25.0/1/messages", status, named, content)


def error(code: Any, subcode: int = 0, **more: Any) -> dict[str, Any]:
    told = {"message": f"(#{code}) Something", "type": "OAuthException", "code": code, **more}
    return {"error": {**told, "error_subcode": subcode} if subcode else told}


@pytest.mark.parametrize(
    ("status", "code", "subcode", "kind"),
    [
        (400, 10, 2018278, SendRefused),
        (400, 10, 2018065, SendRefused),
        (403, 10, 2534022, SendRefused),
        (400, 10, 0, InboxBroken),
        (400, 551, 1545041, SendRefused),
        (400, 200, 1545041, SendRefused),
        (403, 200, 0, InboxBroken),
        (400, 100, 2018001, SendRefused),
        (400, 100, 33, InboxBroken),
        (400, 100, 2018294, SendLater),
        (401, 190, 463, InboxBroken),
        (400, 190, 0, InboxBroken),
        (400, 4, 0, SendLater),
        (400, 32, 0, SendLater),
        (400, 613, 0, SendLater),
        (403, 80006, 0, SendLater),
        (400, 80002, 0, SendLater),
        (500, 1, 0, SendLater),
        (500, 2, 0, SendLater),
        (400, 1, 1357046, SendUnclear),
        (400, 987654, 0, SendRefused),
        (500, 987654, 0, SendLater),
    ],
)
def test_error_is_told_by_its_code_and_not_by_its_status(
    status: int, code: int, subcode: int, kind: type[SendFailed]
) -> None:
    """Instagram's closed window comes with 403, which looks like missing rights (composio #3604)."""
    with pytest.raises(SendFailed) as caught:
        judged(answer(status, error(code, subcode)))
    assert type(caught.value) is kind
    assert caught.value.provider_code == (f"{code}.{subcode}" if subcode else str(code))
    assert "Something" in caught.value.detail


def test_error_that_meta_calls_transient_is_tried_later() -> None:
    with pytest.raises(SendLater):
        judged(answer(400, error(987654, is_transient=True)))


def test_words_for_people_are_preferred() -> None:
    with pytest.raises(SendRefused, match=r"They left\. \(551\)"):
        judged(answer(400, error(551, error_user_msg="They left.")))


def test_success_with_an_error_in_it_is_an_error() -> None:
    with pytest.raises(SendRefused):
        judged(answer(200, error(551)))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b"slow down", SendLater),
        (503, b"<html>", SendLater),
        (502, b"<html>", SendUnclear),
        (504, b"", SendUnclear),
        (401, b"", InboxBroken),
        (404, b"<html>", SendRefused),
        (302, b"", SendRefused),
        (400, b'{"error": "a word"}', SendRefused),
        (400, b"[1]", SendRefused),
    ],
)
def test_answer_of_a_proxy_is_judged_by_its_status(status: int, body: bytes, kind: type[SendFailed]) -> None:
    with pytest.raises(SendFailed) as caught:
        judged(answer(status, body))
    assert type(caught.value) is kind


def test_success_passes() -> None:
    told = answer(200, {"message_id": "m_1"})
    assert judged(told) is told


def test_wait_is_the_longer_of_both_headers() -> None:
    usage = {"106": [{"type": "messenger", "estimated_time_to_regain_access": 3}, {"type": "pages"}]}
    limited = answer(400, error(80006), x_business_use_case_usage=json.dumps(usage), retry_after="20")
    with pytest.raises(SendLater) as caught:
        judged(limited)
    assert caught.value.retry_after == 180


def test_wait_is_told_only_where_there_is_something_to_wait_for() -> None:
    usage = {"106": [{"estimated_time_to_regain_access": 3}]}
    with pytest.raises(SendRefused) as caught:
        judged(answer(400, error(551), x_business_use_case_usage=json.dumps(usage)))
    assert caught.value.retry_after == 0


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(json.dumps),
    )
)
def test_any_usage_header_is_read_without_a_failure(header: str) -> None:
    assert regained_after(answer(400, {}, x_business_use_case_usage=header)) == 0


@given(code=st.one_of(st.none(), st.text(), st.booleans(), st.lists(st.integers())))
def test_code_that_is_no_number_is_a_refusal(code: Any) -> None:
    with pytest.raises(SendFailed):
        judged(answer(400, error(code)))
