"""Becoming a user, and getting back in: nobody learns who is known, and no link works twice."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import time_machine
from django.conf import settings as current
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.translation import gettext
from rest_framework.test import APIClient

from accounts.actions.forgetting import forget_ended
from accounts.actions.passwords import reset_token
from accounts.enums import Role
from accounts.models import Invitation, Registration, SignIn, Team, User
from helpdesk import settings as deployed
from tests.accounts.mailbox import delivered, token_in
from tests.api.conftest import KeyMaker
from tests.api.test_tokens import NOON, PASSWORD, bearer, is_in, post, refreshed, sign_in
from tests.conversations.lines import eventually, planned
from tests.conversations.test_receive import in_parallel
from tests.live import LiveServer

Json = dict[str, Any]
EVA: Json = {"email": "eva@example.com", "name": "Eva Prado", "password": PASSWORD}
EMPTY: list[Any] = ["", " ", "\t\n", "\u00a0", None, 0, False, [], "x", "null", "None", "\x00"]


@pytest.fixture
def invited(as_ana: APIClient, team: Team) -> str:
    """The token of an invitation to lead the support team."""
    body = {"email": "eva@example.com", "role": "lead", "teams": ["support"], "language": "es"}
    assert as_ana.post("/api/v1/invitations", body, format="json").status_code == 201
    (letter,) = delivered()
    assert letter.to == ["eva@example.com"]
    return token_in(letter)


def login(email: str, password: str = PASSWORD) -> Any:
    return post("login", {"email": email, "password": password})


# --- Registering where everybody may -----------------------------------------------------------------------


def test_address_is_confirmed_before_the_first_sign_in(db: None) -> None:
    asked = post("register", EVA)
    assert (asked.status_code, asked.json()) == (202, {"status": "mailed"})
    assert not User.objects.exists()
    assert login("eva@example.com").status_code == 401
    (letter,) = delivered()
    confirmed = post("confirm", {"token": token_in(letter)})
    assert (confirmed.status_code, confirmed.json()["email"]) == (201, "eva@example.com")
    user = User.objects.get()
    assert (user.role, user.is_staff, user.is_superuser, list(user.teams.all())) == (
        "operator",
        True,
        False,
        [],
    )
    assert (user.display_name, user.username) == ("Eva Prado", "eva@example.com")
    assert login("eva@example.com").status_code == 200


def test_confirmation_works_once_and_for_three_days(db: None) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        post("register", EVA)
        token = token_in(delivered()[0])
        clock.shift(timedelta(hours=72))
        assert post("confirm", {"token": token}).status_code == 422
        clock.shift(timedelta(seconds=-1))
        assert post("confirm", {"token": token}).status_code == 201
        assert post("confirm", {"token": token}).status_code == 422
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["ana@example.com", "ANA@example.com"])
def test_known_address_is_answered_like_an_unknown_one_and_told_by_mail(ana: User, email: str) -> None:
    known, unknown = post("register", {**EVA, "email": email}), post("register", EVA)
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    first, second = delivered()
    assert (first.to, first.subject) == ([email], "You are registered already")
    assert second.subject == "Confirm your e-mail address"
    assert "Eva" not in f"{first.body}{second.body}", "what a stranger wrote"
    assert User.objects.count() == 1


def test_known_and_unknown_addresses_are_the_same_work(ana: User) -> None:
    counts = []
    for email in ("ana@example.com", "eva@example.com"):
        for name, body in (("register", {**EVA, "email": email}), ("password-reset", {"email": email})):
            with CaptureQueriesContext(connection) as captured:
                assert post(name, body).status_code == 202
            counts.append([query["sql"].partition(" ")[0] for query in captured.captured_queries])
    assert counts[:2] == counts[2:]


def test_of_two_registrations_of_an_address_one_becomes_a_user(db: None) -> None:
    post("register", EVA)
    post("register", {**EVA, "name": "Other"})
    first, second = (token_in(letter) for letter in delivered())
    assert post("confirm", {"token": second}).status_code == 201
    late = post("confirm", {"token": first})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "email")
    assert User.objects.get().first_name == "Other"


@pytest.mark.parametrize("mode", ["off", "invite"])
def test_nobody_registers_where_it_is_not_open(db: None, settings: Any, mode: str) -> None:
    post("register", EVA)
    token = token_in(delivered()[0])
    settings.REGISTRATION = mode
    for refused in (post("register", EVA), post("confirm", {"token": token})):
        assert (refused.status_code, refused.json()["code"]) == (403, "registration_off")
    assert not User.objects.exists()


def test_registration_is_off_unless_said_otherwise() -> None:
    assert deployed.REGISTRATION == "off"


@pytest.mark.parametrize(
    "more",
    [
        {"role": "admin"},
        {"is_staff": True},
        {"is_superuser": True},
        {"is_active": True},
        {"teams": ["support"]},
        {"username": "ana"},
        {"language": "tlh"},
        {"name": ""},
        {"email": "nobody"},
        {"password": "password"},
        {"password": "12345678"},
        {"password": "eva@example.com"},
        {"invitation": "x"},
    ],
)
def test_what_is_no_field_or_no_value_registers_nobody(db: None, team: Team, more: Json) -> None:
    refused = post("register", {**EVA, **more})
    assert refused.status_code == 422
    assert not Registration.objects.exists()


def test_registrations_that_nobody_confirms_and_old_sign_ins_are_forgotten(bruno: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        post("register", EVA)
        sign_in(bruno)
        clock.shift(timedelta(days=36))
        sign_in(bruno)
        forget_ended()
        assert (Registration.objects.count(), SignIn.objects.count()) == (0, 2)
        clock.shift(timedelta(days=2))
        forget_ended()
        assert SignIn.objects.count() == 1


# --- Invitations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["invite", "open"])
def test_who_was_invited_becomes_what_they_were_invited_for(invited: str, settings: Any, mode: str) -> None:
    settings.REGISTRATION = mode
    joined = post("register", {"invitation": invited, "name": "Eva Prado", "password": PASSWORD})
    assert joined.status_code == 201
    user = User.objects.get(email="eva@example.com")
    assert (user.role, user.language, user.is_superuser) == (Role.LEAD, "es", False)
    assert [team.slug for team in user.teams.all()] == ["support"]
    assert login("eva@example.com").status_code == 200


def test_token_of_an_invitation_is_long_random_and_kept_as_a_hash(invited: str) -> None:
    assert len(invited) == 43
    row = Invitation.objects.get()
    assert row.token_hash is not None
    assert invited not in row.token_hash
    with_arguments = json.dumps(planned("accounts.send_mail"))
    assert invited not in with_arguments


def test_link_works_once(invited: str) -> None:
    body = {"invitation": invited, "name": "Eva", "password": PASSWORD}
    assert post("register", body).status_code == 201
    User.objects.filter(email="eva@example.com").update(email="", username="gone")
    again = post("register", body)
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "token")


@pytest.mark.django_db(transaction=True)
def test_hundred_uses_at_once_make_one_user(invited: str) -> None:
    def use() -> Any:
        return post("register", {"invitation": invited, "name": "Eva", "password": PASSWORD})

    answers = in_parallel([use] * 50) + in_parallel([use] * 50)
    assert [answer.status_code for answer in answers].count(201) == 1
    refused = [answer.json()["errors"][0]["field"] for answer in answers if answer.status_code == 422]
    assert refused == ["token"] * 99
    assert User.objects.filter(email="eva@example.com").count() == 1


def test_link_is_dead_after_three_days(as_ana: APIClient) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        as_ana.post("/api/v1/invitations", {"email": "eva@example.com"}, format="json")
        body = {"invitation": token_in(delivered()[0]), "name": "Eva", "password": PASSWORD}
        clock.shift(timedelta(hours=72))
        assert post("register", body).status_code == 422
        clock.shift(timedelta(seconds=-1))
        assert post("register", body).status_code == 201


@pytest.mark.parametrize("token", EMPTY)
def test_token_that_is_none_matches_nothing(as_ana: APIClient, token: Any) -> None:
    """Rows whose mail is not written yet have no token at all."""
    as_ana.post("/api/v1/invitations", {"email": "eva@example.com"}, format="json")
    post("register", {**EVA, "email": "rui@example.com"})
    assert Invitation.objects.get().token_hash is Registration.objects.get().token_hash is None
    before = User.objects.count()
    body = {"name": "Eva", "password": PASSWORD}
    assert post("register", {**body, "invitation": token}).status_code == 422
    assert post("confirm", {"token": token}).status_code == 422
    assert post("password-reset/confirm", {"token": token, "password": PASSWORD}).status_code == 422
    assert User.objects.count() == before


def test_withdrawn_invitation_is_dead(as_ana: APIClient, invited: str) -> None:
    assert as_ana.delete(f"/api/v1/invitations/{Invitation.objects.get().pk}").status_code == 204
    body = {"invitation": invited, "name": "Eva", "password": PASSWORD}
    assert post("register", body).status_code == 422


def test_invitation_says_nothing_of_its_token(as_ana: APIClient, invited: str) -> None:
    shown = as_ana.get("/api/v1/invitations").json()["results"]
    assert [row["email"] for row in shown] == ["eva@example.com"]
    assert invited not in json.dumps(shown)
    assert "hash" not in json.dumps(shown)


def test_nobody_is_invited_twice_over_or_where_it_is_off(
    as_ana: APIClient, bruno: User, settings: Any
) -> None:
    known = as_ana.post("/api/v1/invitations", {"email": "BRUNO@example.com"}, format="json")
    assert known.status_code == 409
    settings.REGISTRATION = "off"
    off = as_ana.post("/api/v1/invitations", {"email": "eva@example.com"}, format="json")
    assert (off.status_code, off.json()["code"]) == (403, "registration_off")


# --- Lost passwords ----------------------------------------------------------------------------------------


def test_lost_password_is_chosen_anew_by_who_reads_the_mailbox(bruno: User) -> None:
    tokens = sign_in(bruno)
    asked = post("password-reset", {"email": "Bruno@example.com"})
    assert (asked.status_code, asked.json()) == (202, {"status": "mailed"})
    (letter,) = delivered()
    assert letter.to == ["bruno@example.com"]
    done = post("password-reset/confirm", {"token": token_in(letter), "password": PASSWORD})
    assert (done.status_code, done.content) == (204, b"")
    assert not is_in(tokens["access"])
    assert refreshed(tokens["refresh"]).status_code == 401
    assert login("bruno@example.com").status_code == 200
    assert login("bruno@example.com", "bruno").status_code == 401


@pytest.mark.parametrize("email", ["nobody@example.com", "left@example.com", "plain@example.com"])
def test_unknown_address_is_answered_alike_and_gets_no_mail(bruno: User, email: str) -> None:
    User.objects.create_user("left", "left@example.com", is_staff=True, is_active=False)
    User.objects.create_user("plain", "plain@example.com", is_staff=False)
    known, unknown = (post("password-reset", {"email": each}) for each in ("bruno@example.com", email))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert [letter.to for letter in delivered()] == [["bruno@example.com"]]


def test_link_of_a_lost_password_is_used_once_even_by_many_at_once(bruno: User) -> None:
    token = reset_token(bruno)
    body = {"token": token, "password": PASSWORD}
    assert post("password-reset/confirm", body).status_code == 204
    again = post("password-reset/confirm", {**body, "password": "yet another 1"})
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "token")


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_of_a_link_at_once_one_sets_the_password(bruno: User) -> None:
    token = reset_token(bruno)

    def use(number: int) -> int:
        body = {"token": token, "password": f"{PASSWORD} {number}"}
        return int(post("password-reset/confirm", body).status_code)

    answers = in_parallel([partial(use, number) for number in range(12)])
    assert sorted(answers) == [204] + [422] * 11


@pytest.mark.parametrize("what", ["password", "address", "sign-in", "time", "switched off"])
def test_link_of_a_lost_password_dies(bruno: User, what: str) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        token = reset_token(bruno)
        if what == "password":
            bruno.set_password("x")
            bruno.save()
        elif what == "address":
            User.objects.update(email="other@example.com")
        elif what == "sign-in":
            sign_in(bruno)
        elif what == "time":
            clock.shift(timedelta(hours=1, seconds=1))
        else:
            User.objects.update(is_active=False)
        assert post("password-reset/confirm", {"token": token, "password": PASSWORD}).status_code == 422


def test_token_of_one_user_is_none_of_another_s(bruno: User, clara: User) -> None:
    his, hers = reset_token(bruno), reset_token(clara)
    mixed = f"{hers.partition('.')[0]}.{his.partition('.')[2]}"
    assert post("password-reset/confirm", {"token": mixed, "password": PASSWORD}).status_code == 422


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8000@evil.example"])
def test_link_leads_to_this_installation_whatever_host_was_asked(
    bruno: User, settings: Any, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = "https://help.example"
    body = {"email": "bruno@example.com"}
    post("password-reset", body, HTTP_HOST=host, HTTP_X_FORWARDED_HOST="evil.example")
    for letter in delivered():
        assert "https://help.example/accounts/password-reset/" in letter.body
        assert "evil" not in letter.body


@pytest.mark.parametrize("name", ["password-reset", "register"])
def test_mailbox_is_not_flooded_whether_or_not_it_is_known(
    bruno: User, settings: Any, still_minute: None, name: str
) -> None:
    settings.ACCOUNT_MAILS_PER_HOUR = 2
    for email in ("bruno@example.com", "nobody@example.com"):
        body = {"email": email} if name == "password-reset" else {**EVA, "email": email}
        statuses = [post(name, body, REMOTE_ADDR=f"10.0.0.{number}").status_code for number in range(4)]
        assert statuses == [202, 202, 429, 429]
    assert len(planned("accounts.send_mail")) == 4


def test_address_that_asks_for_many_has_to_wait(db: None, still_minute: None) -> None:
    statuses = [
        post("password-reset", {"email": f"n{number}@example.com"}).status_code for number in range(101)
    ]
    assert set(statuses[:100]) == {202}
    assert statuses[100] == 429


@pytest.mark.parametrize("language", ["pt-br", "es", "en", ""])
def test_mail_is_in_the_language_of_its_reader(bruno: User, language: str) -> None:
    User.objects.update(language=language)
    post("password-reset", {"email": "bruno@example.com"}, HTTP_ACCEPT_LANGUAGE="de")
    (letter,) = delivered()
    with translation.override(language or "en"):
        assert letter.subject == gettext("Choose a new password")
    assert letter.from_email == current.DEFAULT_FROM_EMAIL


def test_key_cannot_do_what_is_for_people(with_key: KeyMaker) -> None:
    key = with_key("admin")
    for verb, name in (("get", "me"), ("get", "sign-ins"), ("delete", "sign-ins"), ("post", "password")):
        body = {"old_password": "x", "new_password": PASSWORD} if verb == "post" else None
        assert getattr(key, verb)(f"/api/v1/auth/{name}", body, format="json").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_worker_sends_the_mail(server: LiveServer, bruno: User) -> None:
    answer = httpx.post(f"{server.url}/api/v1/auth/password-reset", json={"email": "bruno@example.com"})
    assert answer.status_code == 202
    assert eventually(lambda: mail.outbox)
    body = {"token": token_in(mail.outbox[0]), "password": PASSWORD}
    assert httpx.post(f"{server.url}/api/v1/auth/password-reset/confirm", json=body).status_code == 204
    tokens = httpx.post(
        f"{server.url}/api/v1/auth/login", json={"username": "bruno", "password": PASSWORD}
    ).json()
    assert bearer(tokens["access"]).get("/api/v1/auth/me").json()["username"] == "bruno"
