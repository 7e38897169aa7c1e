"""Roles that must have a second factor: nothing of the desk opens before, and all of it afterwards."""

import asyncio
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async

from accounts.actions import create_api_key
from accounts.models import User
from accounts.signing_in.factors import SecondFactorRequired, lacks_second_factor, require_second_factor
from conversations.models import Conversation
from core.actor import Actor
from tests.accounts.entrance import DESK, ME, give_app, give_codes, is_in, show_again, shown, signed_in
from tests.live import LiveServer

PAGES = [DESK, "/admin/tickets/", "/admin/settings/", "/admin/accounts/user/", "/docs", "/api/schema"]


@pytest.fixture(autouse=True)
def _required(settings: Any) -> None:
    settings.MFA_REQUIRED_ROLES = ["operator", "admin"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_lead_to_where_it_is_set_up(ana: User, path: str) -> None:
    client = signed_in(ana)
    answer = client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Location"]) == (302, ME)


def test_the_page_of_the_account_offers_nothing_of_the_desk(bruno: User) -> None:
    page = signed_in(bruno).get(ME).content.decode()
    assert 'class="places"' not in page
    assert "/accounts/me/app/" in page
    assert "/admin/logout/" in page


def test_scripts_of_the_desk_are_told(bruno: User, conversation: Conversation) -> None:
    client = signed_in(bruno)
    for path in (f"{DESK}rows/", f"{DESK}{conversation.pk}/thread/"):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    answer = client.post(f"{DESK}{conversation.pk}/reply/", "{}", content_type="application/json")
    assert answer.json()["code"] == "second_factor_required"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Accept": "text/html"}])
def test_a_session_opens_nothing_in_the_api(bruno: User, headers: dict[str, str]) -> None:
    answer = signed_in(bruno).get("/api/v1/tickets/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


def test_a_sign_in_that_was_there_before_opens_nothing_and_may_end(
    client: Any, bruno: User, settings: Any
) -> None:
    settings.MFA_REQUIRED_ROLES = []
    bruno.set_password("a long password")
    bruno.save()
    body = {"username": bruno.username, "password": "a long password"}
    tokens = client.post("/api/v1/auth/login", body, content_type="application/json").json()
    bearer = {"Authorization": f"Bearer {tokens['access']}"}
    assert client.get("/api/v1/tickets/", headers=bearer).status_code == 200
    settings.MFA_REQUIRED_ROLES = ["operator"]
    answer = client.get("/api/v1/tickets/", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    ending = {"refresh": tokens["refresh"]}
    answer = client.post("/api/v1/auth/logout", ending, content_type="application/json")
    assert answer.status_code == 204


def test_a_key_is_asked_for_nothing_not_even_beside_a_session(bruno: User) -> None:
    _row, key = create_api_key(name="Shop", by=Actor.system(), all_teams=True)
    client = signed_in(bruno)
    assert client.get("/api/v1/tickets/", headers={"X-API-Key": key}).status_code == 200


def test_roles_that_are_not_named_are_asked_for_nothing(bruno: User, settings: Any) -> None:
    settings.MFA_REQUIRED_ROLES = ["lead", "admin"]
    assert is_in(signed_in(bruno))


def test_superusers_count_as_administrators(ana: User, settings: Any) -> None:
    settings.MFA_REQUIRED_ROLES = ["admin"]
    User.objects.filter(pk=ana.pk).update(role="operator")
    assert lacks_second_factor(User.objects.get(pk=ana.pk))


def test_whoever_sets_one_up_goes_on_to_the_desk(bruno: User) -> None:
    client = signed_in(bruno)
    show_again(client, bruno)
    secret = client.get("/accounts/me/app/").context["form"].secret
    client.post("/accounts/me/app/", {"code": shown(secret)})
    assert is_in(client)
    assert client.get("/api/v1/tickets/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(bruno: User) -> None:
    give_codes(bruno)
    with pytest.raises(SecondFactorRequired):
        require_second_factor(bruno)
    give_app(bruno)
    require_second_factor(bruno)


def test_one_may_leave(bruno: User) -> None:
    client = signed_in(bruno)
    client.post("/admin/logout/")
    assert "_auth_user_id" not in client.session


def test_asking_costs_one_query(bruno: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        lacks_second_factor(bruno)


@pytest.mark.django_db(transaction=True)
async def test_sockets_of_the_desk_stay_shut(quiet_server: LiveServer, bruno: User) -> None:
    client = await sync_to_async(signed_in)(bruno)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    address = f"ws://127.0.0.1:{quiet_server.port}/ws/desk/"

    async def is_open() -> bool:
        try:
            headers = {"Cookie": cookie, "Origin": quiet_server.url}
            async with websockets.connect(address, additional_headers=headers) as socket:
                return "ready" in await asyncio.wait_for(socket.recv(), 10)
        except (websockets.InvalidStatus, websockets.ConnectionClosed):
            return False

    assert not await is_open()
    await sync_to_async(give_app)(bruno)
    assert await is_open()
