"""Signing in with a password: who comes in, where to, and when the door is locked."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client

from accounts.models import User
from tests.accounts.entrance import DESK, LOGIN, is_in, knock, signed_in, words


def test_name_and_password_lead_to_the_desk(client: Client, bruno: User) -> None:
    answer = knock(client, "bruno")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert is_in(client)


def test_an_e_mail_address_is_as_good_as_the_name(client: Client, bruno: User) -> None:
    assert knock(client, "Bruno@Example.com", "bruno").status_code == 302
    assert is_in(client)


def test_the_admin_s_own_login_leads_to_ours_and_lets_nobody_in(client: Client, bruno: User) -> None:
    answer = client.post("/admin/login/?next=/admin/tickets/", {"username": "bruno", "password": "bruno"})
    assert (answer.status_code, answer["Location"]) == (302, f"{LOGIN}?next=%2Fadmin%2Ftickets%2F")
    assert "_auth_user_id" not in client.session


def test_one_is_led_to_where_one_wanted_to_go(client: Client, bruno: User) -> None:
    page = client.get("/admin/tickets/", follow=True)
    assert 'name="next" value="/admin/tickets/"' in page.content.decode()
    assert knock(client, "bruno", next="/admin/tickets/")["Location"] == "/admin/tickets/"


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(client: Client, bruno: User, address: str) -> None:
    assert knock(client, "bruno", next=address)["Location"] == "/admin/"


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_who_left_stays_outside(client: Client, bruno: User, change: dict[str, bool]) -> None:
    User.objects.filter(pk=bruno.pk).update(**change)
    assert knock(client, "bruno").status_code == 200
    assert "_auth_user_id" not in client.session


def test_who_is_no_staff_any_more_is_asked_who_they_are(client: Client, bruno: User) -> None:
    signed_in(bruno, client=client)
    User.objects.update(is_staff=False)
    page = client.get(DESK, follow=True)
    assert page.status_code == 200
    assert 'name="password"' in page.content.decode()


def test_the_session_has_another_key_after_signing_in(client: Client, bruno: User) -> None:
    session = client.session
    session["mark"] = 1
    session.save()
    before = str(session.session_key)
    client.cookies["sessionid"] = before
    signed_in(bruno, client=client)
    assert client.cookies["sessionid"].value != before
    assert client.session["mark"] == 1


def test_ten_wrong_passwords_lock_the_name_for_the_address(client: Client, bruno: User) -> None:
    answers = [knock(client, "bruno", f"wrong {number}") for number in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429]
    locked = knock(client, "bruno")
    assert locked.status_code == 429
    assert "too many wrong passwords" in words(locked)
    assert not is_in(client)


def test_name_and_address_are_counted_as_one(client: Client, bruno: User) -> None:
    for number in range(5):
        knock(client, "bruno", f"wrong {number}")
        knock(client, "BRUNO@example.com", f"wrong {number}")
    assert knock(client, "bruno").status_code == 429


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_passwords_at_once_at_most_twenty_are_looked_at(
    bruno: User, monkeypatch: pytest.MonkeyPatch, still_minute: None
) -> None:
    looked_at: list[str] = []

    def look(_user: User, password: str) -> bool:
        looked_at.append(password)
        return False

    monkeypatch.setattr(User, "check_password", look)

    def guess(number: int) -> int:
        try:
            return int(knock(Client(), "bruno", f"guess {number}").status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(guess, range(100)))
    assert set(answers) <= {200, 429}
    assert 1 <= len(looked_at) <= 20


def test_an_address_that_is_refused_uses_up_nobody_s_tries(bruno: User, still_minute: None) -> None:
    for number in range(60):
        knock(Client(REMOTE_ADDR="10.0.0.1"), f"nobody {number}")
    for _ in range(25):
        knock(Client(REMOTE_ADDR="10.0.0.1"), "bruno", "wrong")
    assert knock(Client(REMOTE_ADDR="10.0.0.2"), "bruno").status_code == 302


def test_nobody_comes_in_while_tries_cannot_be_counted(
    client: Client, bruno: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "incr", away)
    answer = knock(client, "bruno")
    assert answer.status_code == 200
    assert "cannot do this just now" in words(answer)
    assert "_auth_user_id" not in client.session


def test_a_name_that_nobody_has_answers_like_a_wrong_password(client: Client, bruno: User) -> None:
    wrong, unknown = knock(client, "bruno", "wrong"), knock(Client(), "nobody", "wrong")
    assert words(wrong).replace("bruno", "?") == words(unknown).replace("nobody", "?")


def test_switching_somebody_off_shuts_their_desk_at_once(client: Client, bruno: User) -> None:
    signed_in(bruno, client=client)
    assert is_in(client)
    User.objects.update(is_active=False)
    assert not is_in(client)


def test_with_sign_on_only_passwords_are_for_superusers(
    client: Client, ana: User, bruno: User, settings: Any
) -> None:
    settings.OIDC_ONLY, settings.OIDC_ISSUER = True, "https://id.example.com"
    assert 'name="password"' not in client.get(LOGIN).content.decode()
    assert 'name="password"' in client.get(f"{LOGIN}?password=1").content.decode()
    assert knock(client, "bruno").status_code == 200
    assert "_auth_user_id" not in client.session
    assert knock(client, "ana").status_code == 302
    assert is_in(client)
