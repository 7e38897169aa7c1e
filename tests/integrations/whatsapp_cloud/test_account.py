"""Files to fetch, templates to list, the connection to test and to make, and who may knock."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from conversations.channels import InboxBroken, SendFailed, SendRefused
from conversations.enums import Light
from conversations.exchange import File, Webhook
from core.errors import TooLarge, Unauthenticated
from integrations.whatsapp_cloud.account import _is_trusted
from integrations.whatsapp_cloud.adapter import WhatsAppCloudAdapter as Adapter
from integrations.whatsapp_cloud.config import API_URL
from integrations.whatsapp_cloud.config import WhatsAppConfig as Config
from tests.fakes.provider import Simulator
from tests.integrations.whatsapp_cloud.case import settings_at, signed

BODY = b'{"object": "whatsapp_business_account", "entry": []}'


def announced(meta: Simulator, content: bytes) -> File:
    media = meta.say(media=base64.b64encode(content).decode(), mime_type="audio/ogg")["id"]
    return File({"id": media}, "voice.ogg", "audio/ogg")


def test_file_is_fetched_in_two_steps(whatsapp: Adapter, config: Config, meta: Simulator) -> None:
    media = whatsapp.fetch(announced(meta, b"OggS\x00"), config, max_bytes=100)
    assert (media.content, media.content_type, media.name) == (b"OggS\x00", "audio/ogg", "voice.ogg")


def test_file_larger_than_allowed_is_not_downloaded(
    whatsapp: Adapter, config: Config, meta: Simulator
) -> None:
    before = meta.http.get("/_state").json()["downloads"]
    with pytest.raises(TooLarge):
        whatsapp.fetch(announced(meta, b"x" * 101), config, max_bytes=100)
    assert meta.http.get("/_state").json()["downloads"] == before


def test_token_stays_here_when_a_file_lies_elsewhere(
    whatsapp: Adapter, config: Config, meta: Simulator
) -> None:
    file = announced(meta, b"OggS")
    meta.say(media_host="localhost")
    with pytest.raises(InboxBroken):
        whatsapp.fetch(file, config, max_bytes=10_000)
    meta.say(media_host="")


def test_file_that_is_gone_is_told(whatsapp: Adapter, config: Config) -> None:
    with pytest.raises(SendFailed):
        whatsapp.fetch(File({"id": "1"}), config, max_bytes=100)


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1", True),
        ("https://graph.facebook.com/x", True),
        ("https://mmg.whatsapp.net/x", True),
        ("http://lookaside.fbsbx.com/x", False),
        ("https://evil-fbsbx.com/x", False),
        ("https://fbsbx.com.evil.example/x", False),
        ("https://evil.example/.fbsbx.com", False),
        ("", False),
    ],
)
def test_token_is_shown_to_meta_only(address: str, *, trusted: bool) -> None:
    config = Config.model_validate({**settings_at(""), "api_url": API_URL})
    assert _is_trusted(address, config) is trusted


def test_templates_come_from_all_pages(whatsapp: Adapter, config: Config) -> None:
    found = whatsapp.templates(config)
    names = ["welcome", "order_ready", "survey", "new_shoes", "how_to", "invoice"]
    assert [each.name for each in found] == names
    assert [each.header_format for each in found] == ["", "", "", "IMAGE", "VIDEO", "DOCUMENT"]
    assert found[0].variables == ("1", "2")
    assert found[0].body == "Hello {{1}}, about {{2}}: write to us, {{1}}."
    assert (found[0].status, found[0].category, found[0].language) == ("APPROVED", "UTILITY", "en_US")
    assert found[0].details["components"][0]["type"] == "HEADER"


def test_test_names_the_number(whatsapp: Adapter, config: Config) -> None:
    check = whatsapp.test(config)
    # So many people a day may be written to first: campaigns keep to it.
    assert check.details["daily_limit"] == 2_000
    assert check.light == Light.GREEN
    assert "15550783881" in check.detail


def test_connection_without_a_subscriber_is_said(whatsapp: Adapter, config: Config, meta: Simulator) -> None:
    meta.say(unsubscribe=True)
    assert whatsapp.test(config).light == Light.YELLOW
    check = whatsapp.connect(config, url="https://desk.example/hooks/abc", secret="")
    assert check.light == Light.GREEN
    # For the number, not for the account: its other numbers may be other inboxes.
    assert meta.http.get("/_state").json()["address"] == {
        "override_callback_uri": "https://desk.example/hooks/abc",
        "verify_token": "word-of-the-tests",
    }


def test_expired_token_breaks_the_inbox(whatsapp: Adapter, config: Config) -> None:
    expired = config.model_copy(update={"access_token": SecretStr("expired")})
    with pytest.raises(InboxBroken, match="token"):
        whatsapp.test(expired)
    with pytest.raises(InboxBroken):
        whatsapp.connect(expired, url="https://desk.example/hooks/abc", secret="")


def asked(**query: str) -> Webhook:
    named = {name.replace("_", ".", 1): value for name, value in query.items()}
    return Webhook("GET", "https://desk.example/hooks/abc", named, {}, b"")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, "1158201444"),
        ({"hub_mode": "unsubscribe"}, None),
        ({"hub_verify_token": ""}, None),
        ({"hub_verify_token": "word-of-the-test"}, None),
        ({"hub_verify_token": "wörd"}, None),
    ],
)
def test_challenge_is_answered_for_the_right_word(
    whatsapp: Adapter, config: Config, changed: dict[str, str], answer: str | None
) -> None:
    query = {"hub_mode": "subscribe", "hub_verify_token": "word-of-the-tests", "hub_challenge": "1158201444"}
    assert whatsapp.handshake(asked(**{**query, **changed}), config) == answer


@pytest.mark.parametrize("given", ["sha256=", "sha1=x", "ü", "sha256=" + "0" * 64])
def test_wrong_signature_is_refused(whatsapp: Adapter, config: Config, given: str) -> None:
    forged = replace(signed(BODY), headers={"x-hub-signature-256": given})
    with pytest.raises(Unauthenticated):
        whatsapp.verify(forged, config)


def test_empty_secret_believes_nobody(whatsapp: Adapter, config: Config) -> None:
    """Chatwoot checks a signature only where a secret is set (meta_token_verify_concern.rb)."""
    open_door = config.model_copy(update={"app_secret": SecretStr(""), "verify_token": SecretStr("")})
    with pytest.raises(Unauthenticated):
        whatsapp.verify(signed(BODY, secret=""), open_door)
    query = {"hub_mode": "subscribe", "hub_verify_token": "", "hub_challenge": "1"}
    assert whatsapp.handshake(asked(**query), open_door) is None


@pytest.mark.parametrize("name", ["access_token", "app_secret", "verify_token", "phone_number_id"])
def test_inbox_without_a_secret_cannot_be_saved(name: str) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({**settings_at("https://graph.example"), name: " "})


def test_slash_at_the_end_of_the_address_does_no_harm() -> None:
    told: dict[str, Any] = {**settings_at(""), "api_url": "https://graph.example/v25.0/"}
    assert Config.model_validate(told).api_url == "https://graph.example/v25.0"


def test_file_whose_address_refuses_is_told_for_good(whatsapp: Adapter, config: Config) -> None:
    with pytest.raises((SendRefused, InboxBroken)):
        whatsapp.fetch(File({"id": "../../1"}), config, max_bytes=100)
