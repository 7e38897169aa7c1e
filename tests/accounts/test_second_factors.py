"""Codes of an app and recovery codes: asked for, good for once, tried a few times only."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client

from accounts.models import User
from accounts.signing_in.codes import accepted, check
from core.errors import TooMany, Unavailable
from tests.accounts.entrance import (
    CODE,
    SECRET,
    give_app,
    give_codes,
    is_in,
    knock,
    show_again,
    shown,
    signed_in,
    words,
)


def at_the_second_step(user: User) -> Client:
    client = Client()
    assert knock(client, user.username)["Location"] == CODE
    return client


def test_password_alone_opens_nothing_where_there_is_an_app(bruno: User) -> None:
    give_app(bruno)
    client = at_the_second_step(bruno)
    assert not is_in(client)
    assert client.get("/api/v1/tickets/").status_code == 401
    assert client.get(CODE).status_code == 200


def test_the_code_of_the_app_opens_the_desk(bruno: User) -> None:
    give_app(bruno)
    client = at_the_second_step(bruno)
    assert client.post(CODE, {"code": shown()})["Location"] == "/admin/"
    assert is_in(client)


def test_a_wrong_code_opens_nothing(bruno: User) -> None:
    give_app(bruno)
    client = at_the_second_step(bruno)
    answer = client.post(CODE, {"code": "000000" if shown() != "000000" else "111111"})
    assert "Incorrect code" in words(answer)
    assert not is_in(client)


@pytest.mark.parametrize(("off", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(bruno: User, off: int, *, is_good: bool) -> None:
    give_app(bruno)
    with time_machine.travel(1_800_000_015, tick=False):
        code = shown(off=off)
        assert (accepted(bruno, code) is not None) is is_good


def test_a_code_is_good_for_once_and_so_are_those_before_it(bruno: User) -> None:
    give_app(bruno)
    with time_machine.travel(1_800_000_015, tick=False):
        assert accepted(bruno, shown())
        assert accepted(bruno, shown()) is None
        assert accepted(bruno, shown(off=-1)) is None
        assert accepted(bruno, shown(off=1))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_code_at_once_one_comes_in(bruno: User) -> None:
    give_app(bruno)
    code = shown()

    def bring(_number: int) -> bool:
        try:
            return accepted(bruno, code) is not None
        except TooMany:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(bring, range(32))) == 1


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_guesses_at_once_five_are_looked_at(bruno: User, still_minute: None) -> None:
    give_app(bruno)
    good = shown()
    guesses = [code for code in (f"{number:06}" for number in range(200)) if code != good][:100]

    def guess(code: str) -> str:
        try:
            accepted(bruno, code)
        except TooMany:
            return "not looked at"
        finally:
            connections.close_all()
        return "wrong"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, guesses))
    assert answers.count("wrong") == 5
    with pytest.raises(TooMany):
        accepted(bruno, shown())


def test_guesses_are_counted_over_all_browsers(bruno: User, still_minute: None) -> None:
    give_app(bruno)
    for _number in range(5):
        at_the_second_step(bruno).post(CODE, {"code": "1"})
    client = at_the_second_step(bruno)
    assert "Too many requests" in words(client.post(CODE, {"code": shown()}))
    assert not is_in(client)


def test_good_codes_are_not_counted(bruno: User, still_minute: None) -> None:
    for code in give_codes(bruno):
        assert accepted(bruno, code)


def test_wrong_codes_lock_the_login_like_wrong_passwords(
    bruno: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_app(bruno)
    monkeypatch.setattr("accounts.signing_in.codes.TRIES", 100)
    client = at_the_second_step(bruno)
    answers = [client.post(CODE, {"code": "1"}).status_code for _number in range(10)]
    assert answers == [200] * 9 + [429]
    assert knock(Client(), "bruno").status_code == 429


def test_no_code_is_good_while_tries_cannot_be_counted(bruno: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    give_app(bruno)
    monkeypatch.setattr(cache, "incr", away)
    with pytest.raises(Unavailable):
        accepted(bruno, shown())


def test_a_recovery_code_opens_the_desk_once(bruno: User) -> None:
    give_app(bruno)
    code = give_codes(bruno)[3]
    client = at_the_second_step(bruno)
    assert client.post(CODE, {"code": f" {code[:4]} {code[4:]}"}).status_code == 302
    assert is_in(client)
    other = at_the_second_step(bruno)
    assert other.post(CODE, {"code": code}).status_code == 200
    assert not is_in(other)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_recovery_code_at_once_one_comes_in(bruno: User) -> None:
    code = give_codes(bruno)[0]

    def bring(_number: int) -> bool:
        try:
            return accepted(bruno, code) is not None
        except TooMany:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(bring, range(32))) == 1


def test_codes_of_somebody_else_are_wrong(bruno: User, clara: User) -> None:
    give_app(bruno)
    codes = give_codes(clara)
    assert accepted(bruno, codes[0]) is None
    assert accepted(clara, shown()) is None


def test_secrets_lie_encrypted_in_the_database(bruno: User) -> None:
    give_app(bruno)
    codes = give_codes(bruno)
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert SECRET not in stored
    assert not [code for code in codes if code in stored]
    assert check(bruno, shown())


def test_who_has_no_second_factor_needs_no_code(bruno: User, clara: User) -> None:
    give_app(clara)
    assert check(bruno, "")
    assert not check(clara, "")
    assert not check(clara, "000000" if shown() != "000000" else "111111")


def test_setting_up_an_app_asks_for_the_password_and_shows_codes_once(client: Client, bruno: User) -> None:
    signed_in(bruno, client=client)
    assert client.get("/accounts/me/app/")["Location"].startswith("/accounts/again/")
    show_again(client, bruno)
    page = client.get("/accounts/me/app/")
    secret = page.context["form"].secret
    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    code = shown(secret)
    assert client.post("/accounts/me/app/", {"code": code})["Location"] == "/accounts/me/recovery-codes/"
    codes = client.get("/accounts/me/recovery-codes/").context["unused_codes"]
    assert (len(codes), len(set(codes))) == (10, 10)
    again = client.get("/accounts/me/recovery-codes/").content.decode()
    assert not [code for code in codes if code in again]
    assert accepted(bruno, code) is None, "the code that proved the app is used up"
    assert accepted(bruno, codes[0])


def test_new_recovery_codes_end_the_old_ones(client: Client, bruno: User) -> None:
    give_app(bruno)
    old = give_codes(bruno)
    signed_in_with_code(client, bruno)
    show_again(client, bruno)
    assert client.post("/accounts/me/recovery-codes/new/").status_code == 302
    new = client.get("/accounts/me/recovery-codes/").context["unused_codes"]
    assert accepted(bruno, old[0]) is None
    assert accepted(bruno, new[0])


def signed_in_with_code(client: Client, user: User) -> None:
    signed_in(user, client=client)
    assert client.post(CODE, {"code": shown()}).status_code == 302


def test_removing_the_app_removes_the_recovery_codes(client: Client, bruno: User) -> None:
    give_app(bruno)
    give_codes(bruno)
    signed_in_with_code(client, bruno)
    assert client.post("/accounts/me/app/remove/")["Location"].startswith("/accounts/again/")
    show_again(client, bruno)
    assert client.post("/accounts/me/app/remove/").status_code == 302
    assert not Authenticator.objects.filter(user=bruno).exists()


def test_a_code_is_as_good_as_the_password_before_something_weighty(client: Client, bruno: User) -> None:
    give_app(bruno)
    code = give_codes(bruno)[0]
    signed_in_with_code(client, bruno)
    assert client.post("/accounts/again/code/", {"code": "1"}).status_code == 200
    assert client.get("/accounts/me/passkeys/add/").status_code == 302
    assert client.post("/accounts/again/code/", {"code": code}).status_code == 302
    assert client.get("/accounts/me/passkeys/add/").status_code == 200


def test_a_wrong_password_again_counts_as_when_signing_in(client: Client, bruno: User) -> None:
    signed_in(bruno, client=client)
    answers = [client.post("/accounts/again/", {"password": "wrong"}).status_code for _number in range(10)]
    assert answers == [200] * 9 + [429]


ANSWER = '{"id":"eA","rawId":"eA","type":"public-key","clientExtensionResults":{},"response":%s}'
NONSENSE = [
    "", "null", "[]", "1", '"x"', "{}", '{"response": null}', '{"id": 1, "rawId": [], "type": {}}',
    '{"id": "x", "rawId": "eA", "type": "public-key", "response": {"userHandle": "MQ"}}',
    ANSWER % '{"clientDataJSON":"eA","authenticatorData":"eA","signature":"eA","userHandle":"eA"}',
    ANSWER % '{"clientDataJSON":"e30","attestationObject":"oA"}',
]  # fmt: skip


@pytest.mark.parametrize("credential", NONSENSE)
def test_made_up_passkeys_open_nothing_and_break_nothing(
    client: Client, bruno: User, credential: str
) -> None:
    client.get("/accounts/login/passkey/", headers={"Accept": "application/json"})
    assert client.post("/accounts/login/passkey/", {"credential": credential}).status_code == 302
    assert not is_in(client)
    give_app(bruno)
    second = at_the_second_step(bruno)
    second.get(CODE)
    assert second.post(CODE, {"credential": credential}).status_code == 200
    assert not is_in(second)
    second.post(CODE, {"code": shown()})
    show_again(second, bruno)
    second.get("/accounts/me/passkeys/add/")
    answer = second.post("/accounts/me/passkeys/add/", {"name": "x", "credential": credential})
    assert answer.status_code == 200
    assert not Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).exists()
