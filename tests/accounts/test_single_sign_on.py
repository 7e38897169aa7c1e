"""Single sign-on against a provider that answers over HTTP, and lies as the tests ask."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from accounts.queries import user_by_email
from accounts.signing_in.newcomers import role_of, verified_email
from tests.accounts.entrance import CODE, ME, give_app, is_in, show_again, shown, signed_in, words
from tests.conftest import make_user
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, OidcProvider, new_key
from tests.live import LiveServer

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
START, CALLBACK = "/accounts/sign-on/oidc/", "/accounts/sign-on/oidc/callback/"


@pytest.fixture
def provider(settings: Any) -> Iterator[OidcProvider]:
    """The provider, set up as the environment would."""
    fake = OidcProvider()
    settings.OIDC_ISSUER, settings.OIDC_NAME, settings.PUBLIC_URL = fake.url, "Acme", "http://testserver"
    app = {"provider_id": "oidc", "name": "Acme", "client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    app["settings"] = {"server_url": fake.url}  # type: ignore[assignment]
    kind = {"provider_class": "accounts.signing_in.oidc.SignOn", "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": kind}
    yield fake
    fake.shutdown()
    fake.server_close()


def there(client: Client, address: str = START) -> str:
    """Goes to the provider and returns the address that it sends the browser back to."""
    sent = client.get(address)
    assert sent.status_code == 302, sent.content
    back = httpx.get(sent["Location"])
    return back.headers["location"].removeprefix("http://testserver")


def sign_on(client: Client, address: str = START) -> Any:
    """Goes there and back."""
    return client.get(there(client, address))


def test_the_page_offers_it_only_where_it_is_set_up(client: Client, db: None, provider: OidcProvider) -> None:
    assert f'href="{START}"' in client.get("/accounts/login/").content.decode()


def test_a_verified_address_of_one_user_is_that_user(bruno: User, provider: OidcProvider) -> None:
    client = Client()
    assert sign_on(client)["Location"] == "/admin/"
    assert is_in(client)
    assert client.session["_auth_user_id"] == str(bruno.pk)
    row = SocialAccount.objects.get()
    assert (row.user, row.extra_data["sub"]) == (bruno, "u-1")
    assert User.objects.get(pk=bruno.pk).check_password("bruno"), "the password stays"


def test_afterwards_the_subject_decides_and_not_the_address(
    bruno: User, clara: User, provider: OidcProvider
) -> None:
    sign_on(Client())
    provider.person |= {"email": "clara@example.com"}
    client = Client()
    sign_on(client)
    assert client.session["_auth_user_id"] == str(bruno.pk)
    provider.person |= {"sub": "u-2"}
    other = Client()
    sign_on(other)
    assert other.session["_auth_user_id"] == str(clara.pk)


def test_an_address_that_was_given_to_somebody_else_opens_nothing(
    bruno: User, provider: OidcProvider
) -> None:
    sign_on(Client())
    provider.person |= {"sub": "u-9"}
    client = Client()
    answer = sign_on(client)
    assert (answer.status_code, "before" in words(answer)) == (403, True)
    assert not is_in(client)


def test_the_request_has_state_nonce_and_pkce_and_takes_nothing_from_the_address(
    client: Client, db: None, provider: OidcProvider
) -> None:
    there(client, f"{START}?scope=admin&auth_params=nonce%3Dx%26prompt%3Dnone&process=connect")
    (asked,) = provider.asked
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 16
    assert "prompt" not in asked
    assert asked["redirect_uri"] == f"http://testserver{CALLBACK}"


@pytest.mark.parametrize(
    "lies",
    [
        {"nonce": "of another request"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": [CLIENT_ID, "somebody else"], "azp": "somebody else"},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_000},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
    ],
)
def test_a_token_that_does_not_fit_opens_nothing(
    bruno: User, provider: OidcProvider, lies: dict[str, Any]
) -> None:
    provider.lies = lies
    client = Client()
    assert sign_on(client).status_code == 401
    assert not is_in(client)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("name", ["nonce", "aud", "iss", "exp", "iat", "sub"])
def test_a_token_that_leaves_something_out_opens_nothing(
    bruno: User, provider: OidcProvider, name: str
) -> None:
    provider.leaves_out = {name}
    client = Client()
    assert sign_on(client).status_code == 401
    assert not is_in(client)


@pytest.mark.parametrize("trick", ["other key", "shared secret", "public key as secret", "none", "other kid"])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    bruno: User, provider: OidcProvider, trick: str
) -> None:
    if trick == "other key":
        provider.signs_with = new_key()
    elif trick == "shared secret":
        provider.signs_with, provider.algorithm = CLIENT_SECRET * 8, "HS256"
    elif trick == "public key as secret":
        provider.signs_with, provider.algorithm = str(provider.keys()["keys"][0]["n"]), "HS256"
    elif trick == "none":
        provider.signs_with, provider.algorithm = None, "none"
    else:
        token = provider.id_token
        provider.id_token = lambda asked: resigned(provider, token(asked))  # type: ignore[method-assign]
    client = Client()
    assert sign_on(client).status_code == 401
    assert not is_in(client)


def resigned(provider: OidcProvider, token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, provider.key, algorithm="RS256", headers={"kid": "unknown"})


def test_a_description_of_another_issuer_opens_nothing(bruno: User, provider: OidcProvider) -> None:
    provider.described = {"issuer": "https://evil.example"}
    assert Client().get(START).status_code == 503


@pytest.mark.parametrize("described", [{"jwks_uri": None}, {"token_endpoint": 1}])
def test_half_a_description_opens_nothing(
    bruno: User, provider: OidcProvider, described: dict[str, Any]
) -> None:
    provider.described = described
    assert Client().get(START).status_code == 503


def test_a_provider_that_is_away_is_said(bruno: User, provider: OidcProvider) -> None:
    client = Client()
    back = there(client)
    provider.shutdown()
    provider.server_close()
    assert client.get(back).status_code == 503
    assert not is_in(client)
    cache.clear()
    answer = client.get(START)
    assert (answer.status_code, "Acme does not answer" in words(answer)) == (503, True)


def test_the_description_is_fetched_once_in_five_minutes(
    bruno: User, provider: OidcProvider, time_machine: Any
) -> None:
    time_machine.move_to(NOON, tick=False)
    sign_on(Client())
    provider.described = {"authorization_endpoint": f"{provider.url}/elsewhere"}
    assert "/authorize?" in Client().get(START)["Location"]
    time_machine.move_to(NOON + timedelta(seconds=301), tick=False)
    assert "/elsewhere?" in Client().get(START)["Location"]


def test_a_description_that_does_not_fit_is_not_kept(bruno: User, provider: OidcProvider) -> None:
    provider.described = {"issuer": "https://evil.example"}
    assert Client().get(START).status_code == 503
    provider.described = {}
    assert Client().get(START).status_code == 302


def test_without_the_cache_the_description_is_fetched_each_time(
    bruno: User, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    client = Client()
    back = there(client)
    for name in ("get", "set"):
        monkeypatch.setattr(cache, name, away)
    assert client.get(back)["Location"] == "/admin/"


def test_an_address_begins_so_many_sign_ons_in_a_minute(
    bruno: User, provider: OidcProvider, still_minute: None
) -> None:
    for _ in range(60):
        other_site = Client().get(START, headers={"Sec-Fetch-Site": "cross-site"})
        assert other_site.status_code == 302, "it is not counted: any page could use up an address's tries"
        assert Client().get(START).status_code == 302
    refused = Client().get(START)
    assert refused.status_code == 429
    assert "Location" not in refused
    assert Client(REMOTE_ADDR="10.0.0.2").get(START).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_takes_its_time_keeps_no_usual_thread_waiting(
    bruno: User, provider: OidcProvider, quiet_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers: set[str] = set()
    real = requests.Session.request

    def request(*arguments: Any, **options: Any) -> requests.Response:
        callers.add(threading.current_thread().name.partition("-")[0])
        return real(*arguments, **options)

    monkeypatch.setattr(requests.Session, "request", request)
    with httpx.Client(base_url=quiet_server.url) as browser:
        back = httpx.get(browser.get(START).headers["location"]).headers["location"]
        assert callers == {"waiting"}
        entered = browser.get(back.removeprefix("http://testserver"))
        assert (entered.status_code, entered.headers["location"]) == (302, "/admin/")
        assert browser.get(ME).status_code == 200
    assert callers == {"waiting"}


def test_an_answer_is_good_for_once_and_for_who_asked(bruno: User, provider: OidcProvider) -> None:
    client, other = Client(), Client()
    back = there(client)
    assert other.get(back).status_code == 401, "the state is of another browser"
    assert client.get(back).status_code == 302
    client.post("/admin/logout/")
    assert client.get(back).status_code == 401
    assert not is_in(client)
    assert not is_in(other)


def test_a_code_that_was_used_opens_nothing(bruno: User, provider: OidcProvider) -> None:
    first, second = Client(), Client()
    used = parse_qs(urlsplit(there(first)).query)["code"][0]
    state = parse_qs(urlsplit(there(second)).query)["state"][0]
    assert second.get(f"{CALLBACK}?code={used}&state={state}").status_code == 401
    assert provider.refusals == ["wrong code_verifier"]
    assert not is_in(second)


def test_a_sign_on_that_is_given_up_is_said(bruno: User, provider: OidcProvider) -> None:
    client = Client()
    state = parse_qs(urlsplit(there(client)).query)["state"][0]
    answer = client.get(f"{CALLBACK}?error=access_denied&state={state}")
    assert (answer.status_code, "given up" in words(answer)) == (401, True)


@pytest.mark.parametrize("query", ["", "?state=x", "?code=x", "?state=x&code=x", "?error=x", "?state[]=x"])
def test_made_up_answers_break_nothing(db: None, provider: OidcProvider, query: str) -> None:
    assert Client().get(f"{CALLBACK}{query}").status_code == 401


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": "false"}, {"email": ""},
                                    {"email": "stranger@example.com"}])  # fmt: skip
def test_strangers_and_unverified_addresses_stay_outside(
    bruno: User, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    provider.person |= claims
    client = Client()
    answer = sign_on(client)
    assert (answer.status_code, "Ask an administrator" in words(answer)) == (403, True)
    assert not is_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
@pytest.mark.parametrize("is_known", [True, False])
def test_who_is_switched_off_stays_outside(
    bruno: User, provider: OidcProvider, settings: Any, change: dict[str, bool], *, is_known: bool
) -> None:
    settings.OIDC_CREATE_USERS = True
    if is_known:
        sign_on(Client())
    User.objects.update(**change)
    client = Client()
    assert sign_on(client).status_code == 403
    assert not is_in(client)
    assert User.objects.count() == 1


def test_unknown_people_become_operators_of_no_team_where_that_is_set(
    team: Any, provider: OidcProvider, settings: Any
) -> None:
    settings.OIDC_CREATE_USERS = True
    client = Client()
    assert sign_on(client).status_code == 302
    user = User.objects.get()
    assert (user.username, user.email, user.display_name) == ("bruno@example.com",) * 2 + ("Bruno Braga",)
    assert (user.role, user.is_staff, user.is_superuser, user.teams.count()) == ("operator", True, False, 0)
    assert not user.has_usable_password()
    assert is_in(client)


def test_nobody_is_made_of_an_address_too_long_for_a_name(
    db: None, provider: OidcProvider, settings: Any
) -> None:
    settings.OIDC_CREATE_USERS = True
    provider.person["email"] = f"{'b' * 60}@{'example.' * 12}com"
    assert sign_on(Client()).status_code == 403
    assert not User.objects.exists()


def test_nobody_is_made_of_an_unverified_address(db: None, provider: OidcProvider, settings: Any) -> None:
    settings.OIDC_CREATE_USERS = True
    provider.person["email_verified"] = False
    assert sign_on(Client()).status_code == 403
    assert not User.objects.exists()


def test_the_role_is_the_provider_s_where_a_claim_names_it(
    bruno: User, provider: OidcProvider, settings: Any
) -> None:
    settings.OIDC_ROLE_CLAIM = "realm_access.roles"
    for roles, expected in (["lead", "x"], "lead"), (["operator", "admin"], "admin"), (["x"], "admin"):
        provider.person["realm_access"] = {"roles": roles}
        sign_on(Client())
        assert User.objects.get().role == expected
        assert not User.objects.get().is_superuser


def test_what_no_role_is_changes_none() -> None:
    assert role_of({"role": "lead"}, "role") == "lead"
    for claims in ({}, {"role": 1}, {"role": {"lead": True}}, {"role": [["lead"]]}, {"role": "Superuser"}):
        assert role_of(claims, "role") is None
    assert role_of({"role": "admin"}, "") is None


def test_entra_says_in_other_words_that_an_address_is_verified() -> None:
    assert verified_email({"email": "a@x", "xms_edov": True}) == "a@x"
    assert verified_email({"email": "a@x", "xms_edov": False}) == ""
    assert verified_email({"email": "a@x"}) == ""


def test_the_second_factor_is_asked_for_all_the_same(bruno: User, provider: OidcProvider) -> None:
    give_app(bruno)
    client = Client()
    assert sign_on(client)["Location"] == CODE
    assert not is_in(client)
    client.post(CODE, {"code": shown()})
    assert is_in(client)


def test_one_is_led_to_where_one_wanted_to_go(bruno: User, provider: OidcProvider) -> None:
    assert sign_on(Client(), f"{START}?next=/admin/tickets/")["Location"] == "/admin/tickets/"
    assert sign_on(Client(), f"{START}?next=https://evil.example/")["Location"] == "/admin/"


def test_other_sites_start_no_sign_on(bruno: User, provider: OidcProvider) -> None:
    answer = Client().get(START, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer["Location"] == "/accounts/login/"
    assert not provider.asked


def connecting(client: Client) -> str:
    return str(client.get(ME).context["connecting"])


def test_an_account_is_tied_on_one_s_own_page(clara: User, bruno: User, provider: OidcProvider) -> None:
    client = signed_in(clara)
    show_again(client, clara)
    assert sign_on(client, f"{START}?connect={connecting(client)}")["Location"].startswith(ME)
    assert SocialAccount.objects.get().user == clara
    later = Client()
    sign_on(later)
    assert later.session["_auth_user_id"] == str(clara.pk)


def test_tying_asks_for_the_password(clara: User, provider: OidcProvider) -> None:
    client = signed_in(clara)
    answer = sign_on(client, f"{START}?connect={connecting(client)}")
    assert answer["Location"] == "/accounts/again/"
    assert not SocialAccount.objects.exists()
    show_again(client, clara)
    assert SocialAccount.objects.get().user == clara


@pytest.mark.parametrize("token", ["", "x", "%00", "é"])
def test_nobody_else_can_start_it(clara: User, provider: OidcProvider, token: str) -> None:
    client = signed_in(clara)
    show_again(client, clara)
    connecting(client)
    assert client.get(f"{START}?connect={token}")["Location"] == ME
    assert not provider.asked


def test_an_account_of_somebody_else_is_not_taken(bruno: User, clara: User, provider: OidcProvider) -> None:
    sign_on(Client())
    client = signed_in(clara)
    show_again(client, clara)
    sign_on(client, f"{START}?connect={connecting(client)}")
    assert SocialAccount.objects.get().user == bruno


def test_an_account_is_disconnected_by_its_owner(bruno: User, clara: User, provider: OidcProvider) -> None:
    sign_on(Client())
    row = SocialAccount.objects.get()
    other = signed_in(clara)
    show_again(other, clara)
    assert other.post("/accounts/me/sign-on/", {"account": row.pk}).status_code == 200
    assert SocialAccount.objects.exists()
    client = signed_in(bruno)
    show_again(client, bruno)
    assert client.post("/accounts/me/sign-on/", {"account": row.pk})["Location"] == ME
    assert not SocialAccount.objects.exists()


def test_who_has_no_password_keeps_the_last_sign_on(provider: OidcProvider, db: None, settings: Any) -> None:
    settings.OIDC_CREATE_USERS = True
    client = Client()
    sign_on(client)
    page = client.post("/accounts/me/sign-on/", {"account": SocialAccount.objects.get().pk})
    assert page.status_code == 200
    assert SocialAccount.objects.exists()


def test_who_has_no_password_signs_on_again_before_something_weighty(
    db: None, provider: OidcProvider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_CREATE_USERS = True
    client = Client()
    sign_on(client)
    assert client.get("/accounts/me/app/").status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = client.get("/accounts/me/app/")
    assert answer["Location"] == f"{START}?next=%2Faccounts%2Fme%2Fapp%2F"


def test_with_sign_on_only_a_passkey_does_not_do(bruno: User, provider: OidcProvider, settings: Any) -> None:
    from accounts.signing_in.adapters import AccountAdapter

    settings.OIDC_ONLY = True
    client = Client()
    sign_on(client)
    assert is_in(client)
    request = client.get(ME).wsgi_request
    request.session = Client().session
    refusal = AccountAdapter().pre_login(request, bruno)
    assert refusal is not None
    assert refusal.status_code == 403


def test_letter_whose_capital_is_anothers_is_another_letter(provider: OidcProvider, db: None) -> None:
    """In capitals, the i without a dot and the other are the same."""
    vitor = make_user("vitor", Role.ADMIN)
    provider.person |= {"email": "v\u0131tor@example.com", "email_verified": True, "sub": "u-77"}
    client = Client()
    sign_on(client)
    assert client.session.get("_auth_user_id") != str(vitor.pk)
    assert user_by_email("V\u0131tor@example.com") is None
    assert user_by_email("VITOR@example.com") == vitor
