"""The life of a sign-in: how long it lasts when it is used and when it is not, and what is kept of it."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import SignIn, User
from tests.api.conftest import KeyMaker, results
from tests.api.test_tokens import AUTH, NOON, bearer, is_in, post, refreshed, sign_in
from tests.conversations.test_receive import in_parallel

SIGN_INS = f"{AUTH}/sign-ins"


def test_sign_in_lasts_for_as_long_as_it_is_used_once_a_week(bruno: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        token = sign_in(bruno)["refresh"]
        for _week in range(3):
            clock.shift(timedelta(days=6, hours=23))
            answer = refreshed(token)
            assert answer.status_code == 200
            token = answer.json()["refresh"]
        clock.shift(timedelta(days=7, seconds=6))
        late = refreshed(token)
        assert (late.status_code, late.json()["code"]) == (401, "unauthenticated")
    assert SignIn.objects.get().revoked_at is None, "nobody stole anything: it was over"


def test_token_of_a_week_ago_that_comes_again_is_over_and_not_stolen(bruno: User) -> None:
    """Its sign-in goes on: what anybody finds in an old backup ends nothing."""
    with time_machine.travel(NOON, tick=False) as clock:
        first = sign_in(bruno)["refresh"]
        clock.shift(timedelta(days=6))
        second = refreshed(first).json()
        clock.shift(timedelta(days=2))
        assert refreshed(first).json()["code"] == "unauthenticated"
        assert refreshed(second["refresh"]).status_code == 200


def test_list_has_what_lasts_and_nothing_that_is_over(bruno: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in(bruno)
        renewed = sign_in(bruno)["refresh"]
        clock.shift(timedelta(days=6, hours=23, minutes=58))
        assert refreshed(renewed).status_code == 200
        clock.shift(timedelta(minutes=1))
        client = bearer(sign_in(bruno)["access"])
        assert len(results(client.get(SIGN_INS))) == 3
        clock.shift(timedelta(minutes=1))
        left = results(client.get(SIGN_INS))
    assert [row["expires_at"] for row in left] == ["2026-12-06T11:59:00Z", "2026-12-06T11:58:00Z"]


@pytest.mark.parametrize(
    ("agent", "kept"),
    [(None, ""), ("", ""), ("curl/8", "curl/8"), ("x" * 300, "x" * 300), ("x" * 5000, "x" * 300)],
)
@pytest.mark.parametrize("ip", ["10.1.2.3", "2001:db8::7"])
def test_list_says_from_where_and_with_which_program(
    bruno: User, agent: str | None, kept: str, ip: str
) -> None:
    headers: dict[str, Any] = {"REMOTE_ADDR": ip, **({} if agent is None else {"HTTP_USER_AGENT": agent})}
    tokens = post("login", {"username": "bruno", "password": "bruno"}, **headers).json()
    (row,) = results(bearer(tokens["access"]).get(SIGN_INS))
    assert (row["ip"], row["user_agent"]) == (ip, kept)


def test_signing_out_twice_is_no_error_and_ends_nothing_else(bruno: User) -> None:
    ended, other = sign_in(bruno), sign_in(bruno)
    body = {"refresh": ended["refresh"]}
    assert [post("logout", body).status_code for _ in range(2)] == [204, 204]
    assert (is_in(ended["access"]), is_in(other["access"])) == (False, True)
    again = refreshed(ended["refresh"])
    assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")


def test_token_that_was_used_up_still_signs_out(bruno: User) -> None:
    """Who lost the answer to a refresh holds nothing newer, and wants out all the same."""
    used = sign_in(bruno)["refresh"]
    newer = refreshed(used).json()
    assert post("logout", {"refresh": used}).status_code == 204
    assert not is_in(newer["access"])
    assert refreshed(newer["refresh"]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_refresh_and_sign_out_at_once_leave_nobody_in(bruno: User) -> None:
    for _round in range(3):
        token = sign_in(bruno)["refresh"]
        calls = [partial(refreshed, token), partial(post, "logout", {"refresh": token})]
        renewed, left = in_parallel(calls)
        assert left.status_code == 204
        assert renewed.status_code in {200, 401}
        if renewed.status_code == 200:
            assert not is_in(renewed.json()["access"])


def test_lifetimes_are_those_of_the_settings(bruno: User, settings: Any) -> None:
    settings.ACCESS_TOKEN_MINUTES, settings.REFRESH_TOKEN_DAYS = 1, 1
    with time_machine.travel(NOON, tick=False) as clock:
        tokens = sign_in(bruno)
        assert tokens["expires_in"] == 60
        clock.shift(timedelta(seconds=64))
        assert is_in(tokens["access"])
        clock.shift(timedelta(seconds=2))
        assert not is_in(tokens["access"])
        assert refreshed(tokens["refresh"]).status_code == 200


def test_session_in_a_browser_ends_all_sign_ins_and_is_none_itself(as_bruno: APIClient, bruno: User) -> None:
    tokens = [sign_in(bruno) for _ in range(2)]
    assert len(results(as_bruno.get(SIGN_INS))) == 2
    assert as_bruno.delete(SIGN_INS).status_code == 204
    assert [is_in(each["access"]) for each in tokens] == [False, False]
    assert as_bruno.get(f"{AUTH}/me").status_code == 200


def test_ending_one_of_another_s_or_an_ended_one_is_not_found(bruno: User, clara: User) -> None:
    mine, hers = bearer(sign_in(bruno)["access"]), sign_in(clara)
    (row,) = SignIn.objects.filter(user=clara)
    assert mine.delete(f"{SIGN_INS}/{row.pk}").status_code == 404
    assert is_in(hers["access"])
    other = sign_in(bruno)
    (second,) = SignIn.objects.filter(user=bruno).order_by("-created_at")[:1]
    assert [mine.delete(f"{SIGN_INS}/{second.pk}").status_code for _ in range(2)] == [204, 404]
    assert not is_in(other["access"])


def test_sign_ins_are_nothing_for_keys(with_key: KeyMaker, bruno: User) -> None:
    """A key and a user may have the same number."""
    key = with_key("admin")
    SignIn.objects.all().delete()
    sign_in(bruno)
    (row,) = SignIn.objects.all()
    assert key.get(SIGN_INS).status_code == key.delete(SIGN_INS).status_code == 403
    assert key.delete(f"{SIGN_INS}/{row.pk}").status_code in {403, 404}
    row.refresh_from_db()
    assert row.revoked_at is None


def test_last_sign_in_of_a_user_is_told_to_administrators_only(
    as_ana: APIClient, as_clara: APIClient, bruno: User
) -> None:
    url = f"/api/v1/users/{bruno.pk}"
    assert as_ana.get(url).json()["last_login"] is None
    with time_machine.travel(NOON, tick=False):
        sign_in(bruno)
        post("login", {"username": "bruno", "password": "wrong"})
    assert as_ana.get(url).json()["last_login"] == "2026-11-22T12:00:00Z"
    assert "last_login" not in as_clara.get(url).json()
