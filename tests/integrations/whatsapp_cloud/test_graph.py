"""What Meta's error codes mean for a message, whatever HTTP status they come with."""

import json
from typing import Any

import pytest

from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from core.http import Fetched
from core.reasons import in_english
from integrations.whatsapp_cloud.graph import error_of, explained, judged


def answer(status: int, body: Any, **headers: str) -> Fetched:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched("https://graph.example/v25.0/1/messages", status, named, content)


def refused(status: int, code: int, **more: Any) -> Fetched:
    return answer(
        status, {"error": {"code": code, "message": f"(#{code}) No", "type": "OAuthException", **more}}
    )


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 130429, SendLater),
        (429, 130429, SendLater),
        (400, 131056, SendLater),
        (400, 80007, SendLater),
        (400, 4, SendLater),
        (400, 131048, SendLater),
        (500, 131000, SendLater),
        (503, 131016, SendLater),
        (500, 1, SendLater),
        (400, 131047, SendRefused),
        (400, 131026, SendRefused),
        (400, 131049, SendRefused),
        (400, 131051, SendRefused),
        (400, 132001, SendRefused),
        (400, 100, SendRefused),
        (403, 130497, SendRefused),
        (404, 132000, SendRefused),
        (401, 190, InboxBroken),
        (401, 0, InboxBroken),
        (403, 10, InboxBroken),
        (403, 200, InboxBroken),
        (400, 299, InboxBroken),
        (403, 131005, InboxBroken),
        (403, 131031, InboxBroken),
        (403, 368, InboxBroken),
        (400, 133010, InboxBroken),
        (500, 987654, SendLater),
        (400, 987654, SendRefused),
    ],
)
def test_code_decides_rather_than_status(status: int, code: int, error: type[SendFailed]) -> None:
    with pytest.raises(error) as caught:
        judged(refused(status, code))
    assert type(caught.value) is error
    assert caught.value.provider_code == str(code)
    assert str(code) in caught.value.detail


def test_unknown_phone_number_id_breaks_the_inbox() -> None:
    with pytest.raises(InboxBroken):
        judged(refused(400, 100, error_subcode=33))


def test_error_that_meta_calls_transient_is_tried_again() -> None:
    with pytest.raises(SendLater):
        judged(refused(400, 987654, is_transient=True))


def test_closed_window_is_said_in_a_sentence() -> None:
    with pytest.raises(SendRefused, match=r"24 hours.*template.*131047"):
        judged(refused(400, 131047))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 5),
        ({"retry_after": "11"}, 11),
        ({"x_business_use_case_usage": '{"1": [{"estimated_time_to_regain_access": 3}]}'}, 180),
        ({"x_business_use_case_usage": "{}"}, 5),
        ({"x_business_use_case_usage": "[no"}, 5),
    ],
)
def test_wait_is_the_providers_or_ours(headers: dict[str, str], seconds: float) -> None:
    body = json.loads(refused(400, 130429).content)
    with pytest.raises(SendLater) as caught:
        judged(answer(429, body, **headers))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SendRefused),
        (404, SendRefused),
        (401, InboxBroken),
        (429, SendLater),
        (500, SendLater),
        (502, SendUnclear),
    ],
)
@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"error": "text"}', b'{"error": {"code": "x"}}', b"[" * 100_000]
)
def test_error_without_a_code_is_judged_by_its_status(
    status: int, error: type[SendFailed], body: bytes
) -> None:
    with pytest.raises(error):
        judged(answer(status, body))


def test_success_is_no_error_even_with_one_in_it() -> None:
    partly = answer(200, {"error": {"code": 190}})
    assert judged(partly) is partly
    assert error_of(partly) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": 5, "message": "m", "error_data": {"details": "d"}}, "d (5)"),
        ({"code": 5, "message": "m", "error_data": "none"}, "m (5)"),
        ({"code": 5, "title": "t"}, "t (5)"),
        ({"code": 5}, "Meta gives no reason. (5)"),
    ],
)
def test_error_without_a_sentence_of_ours_is_said_in_metas_words(error: dict[str, Any], words: str) -> None:
    assert in_english(explained(error)) == words
