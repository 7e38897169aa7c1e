"""Signing in over the API: tokens that are renewed, stolen, forged, and taken back."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from rest_framework.test import APIClient

from accounts.models import SignIn, User
from accounts.tokens import AUDIENCE, ISSUER, PURPOSE
from api.models import IdempotentRequest
from core.encryption import derived_keys
from tests.accounts.entrance import give_app, shown
from tests.conversations.test_receive import in_parallel

Json = dict[str, Any]
AUTH = "/api/v1/auth"
PASSWORD = "correct horse 7 battery"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def post(name: str, body: Json | None = None, client: APIClient | None = None, **headers: Any) -> Any:
    return (client or APIClient()).post(f"{AUTH}/{name}", body, format="json", **headers)


def sign_in(user: User) -> Json:
    answer = post("login", {"username": user.username, "password": user.username})
    assert answer.status_code == 200, answer.content
    tokens: Json = answer.json()
    return tokens


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def is_in(token: str) -> bool:
    status = bearer(token).get(f"{AUTH}/me").status_code
    assert status in {200, 401}
    return status == 200


def refreshed(token: str) -> Any:
    return post("refresh", {"refresh": token})


def forged(claims: Json, *, key: Any = None, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(
        claims, key or derived_keys(PURPOSE)[0].hex(), algorithm=algorithm, headers=header or None
    )


def claims_of(token: str) -> Json:
    claims: Json = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_sign_in_gives_two_tokens_and_says_who_one_is(bruno: User) -> None:
    tokens = sign_in(bruno)
    assert set(tokens) == {"access", "refresh", "token_type", "expires_in", "user"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert (tokens["user"]["name"], tokens["user"]["teams"]) == ("Bruno", ["support"])
    assert is_in(tokens["access"])
    row = SignIn.objects.get()
    assert (row.user, row.ip, row.revoked_at) == (bruno, "127.0.0.1", None)
    bruno.refresh_from_db()
    assert bruno.last_login is not None


@pytest.mark.parametrize("email", ["bruno@example.com", "Bruno@Example.COM"])
def test_address_signs_in_as_well_as_the_name(bruno: User, email: str) -> None:
    assert post("login", {"email": email, "password": "bruno"}).status_code == 200


def test_token_acts_with_the_rights_of_its_user(bruno: User, clara: User, conversation: Any) -> None:
    url = f"/api/v1/conversations/{conversation.pk}"
    assert bearer(sign_in(bruno)["access"]).get(url).status_code == 200
    assert bearer(sign_in(clara)["access"]).get(url).status_code == 404


def test_token_is_known_with_two_queries(bruno: User, django_assert_num_queries) -> None:
    """The sign-in with its user, and the teams; the list itself is the third."""
    client = bearer(sign_in(bruno)["access"])
    with django_assert_num_queries(3):
        client.get("/api/v1/tickets")


def test_refresh_gives_new_tokens_once(bruno: User) -> None:
    first = sign_in(bruno)
    second = refreshed(first["refresh"]).json()
    assert second["refresh"] != first["refresh"]
    assert is_in(second["access"])
    third = refreshed(second["refresh"])
    assert third.status_code == 200
    assert SignIn.objects.count() == 1


def test_refresh_token_that_comes_again_ends_the_whole_sign_in(bruno: User) -> None:
    first = sign_in(bruno)
    other = sign_in(bruno)
    second = refreshed(first["refresh"]).json()
    refused = refreshed(first["refresh"])
    assert (refused.status_code, refused.json()["code"]) == (401, "token_reused")
    assert not is_in(first["access"])
    assert not is_in(second["access"])
    assert refreshed(second["refresh"]).status_code == 401
    assert is_in(other["access"])


def test_lost_answer_is_asked_for_again_with_the_same_idempotency_key(bruno: User) -> None:
    first = sign_in(bruno)
    body = {"refresh": first["refresh"]}
    once, again = (post("refresh", body, HTTP_IDEMPOTENCY_KEY="2f6e0f0e") for _ in range(2))
    assert once.json() == again.json()
    assert is_in(again.json()["access"])
    # Who stole the token does not know the key.
    assert post("refresh", body, HTTP_IDEMPOTENCY_KEY="another").json()["code"] == "token_reused"
    assert not is_in(once.json()["access"])


def test_what_is_kept_of_a_sign_in_is_of_no_use_to_who_reads_the_table(bruno: User) -> None:
    body = {"username": "bruno", "password": "bruno"}
    tokens = post("login", body, HTTP_IDEMPOTENCY_KEY="a1").json()
    kept = IdempotentRequest.objects.values_list("owner", "key", "digest", "status").get()
    plain = f"POST /api/v1/auth/login\n{json.dumps(body, sort_keys=True)}"
    assert hashlib.sha256(plain.encode()).hexdigest() not in map(str, kept)
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM api_idempotentrequest")
        assert tokens["access"] not in cursor.fetchone()[0]


def test_key_of_one_stranger_is_not_another_s(bruno: User, clara: User) -> None:
    first = post("login", {"username": "bruno", "password": "bruno"}, HTTP_IDEMPOTENCY_KEY="1")
    body = {"username": "clara", "password": "clara"}
    second = post("login", body, HTTP_IDEMPOTENCY_KEY="1", REMOTE_ADDR="10.0.0.2")
    assert (first.status_code, second.status_code) == (200, 200)


@pytest.mark.django_db(transaction=True)
def test_of_fifty_refreshes_at_once_one_wins_and_the_sign_in_ends(bruno: User) -> None:
    first = sign_in(bruno)
    answers = in_parallel([lambda: refreshed(first["refresh"])] * 50)
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} == {200, 401}
    assert not is_in(won[0].json()["access"])
    assert SignIn.objects.get().revoked_at is not None


def test_access_token_lasts_fifteen_minutes_and_refresh_token_seven_days(bruno: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        tokens = sign_in(bruno)
        clock.shift(timedelta(minutes=15))
        assert is_in(tokens["access"])
        clock.shift(timedelta(seconds=6))
        assert not is_in(tokens["access"])
        clock.move_to(NOON + timedelta(days=7))
        second = refreshed(tokens["refresh"])
        assert second.status_code == 200
        clock.shift(timedelta(days=7, seconds=6))
        assert refreshed(second.json()["refresh"]).status_code == 401


@pytest.mark.parametrize("how", ["header", "body", "old refresh token"])
def test_signing_out_ends_every_token_at_once(bruno: User, how: str) -> None:
    first = sign_in(bruno)
    second = refreshed(first["refresh"]).json()
    if how == "header":
        left = post("logout", client=bearer(second["access"]))
    else:
        left = post("logout", {"refresh": (second if how == "body" else first)["refresh"]})
    assert (left.status_code, left.content) == (204, b"")
    assert not is_in(second["access"])
    assert refreshed(second["refresh"]).status_code == 401


@pytest.mark.parametrize("header", ["expired", "ended", "of somebody else", "rubbish"])
def test_refresh_token_signs_out_whatever_stands_in_the_header(bruno: User, clara: User, header: str) -> None:
    """Clients send the header with every call, and an access token lasts a quarter of an hour."""
    with time_machine.travel(NOON, tick=False) as clock:
        ended, tokens = sign_in(bruno), sign_in(bruno)
        post("logout", {"refresh": ended["refresh"]})
        clock.shift(timedelta(hours=1))
        other = sign_in(clara)["access"]
        sent = {"expired": tokens["access"], "ended": ended["access"], "of somebody else": other}
        left = post("logout", {"refresh": tokens["refresh"]}, bearer(sent.get(header, header)))
        assert (left.status_code, left.content) == (204, b"")
        assert refreshed(tokens["refresh"]).status_code == 401
        assert is_in(other)


def test_without_a_refresh_token_the_header_has_to_be_good(bruno: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        tokens = sign_in(bruno)
        clock.shift(timedelta(hours=1))
        bodies: list[Json | None] = [None, {}]
        for body in bodies:
            refused = post("logout", body, bearer(tokens["access"]))
            assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
        assert refreshed(tokens["refresh"]).status_code == 200


@pytest.mark.parametrize("body", [["refresh"], "refresh", 7, {"refresh": None}, {"refresh": 7}])
def test_sign_out_with_a_body_of_another_form_is_refused(bruno: User, body: Any) -> None:
    access = sign_in(bruno)["access"]
    assert post("logout", body, bearer(access)).status_code == 422
    assert is_in(access)


def test_nobody_signs_out_without_a_token(ana: User) -> None:
    assert post("logout").status_code == 401
    client = APIClient()
    client.force_login(ana)
    assert post("logout", client=client).status_code == 401


def test_new_password_ends_all_sign_ins_however_it_is_set(bruno: User) -> None:
    one, two = sign_in(bruno), sign_in(bruno)
    body = {"old_password": "bruno", "new_password": PASSWORD}
    assert post("password", body, client=bearer(one["access"])).status_code == 204
    assert not is_in(one["access"])
    assert not is_in(two["access"])
    assert refreshed(two["refresh"]).status_code == 401
    third = post("login", {"username": "bruno", "password": PASSWORD}).json()
    # The command line and the admin know nothing of sign-ins.
    bruno.refresh_from_db()
    bruno.set_password("another one 4 all")
    bruno.save()
    assert not is_in(third["access"])
    assert refreshed(third["refresh"]).status_code == 401


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_user_who_may_not_come_in_any_more_is_out_at_once(bruno: User, change: Json) -> None:
    tokens = sign_in(bruno)
    User.objects.update(**change)
    assert not is_in(tokens["access"])
    assert refreshed(tokens["refresh"]).status_code == 401
    assert post("login", {"username": "bruno", "password": "bruno"}).json()["code"] == "wrong_password"


def test_wrong_old_password_changes_nothing(bruno: User) -> None:
    client = bearer(sign_in(bruno)["access"])
    refused = post("password", {"old_password": "x", "new_password": PASSWORD}, client=client)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "old_password")
    weak = post("password", {"old_password": "bruno", "new_password": "password"}, client=client)
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "new_password")
    bruno.refresh_from_db()
    assert bruno.check_password("bruno")


# --- Tokens that are not ours ------------------------------------------------------------------------------


def unsigned(claims: Json) -> str:
    def part(value: Json) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def of_a_public_key(claims: Json) -> str:
    """Signed with what everybody may know: the mistake of whoever reads the algorithm out of the token."""
    public = rsa.generate_private_key(65537, 2048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT"}
    return jwt.api_jws.encode(json.dumps(claims).encode(), base64.b64encode(pem), "HS256", header)


def rsa_signed(claims: Json) -> str:
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256")


FORGERIES: dict[str, Callable[[Json], str]] = {
    "without a signature": unsigned,
    "signed with a public key": of_a_public_key,
    "signed with RSA": rsa_signed,
    "another algorithm": lambda claims: forged(claims, algorithm="HS512"),
    "another key": lambda claims: forged(claims, key="k" * 64),
    "the secret key itself": lambda claims: forged(claims, key="SECRET" * 9),
    "another audience": lambda claims: forged(claims | {"aud": "helpdesk"}),
    "no audience": lambda claims: forged({k: v for k, v in claims.items() if k != "aud"}),
    "another issuer": lambda claims: forged(claims | {"iss": "evil"}),
    "no issuer": lambda claims: forged({k: v for k, v in claims.items() if k != "iss"}),
    "a refresh token": lambda claims: forged(claims | {"typ": "refresh"}),
    "no kind": lambda claims: forged({k: v for k, v in claims.items() if k != "typ"}),
    "no end": lambda claims: forged({k: v for k, v in claims.items() if k != "exp"}),
    "over": lambda claims: forged(claims | {"exp": int(datetime.now(UTC).timestamp()) - 10}),
    "not yet": lambda claims: forged(claims | {"nbf": int(datetime.now(UTC).timestamp()) + 60}),
    "another user": lambda claims: forged(claims | {"sub": "999999"}),
    "another sign-in": lambda claims: forged(claims | {"sid": "00000000-0000-4000-8000-000000000000"}),
    "no sign-in": lambda claims: forged({k: v for k, v in claims.items() if k != "sid"}),
    "a sign-in that is none": lambda claims: forged(claims | {"sid": "x"}),
    "a sign-in that is no text": lambda claims: forged(claims | {"sid": 5}),
    "nothing": lambda _claims: "",
    "nonsense": lambda _claims: "a.b.c",
    "é": lambda _claims: "é",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_token_that_is_not_ours_lets_nobody_in(bruno: User, forgery: str) -> None:
    claims = claims_of(sign_in(bruno)["access"])
    assert is_in(forged(claims)), "the control"
    refused = bearer(FORGERIES[forgery](claims)).get(f"{AUTH}/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert "WWW-Authenticate" in refused


def test_token_says_whose_it_is_and_what_for(bruno: User) -> None:
    tokens = sign_in(bruno)
    for kind in ("access", "refresh"):
        claims = claims_of(tokens[kind])
        assert jwt.get_unverified_header(tokens[kind]) == {"alg": "HS256", "typ": "JWT"}
        assert (claims["iss"], claims["aud"], claims["typ"]) == (ISSUER, AUDIENCE, kind)
        assert claims["sub"] == str(bruno.pk)


def test_access_token_refreshes_nothing(bruno: User) -> None:
    tokens = sign_in(bruno)
    assert refreshed(tokens["access"]).status_code == 401
    assert post("logout", {"refresh": tokens["access"]}).status_code == 401
    # It was no refresh token of theirs, so nothing was stolen.
    assert is_in(tokens["access"])


def test_token_of_the_key_before_is_read_and_a_new_one_is_signed_with_the_new_key(bruno: User) -> None:
    tokens = sign_in(bruno)
    with override_settings(SECRET_KEY="new" * 20):
        assert not is_in(tokens["access"])
    from django.conf import settings

    with override_settings(SECRET_KEY="new" * 20, SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert is_in(tokens["access"])
        second = refreshed(tokens["refresh"]).json()
    assert not is_in(second["access"])


def test_token_in_an_address_is_not_looked_at(bruno: User) -> None:
    access = sign_in(bruno)["access"]
    for name in ("access", "token", "access_token"):
        assert APIClient().get(f"/api/v1/tickets?{name}={access}").status_code == 401


# --- Guessing ----------------------------------------------------------------------------------------------

SAME = ("type", "title", "status", "detail", "code")


def test_wrong_password_and_unknown_name_are_answered_alike(bruno: User) -> None:
    bodies = [
        {"username": "bruno", "password": "x"},
        {"username": "nobody", "password": "x"},
        {"email": "bruno@example.com", "password": "x"},
        {"email": "nobody@example.com", "password": "x"},
    ]
    answers = [post("login", body) for body in bodies]
    assert {answer.status_code for answer in answers} == {401}
    assert len({json.dumps([answer.json()[name] for name in SAME]) for answer in answers}) == 1
    assert answers[0].json()["code"] == "wrong_password"


@pytest.mark.parametrize("name", ["bruno", "nobody"])
def test_a_password_is_hashed_whether_or_not_there_is_such_a_user(
    bruno: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Work, not time: a hash is what makes the difference that one could measure."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed = []
    real = MD5PasswordHasher.encode

    def encode(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return real(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    post("login", {"username": name, "password": "wrong"})
    assert hashed == ["wrong"]


@pytest.mark.parametrize(
    "body", [{"username": "bruno"}, {"email": "bruno@example.com"}, {"username": "nobody"}]
)
def test_ten_wrong_passwords_lock_a_name_out_from_everywhere(bruno: User, body: Json) -> None:
    for number in range(10):
        refused = post("login", {**body, "password": "x"}, REMOTE_ADDR=f"10.0.0.{number}")
        assert refused.status_code == (401 if number < 9 else 429)
    locked = post("login", {**body, "password": "bruno"}, REMOTE_ADDR="10.0.0.99")
    assert (locked.status_code, locked.json()["code"], locked["Retry-After"]) == (429, "locked_out", "900")
    assert locked["Content-Type"] == "application/problem+json"


def test_lock_holds_for_name_and_address_together_and_ends_by_itself(bruno: User, clara: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(10):
            body = {"username": "bruno"} if number % 2 else {"email": "bruno@example.com"}
            post("login", {**body, "password": "x"})
        assert post("login", {"username": "bruno", "password": "bruno"}).status_code == 429
        assert post("login", {"username": "clara", "password": "clara"}).status_code == 200
        clock.shift(timedelta(minutes=16))
        assert post("login", {"username": "bruno", "password": "bruno"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_many_tries_at_once_do_not_pass_uncounted(bruno: User, still_minute: None) -> None:
    """A wrong password is counted once it was found wrong; a try before that, right or wrong."""
    tries = [lambda: post("login", {"username": "bruno", "password": "bruno"}).status_code] * 30
    answers = in_parallel(tries)
    assert sorted(answers) == [200] * 20 + [429] * 10


def test_address_that_is_refused_uses_up_nobody_s_tries(bruno: User, still_minute: None) -> None:
    """Nor do the names that it makes up fill the cache."""
    tries = [{"username": f"nobody {number}", "password": "x"} for number in range(60)]
    tries += [{"username": "bruno", "password": "x"}, {"email": "bruno@example.com", "password": "x"}] * 15
    answers = [post("login", body, REMOTE_ADDR="10.0.0.1").status_code for body in tries]
    assert answers == [401] * 60 + [429] * 30
    own = {"username": "bruno", "password": "bruno"}
    assert post("login", own, REMOTE_ADDR="10.0.0.2").status_code == 200


def test_without_the_cache_nobody_signs_in(bruno: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "incr", broken)
    monkeypatch.setattr(cache, "add", broken)
    closed = post("login", {"username": "bruno", "password": "bruno"})
    assert (closed.status_code, closed["Retry-After"]) == (503, "5")
    assert post("password-reset", {"email": "bruno@example.com"}).status_code == 503
    assert not SignIn.objects.exists()


def test_second_factor_is_asked_for_after_the_password_only(bruno: User) -> None:
    give_app(bruno)
    body = {"username": "bruno", "password": "bruno"}
    refused = post("login", body)
    assert (refused.status_code, refused.json()["code"]) == (401, "otp_required")
    assert post("login", {**body, "password": "x"}).json()["code"] == "wrong_password"
    first = shown()
    assert post("login", {**body, "otp": first}).status_code == 200
    assert post("login", {**body, "otp": first}).json()["code"] == "otp_required"
    for _ in range(9):
        assert post("login", {**body, "otp": "000000"}).status_code in {401, 429}
    assert post("login", {**body, "otp": shown(off=1)}).status_code == 429


def test_role_that_must_have_a_second_factor_gets_no_token_without(bruno: User, settings: Any) -> None:
    settings.MFA_REQUIRED_ROLES = ["operator"]
    refused = post("login", {"username": "bruno", "password": "bruno"})
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    give_app(bruno)
    assert post("login", {"username": "bruno", "password": "bruno", "otp": shown()}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": "x"},
        {"username": "bruno"},
        {"username": "bruno", "email": "bruno@example.com", "password": "x"},
        {"username": "bruno", "password": ""},
        {"username": ["bruno"], "password": "x"},
        {"username": "br\x00uno", "password": "x"},
        {"username": "bruno", "password": "x", "is_staff": True},
        {"username": "bruno", "password": "x" * 129},
    ],
)
def test_credentials_of_another_form_are_refused(bruno: User, body: Json) -> None:
    assert post("login", body).status_code == 422


# --- Where one is signed in --------------------------------------------------------------------------------


def test_one_sees_and_ends_one_s_own_sign_ins(bruno: User, clara: User) -> None:
    this, other, hers = sign_in(bruno), sign_in(bruno), sign_in(clara)
    client = bearer(this["access"])
    listed = client.get(f"{AUTH}/sign-ins").json()["results"]
    assert len(listed) == 2
    assert set(listed[0]) == {"id", "ip", "user_agent", "created_at", "used_at", "expires_at"}
    theirs = claims_of(hers["access"])["sid"]
    assert client.delete(f"{AUTH}/sign-ins/{theirs}").status_code == 404
    assert is_in(hers["access"])
    assert client.delete(f"{AUTH}/sign-ins/{claims_of(other['access'])['sid']}").status_code == 204
    assert not is_in(other["access"])
    assert len(client.get(f"{AUTH}/sign-ins").json()["results"]) == 1


def test_one_ends_all_but_the_sign_in_with_which_one_asks(bruno: User, clara: User) -> None:
    this, others, hers = sign_in(bruno), [sign_in(bruno) for _ in range(3)], sign_in(clara)
    assert bearer(this["access"]).delete(f"{AUTH}/sign-ins").status_code == 204
    assert is_in(this["access"])
    assert is_in(hers["access"])
    assert not any(is_in(other["access"]) for other in others)
