"""The pages behind the links in our mails."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.actions import invite, register
from accounts.actions.passwords import reset_token
from accounts.models import Invitation, Registration, Team, User
from core.actor import Actor
from tests.accounts.mailbox import delivered, token_in

PASSWORD = "correct horse 7 battery"
FORGOTTEN = "/accounts/password-reset/"


@pytest.fixture
def invited(team: Team) -> str:
    invite(email="eva@example.com", teams=[team], by=Actor.system())
    return f"/accounts/invitation/{token_in(delivered()[0])}/"


def test_login_leads_to_the_page_for_lost_passwords(client: Client, db: None) -> None:
    assert f'href="{FORGOTTEN}"' in client.get("/admin/login/", follow=True).content.decode()
    assert client.get(FORGOTTEN).status_code == 200


def test_lost_password_is_chosen_anew(client: Client, bruno: User) -> None:
    asked = client.post(FORGOTTEN, {"email": "bruno@example.com"})
    (letter,) = delivered()
    link = f"{FORGOTTEN}{token_in(letter)}/"
    assert 'type="password"' in client.get(link).content.decode()
    done = client.post(link, {"password": PASSWORD})
    assert (asked.status_code, done.status_code) == (200, 200)
    assert 'href="/admin/login/"' in done.content.decode()
    bruno.refresh_from_db()
    assert bruno.check_password(PASSWORD)
    again = client.post(link, {"password": "another 1 of them"})
    assert (again.status_code, "This link is not valid" in again.content.decode()) == (422, True)


def test_page_does_not_tell_who_is_known(client: Client, bruno: User) -> None:
    known, unknown = (
        client.post(FORGOTTEN, {"email": email}).content for email in ("bruno@example.com", "no@example.com")
    )
    assert known == unknown
    assert len(delivered()) == 1


def test_weak_password_is_refused_beside_its_field(client: Client, bruno: User) -> None:
    page = client.post(f"{FORGOTTEN}{reset_token(bruno)}/", {"password": "password"})
    assert page.status_code == 422
    assert "This password is too common." in page.content.decode()
    bruno.refresh_from_db()
    assert bruno.check_password("bruno")


def test_who_was_invited_joins(client: Client, invited: str, team: Team) -> None:
    assert "eva@example.com" in client.get(invited).content.decode()
    assert client.post(invited, {"name": "Eva Prado", "password": PASSWORD}).status_code == 200
    user = User.objects.get(email="eva@example.com")
    assert (user.display_name, user.teams.get(), user.check_password(PASSWORD)) == ("Eva Prado", team, True)
    entered = client.post("/admin/login/", {"username": "eva@example.com", "password": PASSWORD})
    assert entered.status_code == 302
    assert client.get(invited).status_code == 404


@pytest.mark.parametrize("token", ["x", "%20", "%00", "None", "a" * 43])
def test_invitation_that_is_none_is_not_found(client: Client, invited: str, token: str) -> None:
    Invitation.objects.update(token_hash=None)
    assert client.get(f"/accounts/invitation/{token}/").status_code == 404
    assert client.get("/accounts/invitation//").status_code == 404


def test_looking_at_a_link_changes_nothing(client: Client, invited: str, bruno: User) -> None:
    """Programs that check mails follow links."""
    register(email="rui@example.com", name="Rui", password=PASSWORD)
    confirm = f"/accounts/confirm/{token_in(delivered()[0])}/"
    for link in (invited, confirm, f"{FORGOTTEN}{reset_token(bruno)}/"):
        for _ in range(2):
            assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200
    assert not User.objects.filter(email__in=["eva@example.com", "rui@example.com"]).exists()
    assert client.post(confirm).status_code == 200
    assert User.objects.filter(email="rui@example.com").exists()
    assert not Registration.objects.exists()
    assert client.post(confirm).status_code == 422


@pytest.mark.parametrize("name", ["forgotten", "reset", "invitation"])
def test_secret_in_the_address_is_told_to_nobody(
    client: Client, invited: str, bruno: User, name: str
) -> None:
    links = {"forgotten": FORGOTTEN, "reset": f"{FORGOTTEN}{reset_token(bruno)}/", "invitation": invited}
    page = client.get(links[name])
    assert page["Referrer-Policy"] == "same-origin"
    assert page["Cache-Control"] == "no-store"
    assert "'unsafe" not in page["Content-Security-Policy"]
    body = page.content.decode()
    assert "<style" not in body
    assert " style=" not in body
    assert "http://" not in body.replace("http://www.w3.org/", "")


def test_post_of_another_site_is_refused(bruno: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(FORGOTTEN, {"email": "bruno@example.com"}).status_code == 403


@pytest.mark.parametrize("verb", ["put", "delete", "patch"])
def test_pages_are_read_and_posted_to_only(client: Client, db: None, verb: str) -> None:
    assert getattr(client, verb)(FORGOTTEN).status_code == 405


def test_somebody_who_is_signed_in_sees_the_page_and_not_their_desk(client: Client, ana: User) -> None:
    client.force_login(ana)
    page = client.get(f"{FORGOTTEN}{reset_token(ana)}/").content.decode()
    assert 'type="password"' in page
    assert "with-sidebar" not in page


def test_page_says_to_wait(client: Client, bruno: User, settings: Any, still_minute: None) -> None:
    settings.ACCOUNT_MAILS_PER_HOUR = 1
    client.post(FORGOTTEN, {"email": "bruno@example.com"})
    page = client.post(FORGOTTEN, {"email": "bruno@example.com"})
    assert (page.status_code, "Too many requests" in page.content.decode()) == (429, True)


def test_page_is_closed_without_the_cache(
    client: Client, bruno: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "incr", broken)
    assert client.post(FORGOTTEN, {"email": "bruno@example.com"}).status_code == 503
    assert delivered() == []


def test_old_link_is_dead(client: Client, bruno: User, time_machine: Any) -> None:
    link = f"{FORGOTTEN}{reset_token(bruno)}/"
    time_machine.move_to(timezone.now() + timedelta(hours=1, seconds=2))
    assert client.post(link, {"password": PASSWORD}).status_code == 422
