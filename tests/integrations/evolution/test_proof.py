"""Who is believed."""

import time
from typing import Any

import jwt
import pytest

from core.errors import Unauthenticated
from integrations.evolution.adapter import EvolutionAdapter, EvolutionConfig
from tests.integrations.evolution.case import SECRET, config, settings_of, webhook

OTHER = "another-secret-of-the-same-length-0123"


def token(*, key: str = SECRET, age: float = 0.0, algorithm: str = "HS256", **changes: Any) -> str:
    """As Evolution makes it of a header `jwt_key`."""
    now = int(time.time() - age)
    claims = {"iat": now, "exp": now + 600, "app": "evolution", "action": "webhook", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value}, key, algorithm=algorithm)


def is_believed(**headers: str) -> bool:
    try:
        EvolutionAdapter().verify(webhook(b"{}", **headers), settings_of())
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("header", [SECRET, f"Bearer {SECRET}", f"bearer {token()}"])
def test_secret_or_token_in_the_authorization_header_is_believed(header: str) -> None:
    assert is_believed(authorization=header)


def test_token_of_a_first_try_is_believed_at_the_last_one() -> None:
    """Evolution signs once and tries for twenty minutes; a 401 would make it drop the message for good."""
    assert is_believed(authorization=f"Bearer {token(age=1500)}")
    assert not is_believed(authorization=f"Bearer {token(age=10_000)}")


@pytest.mark.parametrize(
    "bad",
    [
        token(key=OTHER),
        token(exp=None),
        token()[:-2],
        f"{token()}.x",
        "a.b.c",
        jwt.encode({"exp": 9_999_999_999}, "", algorithm="none"),
        token(key=SECRET * 2, algorithm="HS512"),
    ],
)
def test_other_token_is_refused(bad: str) -> None:
    assert not is_believed(authorization=f"Bearer {bad}")


@pytest.mark.parametrize("header", ["", " ", OTHER, SECRET.upper(), "sécrèt", "\udcff"])
def test_other_secret_is_refused(header: str) -> None:
    assert not is_believed(**{"x-hook-secret": header})
    assert not is_believed(authorization=header)


def test_empty_secret_lets_nobody_in() -> None:
    """Chatwoot #2694: an empty secret was one that anybody could present."""
    unsafe = EvolutionConfig.model_construct(**{**settings_of().__dict__, "webhook_secret": type_of("")})
    for headers in ({"x-hook-secret": ""}, {"authorization": ""}, {"authorization": "Bearer "}):
        with pytest.raises(Unauthenticated):
            EvolutionAdapter().verify(webhook(b"{}", **headers), unsafe)


def type_of(value: str) -> Any:
    return type(settings_of().webhook_secret)(value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_secret": "short"},
        {"webhook_secret": ""},
        {"api_key": ""},
        {"instance": ""},
        {"base_url": "evolution:8080"},
        {"base_url": "http://evolution:8080/?a=b"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvolutionConfig.model_validate({**config("http://evolution:8080"), **wrong})


def test_address_of_the_manager_page_is_taken_for_the_server() -> None:
    assert settings_of("http://evolution:8080/manager/").base_url == "http://evolution:8080"
