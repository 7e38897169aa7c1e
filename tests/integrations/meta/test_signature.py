"""Who may write to the door, and who is told that it is ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Unauthenticated
from integrations.meta import signature
from tests.fakes.meta import SECRET, VERIFY_TOKEN
from tests.integrations.meta.webhooks import asked, signed


def test_signature_is_the_one_of_an_independent_computation() -> None:
    signature.verify(signed(b'{"object":"page","entry":[]}'), SECRET)


def test_signature_covers_the_raw_bytes_and_not_their_meaning() -> None:
    escaped, plain = rb'{"text":"ol\u00e1"}', '{"text":"olá"}'.encode()
    signature.verify(signed(escaped), SECRET)
    with pytest.raises(Unauthenticated):
        signature.verify(replace(signed(escaped), body=plain), SECRET)


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
def test_empty_secret_believes_nobody(secrets: tuple[str, ...]) -> None:
    """Chatwoot checked signatures only where a secret happened to be set (until #14280)."""
    with pytest.raises(Unauthenticated):
        signature.verify(signed(b"{}", secret=""), *secrets)


def test_second_secret_is_believed_too() -> None:
    signature.verify(signed(b"{}", secret="the-other-secret"), SECRET, "the-other-secret")


@given(st.text())
def test_any_header_is_refused_and_none_breaks_the_comparison(header: str) -> None:
    """hmac.compare_digest raises TypeError for text beyond ASCII."""
    webhook = replace(signed(b"{}"), headers={"x-hub-signature-256": header})
    with pytest.raises(Unauthenticated):
        signature.verify(webhook, SECRET)


def test_sha1_signature_alone_is_refused() -> None:
    webhook = signed(b"{}")
    only_old = {"x-hub-signature": webhook.headers["x-hub-signature-256"]}
    with pytest.raises(Unauthenticated):
        signature.verify(replace(webhook, headers=only_old), SECRET)


def test_challenge_is_returned_for_our_token() -> None:
    webhook = asked(mode="subscribe", verify_token=VERIFY_TOKEN, challenge="1158201444")
    assert signature.challenge(webhook, VERIFY_TOKEN) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "subscribe", "verify_token": "another", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "é", "challenge": "1"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": VERIFY_TOKEN, "challenge": "1"},
        {"verify_token": VERIFY_TOKEN, "challenge": "1"},
        {"mode": "subscribe", "verify_token": VERIFY_TOKEN},
        {},
    ],
)
def test_challenge_without_our_token_is_refused(query: dict[str, str]) -> None:
    assert signature.challenge(asked(**query), VERIFY_TOKEN) is None


def test_challenge_with_an_empty_token_on_both_sides_is_refused() -> None:
    assert signature.challenge(asked(mode="subscribe", verify_token="", challenge="1"), "") is None
