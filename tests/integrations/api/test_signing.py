"""Signatures, with the reference package of Standard Webhooks as the judge."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook as Judge
from standardwebhooks import WebhookVerificationError

from conversations.channels import adapter
from conversations.exchange import Webhook
from core import signing
from core.errors import Unauthenticated
from integrations.api_channel.adapter import ApiConfig
from tests.fakes.api_channel import SECRET
from tests.integrations.api.case import signed

OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two byt").decode()
BODY = b'{"messages": []}'


def settings_with(secret: str = SECRET, previous: str = "") -> ApiConfig:
    return ApiConfig(signing_secret=SecretStr(secret), previous_secret=SecretStr(previous))


def is_believed(webhook: Webhook, config: ApiConfig | None = None) -> bool:
    try:
        adapter("api").verify(webhook, config or settings_with())
    except Unauthenticated:
        return False
    return True


@given(key=st.binary(min_size=24, max_size=64), body=st.text(max_size=200), event_id=st.uuids())
def test_what_we_sign_is_believed_by_the_reference_package(key: bytes, body: str, event_id: object) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signing.headers([key], f"evt_{event_id}", now, body.encode())
    Judge(key).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Judge(key).verify(f"{body}!", headers, json_parse=False)


@given(key=st.binary(min_size=24, max_size=64), body=st.text(max_size=200))
def test_what_the_reference_package_signs_is_believed_by_us(key: bytes, body: str) -> None:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Judge(key).sign("evt_1", now, body),
    }
    signing.check([key], headers, body.encode(), now=now.timestamp())


@pytest.mark.parametrize(("minutes", "believed"), [(-6, False), (-4, True), (4, True), (6, False)])
def test_recorded_request_is_refused_after_five_minutes(*, minutes: int, believed: bool) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert is_believed(signed(BODY, at=at)) is believed


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "-1", " 1", "١٢٣", "9" * 5000, "0x5f"])
def test_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    headers = {**signed(BODY).headers, "webhook-timestamp": timestamp}
    assert not is_believed(Webhook("POST", "https://desk.example", {}, headers, BODY))


def test_secret_is_changed_without_losing_a_request() -> None:
    rotating = settings_with(OTHER, previous=SECRET)
    assert is_believed(signed(BODY, secret=SECRET), rotating)
    assert is_believed(signed(BODY, secret=OTHER), rotating)
    assert not is_believed(signed(BODY, secret=SECRET), settings_with(OTHER))


def test_any_of_several_signatures_will_do_and_unknown_versions_are_passed_over() -> None:
    webhook = signed(BODY)
    good = webhook.headers["webhook-signature"]
    for offered in (f"v1a,abc {good}", f"{good} v1,AAAA", f"v1,AAAA {good} v9,x"):
        headers = {**webhook.headers, "webhook-signature": offered}
        assert is_believed(Webhook("POST", "", {}, headers, BODY)), offered
    headers = {**webhook.headers, "webhook-signature": good.replace("v1,", "v2,")}
    assert not is_believed(Webhook("POST", "", {}, headers, BODY))


def test_outgoing_call_carries_a_signature_for_each_secret() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = signing.headers(settings_with(OTHER, previous=SECRET).keys(), "evt_1", now, BODY)
    for secret in (SECRET, OTHER):
        Judge(secret).verify(BODY, headers)


@pytest.mark.parametrize(
    "secret", ["", " ", "whsec_", "whsec_c2hvcnQ=", "no base64 at all !", "whsec_" + "A" * 200, "Ünïcödé"]
)
def test_weak_secret_is_refused_and_not_quoted(secret: str) -> None:
    """An empty secret would let anybody in."""
    with pytest.raises(ValidationError) as caught:
        ApiConfig.model_validate({"signing_secret": secret})
    (problem,) = caught.value.errors(include_input=False)
    assert "base64" in problem["msg"]
    assert len(secret) < 10 or secret not in problem["msg"]


def test_secret_may_come_without_prefix_padding_or_trim() -> None:
    bare = SECRET.removeprefix("whsec_").rstrip("=")
    assert settings_with(f" {bare}\n").keys() == settings_with().keys()


def test_complaint_about_settings_never_quotes_a_secret() -> None:
    """The complaint is logged and shown, and what was entered wrongly is often half of the real one."""
    with pytest.raises(ValidationError) as caught:
        ApiConfig.model_validate({"signing_secret": "whsec_halfofthereal"})
    assert "halfofthereal" not in f"{caught.value} {caught.value!r}"
