"""What allauth brings: every address of it is either ours, and answers as it should, or closed."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from accounts.signing_in.urls import urlpatterns
from tests.accounts.entrance import LOGIN, ME, give_app, give_codes, show_again, signed_in

# What each address answers to a GET: nobody, staff, staff who have just shown their password.
LOGIN_PAGE, AGAIN = "/accounts/login/", "/accounts/again/"
ANSWERS: dict[str, tuple[int | str, int | str, int | str]] = {
    "/accounts/login/": (200, "/admin/", "/admin/"),
    "/accounts/login/passkey/": (LOGIN_PAGE, "/admin/", "/admin/"),
    "/accounts/login/code/": (LOGIN_PAGE, "/admin/", "/admin/"),
    "/accounts/sign-on/oidc/": (404, 404, 404),
    "/accounts/sign-on/oidc/callback/": (404, 404, 404),
    "/accounts/again/": (LOGIN_PAGE, 200, 200),
    "/accounts/again/code/": (LOGIN_PAGE, 200, 200),
    "/accounts/again/passkey/": (LOGIN_PAGE, AGAIN, AGAIN),
    "/accounts/me/": (LOGIN_PAGE, 200, 200),
    "/accounts/me/password/": (LOGIN_PAGE, 200, 200),
    "/accounts/me/app/": (LOGIN_PAGE, AGAIN, "/accounts/me/app/remove/"),
    "/accounts/me/app/remove/": (LOGIN_PAGE, AGAIN, 200),
    "/accounts/me/recovery-codes/": (LOGIN_PAGE, AGAIN, 200),
    "/accounts/me/recovery-codes/new/": (LOGIN_PAGE, AGAIN, 200),
    "/accounts/me/passkeys/add/": (LOGIN_PAGE, AGAIN, 200),
    "/accounts/me/passkeys/1/name/": (LOGIN_PAGE, AGAIN, 404),
    "/accounts/me/passkeys/1/remove/": (LOGIN_PAGE, AGAIN, 404),
    "/accounts/me/sign-on/": (LOGIN_PAGE, AGAIN, 200),
    "/accounts/me/sign-out/": (LOGIN_PAGE, AGAIN, 200),
}
# What allauth would open under its own addresses; ours have the names that it looks for.
CLOSED = {
    "account_logout", "account_inactive", "account_signup", "account_email",
    "account_email_verification_sent",
    "account_set_password", "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
    "mfa_download_recovery_codes", "socialaccount_login_cancelled", "socialaccount_login_error",
    "socialaccount_signup",
}  # fmt: skip


def names(patterns: Iterable[Any]) -> Iterable[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def paths() -> set[str]:
    """Every address of ours, with the values of the table."""
    found = set()
    for pattern in urlpatterns:
        route = str(pattern.pattern).replace("<slug:provider_id>", "oidc").replace("<int:pk>", "1")
        found.add(f"/accounts/{route}")
    return found


@pytest.fixture
def doors(ana: User, bruno: User) -> dict[str, list[Client]]:
    """Nobody; an operator and an administrator; the same who have shown their password."""
    fresh = [signed_in(user) for user in (ana, bruno)]
    shown = [signed_in(user) for user in (ana, bruno)]
    for client, user in zip(shown, (ana, bruno), strict=True):
        show_again(client, user)
        give_app(user)
        give_codes(user)
    return {"nobody": [Client()], "staff": fresh, "shown": shown}


def test_every_address_is_in_the_table() -> None:
    assert paths() == set(ANSWERS)


def test_every_name_of_allauth_is_ours_or_closed() -> None:
    theirs = set(names(get_resolver("allauth.urls").url_patterns))
    ours = set(names(urlpatterns))
    assert theirs - ours == CLOSED
    for name in CLOSED:
        with pytest.raises(NoReverseMatch):
            reverse(name)


@pytest.mark.parametrize("path", ANSWERS)
def test_an_address_answers_each_as_it_should(path: str, doors: dict[str, list[Client]]) -> None:
    for clients, expected in zip(doors.values(), ANSWERS[path], strict=True):
        for client in clients:
            answer = client.get(path)
            location = answer.headers.get("Location", "").partition("?")[0]
            assert expected in {answer.status_code, location}, (path, answer.status_code, location)
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in f"{policy};"
            assert "unsafe" not in policy
            assert answer.headers["X-Frame-Options"] == "DENY"
            if answer.status_code == 200:
                assert "no-store" in answer.headers.get("Cache-Control", ""), path


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "head", "options", "trace"])
def test_no_method_breaks_an_address(method: str, doors: dict[str, list[Client]]) -> None:
    for clients in doors.values():
        for path in ANSWERS:
            assert getattr(clients[0], method)(path).status_code < 500, (method, path)


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "password/set/", "logout/",
                                  "confirm-email/", "inactive/", "2fa/", "3rdparty/", "3rdparty/signup/",
                                  "social/signup/", "oidc/oidc/login/", "login/code/confirm/"])  # fmt: skip
def test_allauth_s_own_addresses_are_closed(client: Client, ana: User, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post(f"/accounts/{path}", {"email": "x@example.com"}).status_code == 404
    assert signed_in(ana).get(f"/accounts/{path}").status_code == 404


def test_forms_want_their_token(bruno: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(LOGIN, {"username": "bruno", "password": "bruno"}).status_code == 403
    client.force_login(bruno)
    for path in ("password/", "sign-out/", "app/", "sign-on/"):
        assert client.post(f"{ME}{path}").status_code == 403


def test_secrets_and_tokens_are_not_in_the_admin() -> None:
    assert not [model for model in admin.site._registry if model.__module__.startswith("allauth")]
